package monitoring

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Runbook is the document that alarms point to; an anchor follows.
const Runbook = "docs/runbook.md#"

// comparison is how a metric is held against a threshold.
type comparison string

const (
	above   comparison = "GreaterThanThreshold"
	atLeast comparison = "GreaterThanOrEqualToThreshold"
	below   comparison = "LessThanThreshold"
)

// missing is what silence means.
type missing string

const (
	silenceIsGood missing = "notBreaching" // nothing happens when nothing is wrong
	silenceIsBad  missing = "breaching"    // a heartbeat
	silenceWaits  missing = "missing"      // neither: the state becomes INSUFFICIENT_DATA
)

// section is a part of the dashboard, one a tier.
type section string

const (
	doors    section = "Load balancers"
	backend  section = "Backend"
	database section = "Database"
	agents   section = "Agents and queue"
	gateway  section = "API Gateway"
	storage  section = "Storage"
	network  section = "Network"
)

type dimension struct {
	name  string
	value pulumi.StringInput
}

type metric struct {
	namespace, name string
	dimensions      []dimension
}

// alarm is one row of the table.
type alarm struct {
	name      string // of the resource
	anchor    string // in the runbook; empty: the name
	section   section
	means     string // one sentence, for whom it wakes up
	metric    metric
	statistic string // e.g. "Maximum" or "p99"
	period    int    // seconds
	periods   int    // how many are looked at
	breaching int    // how many of them must breach; 0: all
	is        comparison
	threshold float64
	silence   missing
}

func (a alarm) runbook() string {
	if a.anchor != "" {
		return Runbook + a.anchor
	}
	return Runbook + a.name
}

func (a alarm) percentile() bool { return strings.HasPrefix(a.statistic, "p") }

// alarms creates the alarms and returns their ARNs, in the table's order.
func (b *builder) alarms(table []alarm) (pulumi.StringArray, error) {
	var arns pulumi.StringArray
	for _, a := range table {
		child := b.child(a.name)
		dimensions := pulumi.StringMap{}
		for _, d := range a.metric.dimensions {
			dimensions[d.name] = d.value
		}
		args := &cloudwatch.MetricAlarmArgs{
			AlarmDescription:   pulumi.String(a.means + " Runbook: " + a.runbook()),
			Namespace:          pulumi.String(a.metric.namespace),
			MetricName:         pulumi.String(a.metric.name),
			Dimensions:         dimensions,
			Period:             pulumi.Int(a.period),
			EvaluationPeriods:  pulumi.Int(a.periods),
			ComparisonOperator: pulumi.String(string(a.is)),
			Threshold:          pulumi.Float64(a.threshold),
			TreatMissingData:   pulumi.String(string(a.silence)),
			AlarmActions:       pulumi.Array{b.args.TopicARN},
			OkActions:          pulumi.Array{b.args.TopicARN},
			Tags:               b.tags(child),
		}
		if a.breaching > 0 {
			args.DatapointsToAlarm = pulumi.Int(a.breaching)
		}
		if a.percentile() {
			args.ExtendedStatistic = pulumi.String(a.statistic)
			args.EvaluateLowSampleCountPercentiles = pulumi.String("ignore") // a few requests have no percentile
		} else {
			args.Statistic = pulumi.String(a.statistic)
		}
		created, err := cloudwatch.NewMetricAlarm(b.ctx, child, args, b.parent)
		if err != nil {
			return nil, fmt.Errorf("creating alarm %s: %w", a.name, err)
		}
		arns = append(arns, created.Arn)
	}
	return arns, nil
}
