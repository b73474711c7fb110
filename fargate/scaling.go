package fargate

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/appautoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/services/backend/metrics"
)

// Scaling adds agents quickly and removes them slowly: one that is stopped gives its jobs back, and another starts them again.
const (
	scaleOutSeconds = 60
	scaleInSeconds  = 300
	// firstAgentSeconds is scaleOutSeconds where there may be no agent: until the first one is seen, a second would be added.
	firstAgentSeconds = 180
	// firstAgentMinutes is how long jobs may wait for the first agent before an alarm.
	firstAgentMinutes = 10
)

// newScaling lets the service scale by the backlog or, where nobody reports it, by the use of the processor.
func (b *builder) newScaling(c *cluster, service *ecs.Service) error {
	target, err := appautoscaling.NewTarget(b.Ctx, b.Name("agent"), &appautoscaling.TargetArgs{
		ServiceNamespace:  pulumi.String("ecs"),
		ScalableDimension: pulumi.String("ecs:service:DesiredCount"),
		ResourceId:        pulumi.Sprintf("service/%s/%s", c.cluster.Name, service.Name),
		MinCapacity:       pulumi.Int(b.args.MinTasks),
		MaxCapacity:       pulumi.Int(b.args.MaxTasks),
		Tags:              b.Tags("agent"),
	}, b.Options()...)
	if err != nil {
		return fmt.Errorf("creating scaling target: %w", err)
	}
	suffix, tracking := "backlog", appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs{
		TargetValue: pulumi.Float64(float64(b.args.BacklogPerTask)),
		CustomizedMetricSpecification: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs{
			Metrics: b.backlogPerAgent(),
		},
		ScaleOutCooldown: pulumi.Int(scaleOutSeconds),
		ScaleInCooldown:  pulumi.Int(scaleInSeconds),
	}
	if b.args.MinTasks == 0 {
		tracking.ScaleOutCooldown = pulumi.Int(firstAgentSeconds)
	}
	if !b.args.ServiceMetrics {
		suffix, tracking.CustomizedMetricSpecification = "cpu", nil
		tracking.TargetValue = pulumi.Float64(float64(b.args.CPUTarget))
		tracking.PredefinedMetricSpecification = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs{
			PredefinedMetricType: pulumi.String("ECSServiceAverageCPUUtilization"),
		}
	}
	_, err = appautoscaling.NewPolicy(b.Ctx, b.Name(suffix), &appautoscaling.PolicyArgs{
		PolicyType:                               pulumi.String("TargetTrackingScaling"),
		ServiceNamespace:                         target.ServiceNamespace,
		ScalableDimension:                        target.ScalableDimension,
		ResourceId:                               target.ResourceId,
		TargetTrackingScalingPolicyConfiguration: tracking,
	}, b.Options()...)
	if err != nil {
		return fmt.Errorf("creating scaling policy %s: %w", b.Name(suffix), err)
	}
	return nil
}

// The SDK's types under names that fit a line.
type (
	scalingMetric = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArgs
	//nolint:lll // the name has 120 characters
	scalingDimensions = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricDimensionArray
)

// backlogPerAgent is the number of queued and leased jobs for each agent that the backend sees. The statistic is Maximum because
// for a moment two backends may report. Leased jobs count, or agents would be stopped in mid-download once no job is queued.
//
// From zero, any job has to exceed the target: then scaling starts one task, the least that it can, and goes on from what runs
// (Amazon ECS Developer Guide, "Automatically scale your Amazon ECS service").
func (b *builder) backlogPerAgent() appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArray {
	load := "backlog / IF(agents>0, agents, 1)"
	if b.args.MinTasks == 0 {
		load += fmt.Sprintf(" + IF(agents<1 AND backlog>0, %d, 0)", b.args.BacklogPerTask)
	}
	return appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArray{
		b.backendMetric("backlog", b.args.BacklogMetric),
		b.backendMetric("agents", b.args.AgentsMetric),
		scalingMetric{
			Id:         pulumi.String("load"),
			Label:      pulumi.String("Jobs per agent"),
			Expression: pulumi.String(load),
			ReturnData: pulumi.Bool(true),
		},
	}
}

// backendMetric is one metric of the backend, as an input of the expression.
func (b *builder) backendMetric(id, metric string) scalingMetric {
	return scalingMetric{
		Id: pulumi.String(id),
		MetricStat: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatArgs{
			Metric: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricArgs{
				Namespace:  pulumi.String(b.args.MetricsNamespace),
				MetricName: pulumi.String(metric),
				Dimensions: scalingDimensions{
					appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricDimensionArgs{
						Name: pulumi.String(metrics.DimensionStack), Value: pulumi.String(b.Stack.Stack),
					},
				},
			},
			Stat: pulumi.String("Maximum"),
		},
		ReturnData: pulumi.Bool(false),
	}
}

// unservedQueries are 1 while jobs wait and there is no agent, and 0 otherwise.
func (b *builder) unservedQueries() cloudwatch.MetricAlarmMetricQueryArray {
	own := func(id, metric string) cloudwatch.MetricAlarmMetricQueryArgs {
		return cloudwatch.MetricAlarmMetricQueryArgs{
			Id: pulumi.String(id),
			Metric: cloudwatch.MetricAlarmMetricQueryMetricArgs{
				Namespace: pulumi.String(b.args.MetricsNamespace), MetricName: pulumi.String(metric),
				Dimensions: pulumi.StringMap{metrics.DimensionStack: pulumi.String(b.Stack.Stack)},
				Period:     pulumi.Int(60), Stat: pulumi.String("Maximum"),
			},
			ReturnData: pulumi.Bool(false),
		}
	}
	return cloudwatch.MetricAlarmMetricQueryArray{
		own("backlog", b.args.BacklogMetric),
		own("agents", b.args.AgentsMetric),
		cloudwatch.MetricAlarmMetricQueryArgs{
			Id: pulumi.String("unserved"), Label: pulumi.String("Jobs without an agent"),
			Expression: pulumi.String("IF(agents<1 AND backlog>0, 1, 0)"), ReturnData: pulumi.Bool(true),
		},
	}
}
