package compute

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

const (
	// More than errorPercent of the requests fail for errorMinutes; a minute with fewer than minRequests does not count.
	errorPercent = 5
	errorMinutes = 3
	minRequests  = 20

	// More than unhealthyPercent of the instances fail the check for unhealthyMinutes. Instances that are still booting fail
	// it too: a refresh adds at most one to a fleet of one, which is half, and none boots for as long as this.
	unhealthyPercent = 50
	unhealthyMinutes = 5
)

// newGuards creates the alarms that stop an instance refresh. They exist before the group, which names them.
func (b *builder) newGuards(public *publicDoor, gateway *gatewayDoor) ([]*cloudwatch.MetricAlarm, error) {
	guards := []guard{
		{
			suffix: "errors", runbook: "backend-errors",
			description: fmt.Sprintf("More than %d %% of the requests to the backend fail.", errorPercent),
			queries:     errorQueries(public),
			percent:     errorPercent,
			minutes:     errorMinutes,
		},
		{
			suffix: "unhealthy", runbook: "backend-unhealthy",
			description: fmt.Sprintf("More than %d %% of the backend's instances fail the public door's health check.", unhealthyPercent),
			queries:     unhealthyQueries("AWS/ApplicationELB", public.balancer, public.targets),
			percent:     unhealthyPercent,
			minutes:     unhealthyMinutes,
		},
		{
			suffix: "gateway-unhealthy", runbook: "backend-unhealthy",
			description: fmt.Sprintf("More than %d %% of the backend's instances fail the gateway door's health check.", unhealthyPercent),
			queries:     unhealthyQueries("AWS/NetworkELB", gateway.balancer, gateway.targets),
			percent:     unhealthyPercent,
			minutes:     unhealthyMinutes,
		},
	}
	var alarms []*cloudwatch.MetricAlarm
	for _, g := range guards {
		alarm, err := b.NewAlarm(g.suffix, component.Alarm{
			Description: g.description, Runbook: g.runbook, Topic: b.args.AlarmTopicARN,
			Queries:    g.queries,
			Comparison: component.Above, Threshold: g.percent, Periods: g.minutes,
			NoData: component.NoDataIsOK, // no requests, or no instances yet
		})
		if err != nil {
			return nil, err
		}
		alarms = append(alarms, alarm)
	}
	return alarms, nil
}

// guard is an alarm on a percentage, which is the last of its queries.
type guard struct {
	suffix, runbook string
	description     string
	queries         cloudwatch.MetricAlarmMetricQueryArray
	percent         float64
	minutes         int // how long the percentage has to be above
}

// errorQueries calculate the percentage of failed requests. RequestCount leaves out requests for which the load balancer
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

// unhealthyQueries calculate the percentage of registered instances that fail a health check.
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

// metricQuery is one metric of a minute, as an input of expressions.
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

// expressionQuery is metric math. The query with a label returns the data that the alarm compares.
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
