package fargate

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/appautoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/services/backend/metrics"
)

// Scaling adds agents quickly and removes them slowly: one that is stopped gives its jobs back, and another starts them again.
const (
	scaleOutSeconds = 60
	scaleInSeconds  = 300
)

// newGuards creates the alarms that end a deployment. They exist before the service, which names them. ECS ignores one that is
// on when the deployment begins, so the first deployment and a fix both go through.
func (b *builder) newGuards() ([]*cloudwatch.MetricAlarm, error) {
	missing, err := b.NewAlarm("agents-missing", component.Alarm{
		Description: fmt.Sprintf("The backend has seen fewer than %d agents for five minutes.", b.args.MinTasks),
		Runbook:     "agents-missing",
		Topic:       b.args.AlarmTopicARN,
		Metric: component.Metric{
			Namespace: b.args.MetricsNamespace, Name: b.args.AgentsMetric,
			Dimensions: []component.Dimension{{Name: metrics.DimensionStack, Value: pulumi.String(b.Stack.Stack)}},
		},
		Statistic: "Maximum", Period: 60, Periods: 5,
		Comparison: component.Below, Threshold: float64(b.args.MinTasks),
		NoData: component.NoDataIsOK, // the backend reports nothing: no reason to undo a deployment of agents
	})
	if err != nil {
		return nil, err
	}
	return []*cloudwatch.MetricAlarm{missing}, nil
}

// newService creates the service, once everything in ready exists.
func (b *builder) newService(
	c *cluster, task *ecs.TaskDefinition, guards []*cloudwatch.MetricAlarm, ready []pulumi.Resource,
) (*ecs.Service, error) {
	service, err := ecs.NewService(b.Ctx, b.Name("agent"), &ecs.ServiceArgs{
		Cluster:                    c.cluster.Arn,
		TaskDefinition:             task.Arn,
		DesiredCount:               pulumi.Int(b.args.DesiredTasks),
		CapacityProviderStrategies: b.strategy(),
		// With it a changed strategy is a deployment, without it a replacement of the service.
		ForceNewDeployment: pulumi.Bool(true),
		PlatformVersion:    pulumi.String("LATEST"),
		NetworkConfiguration: ecs.ServiceNetworkConfigurationArgs{
			AssignPublicIp: pulumi.Bool(false),
			Subnets:        b.args.SubnetIDs,
			SecurityGroups: pulumi.StringArray{b.args.SecurityGroupID},
		},
		DeploymentMinimumHealthyPercent: pulumi.Int(100),
		DeploymentMaximumPercent:        pulumi.Int(200),
		DeploymentCircuitBreaker: ecs.ServiceDeploymentCircuitBreakerArgs{
			Enable: pulumi.Bool(true), Rollback: pulumi.Bool(true),
		},
		Alarms: ecs.ServiceAlarmsArgs{
			Enable: pulumi.Bool(true), Rollback: pulumi.Bool(true), AlarmNames: component.AlarmNames(guards),
		},
		EnableExecuteCommand: pulumi.Bool(false),
		EnableEcsManagedTags: pulumi.Bool(true),
		PropagateTags:        pulumi.String("SERVICE"),
		WaitForSteadyState:   pulumi.Bool(true),
		ForceDelete:          pulumi.Bool(b.Stack.Disposable),
		Tags:                 b.Tags("agent"),
	}, b.Options(
		pulumi.DependsOn(ready),
		pulumi.IgnoreChanges([]string{"desiredCount"}), // scaling changes it after creation
	)...)
	if err != nil {
		return nil, fmt.Errorf("creating service: %w", err)
	}
	return service, nil
}

// strategy divides the tasks between on-demand and Spot capacity. FARGATE_SPOT never falls back to on-demand capacity, so
// OnDemandBase tasks run without it.
func (b *builder) strategy() ecs.ServiceCapacityProviderStrategyArray {
	out := ecs.ServiceCapacityProviderStrategyArray{ecs.ServiceCapacityProviderStrategyArgs{
		CapacityProvider: pulumi.String(onDemand), Base: pulumi.Int(b.args.OnDemandBase), Weight: pulumi.Int(1),
	}}
	if b.args.SpotWeight > 0 {
		out = append(out, ecs.ServiceCapacityProviderStrategyArgs{
			CapacityProvider: pulumi.String(spot), Weight: pulumi.Int(b.args.SpotWeight),
		})
	}
	return out
}

// newScaling lets the service scale by the backlog.
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
	_, err = appautoscaling.NewPolicy(b.Ctx, b.Name("backlog"), &appautoscaling.PolicyArgs{
		PolicyType:        pulumi.String("TargetTrackingScaling"),
		ServiceNamespace:  target.ServiceNamespace,
		ScalableDimension: target.ScalableDimension,
		ResourceId:        target.ResourceId,
		TargetTrackingScalingPolicyConfiguration: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs{
			TargetValue:      pulumi.Float64(float64(b.args.BacklogPerTask)),
			ScaleOutCooldown: pulumi.Int(scaleOutSeconds),
			ScaleInCooldown:  pulumi.Int(scaleInSeconds),
			CustomizedMetricSpecification: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs{
				Metrics: b.backlogPerAgent(),
			},
		},
	}, b.Options()...)
	if err != nil {
		return fmt.Errorf("creating scaling policy on the backlog: %w", err)
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
func (b *builder) backlogPerAgent() appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArray {
	return appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArray{
		b.backendMetric("backlog", b.args.BacklogMetric),
		b.backendMetric("agents", b.args.AgentsMetric),
		scalingMetric{
			Id:         pulumi.String("load"),
			Label:      pulumi.String("Jobs per agent"),
			Expression: pulumi.String("backlog / IF(agents>0, agents, 1)"),
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
