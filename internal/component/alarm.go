package component

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Runbook is the document that alarms point to, unless the stack says where it is published.
const Runbook = "docs/runbook.md"

// WithRunbook returns a description that ends with a reference to an entry of the runbook: a link, where the stack has its address.
func (b *Builder) WithRunbook(description, entry string) string {
	return description + " Runbook: " + cmp.Or(b.Stack.RunbookURL, Runbook) + "#" + entry
}

// Comparison is how a metric is compared with a threshold.
type Comparison string

// The comparisons, by CloudWatch's names.
const (
	Above   Comparison = "GreaterThanThreshold"
	AtLeast Comparison = "GreaterThanOrEqualToThreshold"
	Below   Comparison = "LessThanThreshold"
)

// NoData is the state of an alarm whose metric has no data.
type NoData string

// The states, by CloudWatch's names.
const (
	NoDataIsOK      NoData = "notBreaching" // nothing is reported when nothing is wrong
	NoDataIsAlarm   NoData = "breaching"    // something has to be reported all the time
	NoDataIsUnknown NoData = "missing"      // neither: the state becomes INSUFFICIENT_DATA
)

// Dimension is one dimension of a metric.
type Dimension struct {
	Name  string
	Value pulumi.StringInput
}

// Metric names one metric of CloudWatch.
type Metric struct {
	Namespace, Name string
	Dimensions      []Dimension
}

// Alarm describes an alarm of CloudWatch on a metric, or on an expression over several.
type Alarm struct {
	Description string             // one sentence that says what is wrong
	Runbook     string             // entry of docs/runbook.md; empty: the alarm's suffix
	Topic       pulumi.StringInput // ARN; notified when the alarm begins and when it ends
	Actions     []string           // ARNs of more actions when the alarm begins

	Metric    Metric
	Statistic string // of Metric, e.g. "Maximum" or "p99"
	Period    int    // of Metric, in seconds

	// Queries replace Metric, Statistic and Period; exactly one of them returns data.
	Queries cloudwatch.MetricAlarmMetricQueryArray

	Comparison Comparison
	Threshold  float64
	Periods    int // number of last periods that are evaluated
	Breaching  int // in how many of them the comparison must hold; 0: in all
	NoData     NoData
}

// NewAlarm creates an alarm.
func (b *Builder) NewAlarm(suffix string, a Alarm) (*cloudwatch.MetricAlarm, error) {
	entry := a.Runbook
	if entry == "" {
		entry = suffix
	}
	args := &cloudwatch.MetricAlarmArgs{
		AlarmDescription:   pulumi.String(b.WithRunbook(a.Description, entry)),
		ComparisonOperator: pulumi.String(a.Comparison),
		Threshold:          pulumi.Float64(a.Threshold),
		EvaluationPeriods:  pulumi.Int(a.Periods),
		TreatMissingData:   pulumi.String(a.NoData),
		OkActions:          pulumi.Array{a.Topic},
		Tags:               b.Tags(suffix),
	}
	actions := pulumi.Array{}
	for _, arn := range a.Actions {
		actions = append(actions, pulumi.String(arn))
	}
	args.AlarmActions = append(actions, a.Topic)
	if a.Breaching > 0 {
		args.DatapointsToAlarm = pulumi.Int(a.Breaching)
	}
	if a.Queries != nil {
		args.MetricQueries = a.Queries
	} else {
		a.setMetric(args)
	}
	alarm, err := cloudwatch.NewMetricAlarm(b.Ctx, b.Name(suffix), args, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating alarm %s: %w", b.Name(suffix), err)
	}
	return alarm, nil
}

func (a Alarm) setMetric(args *cloudwatch.MetricAlarmArgs) {
	dimensions := pulumi.StringMap{}
	for _, d := range a.Metric.Dimensions {
		dimensions[d.Name] = d.Value
	}
	args.Namespace, args.MetricName, args.Dimensions = pulumi.String(a.Metric.Namespace), pulumi.String(a.Metric.Name), dimensions
	args.Period = pulumi.Int(a.Period)
	if strings.HasPrefix(a.Statistic, "p") {
		args.ExtendedStatistic = pulumi.String(a.Statistic)
		args.EvaluateLowSampleCountPercentiles = pulumi.String("ignore") // few requests have no useful percentile
	} else {
		args.Statistic = pulumi.String(a.Statistic)
	}
}

// AlarmNames returns the names of alarms, in the same order.
func AlarmNames(alarms []*cloudwatch.MetricAlarm) pulumi.StringArray {
	names := make(pulumi.StringArray, len(alarms))
	for i, alarm := range alarms {
		names[i] = alarm.Name
	}
	return names
}

// AlarmARNs returns the ARNs of alarms, in the same order.
func AlarmARNs(alarms []*cloudwatch.MetricAlarm) pulumi.StringArray {
	arns := make(pulumi.StringArray, len(alarms))
	for i, alarm := range alarms {
		arns[i] = alarm.Arn
	}
	return arns
}
