package fargate

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/services/backend/metrics"
)

// newGuards creates the alarms that end a deployment. They exist before the service, which names them. ECS ignores one that is
// on when the deployment begins, so the first deployment and a fix both go through.
func (b *builder) newGuards() ([]*cloudwatch.MetricAlarm, error) {
	if !b.args.ServiceMetrics {
		return nil, nil // nobody counts agents
	}
	alarm := component.Alarm{
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
	}
	if b.args.MinTasks == 0 {
		// No agent is missing while no job waits. The first one takes some minutes: scaling, task, image.
		alarm.Description = fmt.Sprintf("Jobs wait, and the backend has seen no agent for %d minutes.", firstAgentMinutes)
		alarm.Queries = b.unservedQueries()
		alarm.Comparison, alarm.Threshold, alarm.Periods = component.AtLeast, 1, firstAgentMinutes
	}
	missing, err := b.NewAlarm("agents-missing", alarm)
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
		Alarms:               serviceAlarms(guards),
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

// serviceAlarms end a deployment when they are on. ECS takes no empty list of them.
func serviceAlarms(guards []*cloudwatch.MetricAlarm) ecs.ServiceAlarmsPtrInput {
	if len(guards) == 0 {
		return nil
	}
	return ecs.ServiceAlarmsArgs{Enable: pulumi.Bool(true), Rollback: pulumi.Bool(true), AlarmNames: component.AlarmNames(guards)}
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
