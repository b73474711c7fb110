package compute

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// More than errorPercent of the requests fail for errorMinutes; a minute with fewer than minRequests proves nothing.
	errorPercent = 5
	errorMinutes = 3
	minRequests  = 20

	// More than unhealthyPercent of the instances fail the check for unhealthyMinutes. Instances that are still booting fail
	// it too: a refresh adds at most one to a fleet of one, which is half, and none boots for as long as this.
	unhealthyPercent = 50
	unhealthyMinutes = 5
)

// newGuards makes the alarms that stop an instance refresh. They exist before the group, which names them.
func (t *tier) newGuards(public *publicDoor, gateway *gatewayDoor) ([]*cloudwatch.MetricAlarm, error) {
	guards := []guard{
		{
			suffix: "errors",
			description: fmt.Sprintf("More than %d %% of the requests to the backend fail. "+
				"Runbook: docs/runbook.md#backend-errors", errorPercent),
			queries: errorQueries(public),
			percent: errorPercent,
			minutes: errorMinutes,
		},
		{
			suffix: "unhealthy",
			description: fmt.Sprintf("More than %d %% of the backend's instances fail the public door's health check. "+
				"Runbook: docs/runbook.md#backend-unhealthy", unhealthyPercent),
			queries: unhealthyQueries("AWS/ApplicationELB", public.balancer, public.targets),
			percent: unhealthyPercent,
			minutes: unhealthyMinutes,
		},
		{
			suffix: "gateway-unhealthy",
			description: fmt.Sprintf("More than %d %% of the backend's instances fail the gateway door's health check. "+
				"Runbook: docs/runbook.md#backend-unhealthy", unhealthyPercent),
			queries: unhealthyQueries("AWS/NetworkELB", gateway.balancer, gateway.targets),
			percent: unhealthyPercent,
			minutes: unhealthyMinutes,
		},
	}
	var alarms []*cloudwatch.MetricAlarm
	for _, g := range guards {
		alarm, err := t.newGuard(g)
		if err != nil {
			return nil, err
		}
		alarms = append(alarms, alarm)
	}
	return alarms, nil
}

// guard is an alarm on a percentage: the last of its queries, which alone returns data.
type guard struct {
	suffix, description string
	queries             cloudwatch.MetricAlarmMetricQueryArray
	percent             float64
	minutes             int
}

func (t *tier) newGuard(g guard) (*cloudwatch.MetricAlarm, error) {
	alarm, err := cloudwatch.NewMetricAlarm(t.ctx, t.name+"-"+g.suffix, &cloudwatch.MetricAlarmArgs{
		AlarmDescription:   pulumi.String(g.description),
		MetricQueries:      g.queries,
		ComparisonOperator: pulumi.String("GreaterThanThreshold"),
		Threshold:          pulumi.Float64(g.percent),
		EvaluationPeriods:  pulumi.Int(g.minutes),
		// No data means no requests, or no instances yet.
		TreatMissingData: pulumi.String("notBreaching"),
		AlarmActions:     pulumi.Array{t.args.AlarmTopicARN},
		OkActions:        pulumi.Array{t.args.AlarmTopicARN},
		Tags:             t.tags(g.suffix),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating alarm %s: %w", g.suffix, err)
	}
	return alarm, nil
}

// errorQueries compute the percentage of failed requests. RequestCount leaves out requests for which the load balancer
// found no target, so its own errors are added on both sides.
func errorQueries(public *publicDoor) cloudwatch.MetricAlarmMetricQueryArray {
	sum := func(id, metric string) cloudwatch.MetricAlarmMetricQueryArgs {
		return metricQuery(id, "AWS/ApplicationELB", metric, "Sum", pulumi.StringMap{"LoadBalancer": public.balancer.ArnSuffix})
	}
	return cloudwatch.MetricAlarmMetricQueryArray{
		sum("served", "RequestCount"),
		sum("failed", "HTTPCode_Target_5XX_Count"),
		sum("refused", "HTTPCode_ELB_5XX_Count"),
		expressionQuery("requests", "", "FILL(served, 0) + FILL(refused, 0)"),
		expressionQuery("percent", "Failed requests, percent", fmt.Sprintf(
			"IF(requests >= %d, 100 * (FILL(failed, 0) + FILL(refused, 0)) / requests, 0)", minRequests)),
	}
}

// unhealthyQueries compute the percentage of registered instances that fail a health check.
func unhealthyQueries(namespace string, balancer *lb.LoadBalancer, targets *lb.TargetGroup) cloudwatch.MetricAlarmMetricQueryArray {
	average := func(id, metric string) cloudwatch.MetricAlarmMetricQueryArgs {
		return metricQuery(id, namespace, metric, "Average", pulumi.StringMap{
			"LoadBalancer": balancer.ArnSuffix,
			"TargetGroup":  targets.ArnSuffix,
		})
	}
	return cloudwatch.MetricAlarmMetricQueryArray{
		average("healthy", "HealthyHostCount"),
		average("unhealthy", "UnHealthyHostCount"),
		expressionQuery("percent", "Unhealthy instances, percent", "100 * unhealthy / (healthy + unhealthy)"),
	}
}

func metricQuery(id, namespace, metric, stat string, dimensions pulumi.StringMap) cloudwatch.MetricAlarmMetricQueryArgs {
	return cloudwatch.MetricAlarmMetricQueryArgs{
		Id: pulumi.String(id),
		Metric: cloudwatch.MetricAlarmMetricQueryMetricArgs{
			Namespace:  pulumi.String(namespace),
			MetricName: pulumi.String(metric),
			Dimensions: dimensions,
			Period:     pulumi.Int(60),
			Stat:       pulumi.String(stat),
		},
		ReturnData: pulumi.Bool(false),
	}
}

// expressionQuery is metric math; the one with a label is what the alarm looks at.
func expressionQuery(id, label, expression string) cloudwatch.MetricAlarmMetricQueryArgs {
	query := cloudwatch.MetricAlarmMetricQueryArgs{
		Id:         pulumi.String(id),
		Expression: pulumi.String(expression),
		ReturnData: pulumi.Bool(label != ""),
	}
	if label != "" {
		query.Label = pulumi.String(label)
	}
	return query
}
