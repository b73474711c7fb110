package fargate

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/appautoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Agents come quickly and go slowly: one that leaves gives back what it holds.
const (
	scaleOutSeconds = 60
	scaleInSeconds  = 300
)

// stackDimension is the one dimension of the backend's metrics.
const stackDimension = "stack"

// newGuards makes the alarms that end a deployment. They exist before the service, which names them. ECS ignores one that is
// on when the deployment begins, so the first deployment and a fix both go through.
func (t *tier) newGuards() ([]*cloudwatch.MetricAlarm, error) {
	missing, err := cloudwatch.NewMetricAlarm(t.ctx, t.name+"-agents-missing", &cloudwatch.MetricAlarmArgs{
		AlarmDescription: pulumi.String(fmt.Sprintf("The backend has seen fewer than %d agents for five minutes. "+
			"Runbook: docs/runbook.md#agents-missing", t.args.MinTasks)),
		Namespace:          pulumi.String(t.args.MetricsNamespace),
		MetricName:         pulumi.String(t.args.AgentsMetric),
		Dimensions:         pulumi.StringMap{stackDimension: pulumi.String(t.args.Stack.Stack)},
		Statistic:          pulumi.String("Maximum"),
		Period:             pulumi.Int(60),
		ComparisonOperator: pulumi.String("LessThanThreshold"),
		Threshold:          pulumi.Float64(float64(t.args.MinTasks)),
		EvaluationPeriods:  pulumi.Int(5),
		// Silence is the backend's, and no reason to roll the agents back.
		TreatMissingData: pulumi.String("notBreaching"),
		AlarmActions:     pulumi.Array{t.args.AlarmTopicARN},
		OkActions:        pulumi.Array{t.args.AlarmTopicARN},
		Tags:             t.tags("agents-missing"),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating alarm agents-missing: %w", err)
	}
	return []*cloudwatch.MetricAlarm{missing}, nil
}

func (t *tier) newService(c *cluster, task *ecs.TaskDefinition, guards []*cloudwatch.MetricAlarm, ready []pulumi.Resource) (*ecs.Service, error) {
	alarms := pulumi.StringArray{}
	for _, guard := range guards {
		alarms = append(alarms, guard.Name)
	}
	service, err := ecs.NewService(t.ctx, t.name+"-agent", &ecs.ServiceArgs{
		Cluster:                    c.cluster.Arn,
		TaskDefinition:             task.Arn,
		DesiredCount:               pulumi.Int(t.args.DesiredTasks),
		CapacityProviderStrategies: t.strategy(),
		// With it a changed strategy is a deployment, without it a replacement of the service.
		ForceNewDeployment: pulumi.Bool(true),
		PlatformVersion:    pulumi.String("LATEST"),
		NetworkConfiguration: ecs.ServiceNetworkConfigurationArgs{
			AssignPublicIp: pulumi.Bool(false),
			Subnets:        t.args.SubnetIDs,
			SecurityGroups: pulumi.StringArray{t.args.SecurityGroupID},
		},
		DeploymentMinimumHealthyPercent: pulumi.Int(100),
		DeploymentMaximumPercent:        pulumi.Int(200),
		DeploymentCircuitBreaker: ecs.ServiceDeploymentCircuitBreakerArgs{
			Enable: pulumi.Bool(true), Rollback: pulumi.Bool(true),
		},
		Alarms: ecs.ServiceAlarmsArgs{
			Enable: pulumi.Bool(true), Rollback: pulumi.Bool(true), AlarmNames: alarms,
		},
		EnableExecuteCommand: pulumi.Bool(false),
		EnableEcsManagedTags: pulumi.Bool(true),
		PropagateTags:        pulumi.String("SERVICE"),
		WaitForSteadyState:   pulumi.Bool(true),
		ForceDelete:          pulumi.Bool(t.args.Stack.Disposable),
		Tags:                 t.tags("agent"),
	}, t.child,
		pulumi.DependsOn(ready),
		pulumi.IgnoreChanges([]string{"desiredCount"})) // scaling moves it after creation
	if err != nil {
		return nil, fmt.Errorf("creating service: %w", err)
	}
	return service, nil
}

// strategy spreads tasks over on-demand and Spot. FARGATE_SPOT never falls back to on-demand, which is what the base is for.
func (t *tier) strategy() ecs.ServiceCapacityProviderStrategyArray {
	out := ecs.ServiceCapacityProviderStrategyArray{ecs.ServiceCapacityProviderStrategyArgs{
		CapacityProvider: pulumi.String(onDemand), Base: pulumi.Int(t.args.OnDemandBase), Weight: pulumi.Int(1),
	}}
	if t.args.SpotWeight > 0 {
		out = append(out, ecs.ServiceCapacityProviderStrategyArgs{
			CapacityProvider: pulumi.String(spot), Weight: pulumi.Int(t.args.SpotWeight),
		})
	}
	return out
}

func (t *tier) newScaling(c *cluster, service *ecs.Service) error {
	target, err := appautoscaling.NewTarget(t.ctx, t.name+"-agent", &appautoscaling.TargetArgs{
		ServiceNamespace:  pulumi.String("ecs"),
		ScalableDimension: pulumi.String("ecs:service:DesiredCount"),
		ResourceId:        pulumi.Sprintf("service/%s/%s", c.cluster.Name, service.Name),
		MinCapacity:       pulumi.Int(t.args.MinTasks),
		MaxCapacity:       pulumi.Int(t.args.MaxTasks),
		Tags:              t.tags("agent"),
	}, t.child)
	if err != nil {
		return fmt.Errorf("creating scaling target: %w", err)
	}
	_, err = appautoscaling.NewPolicy(t.ctx, t.name+"-backlog", &appautoscaling.PolicyArgs{
		PolicyType:        pulumi.String("TargetTrackingScaling"),
		ServiceNamespace:  target.ServiceNamespace,
		ScalableDimension: target.ScalableDimension,
		ResourceId:        target.ResourceId,
		TargetTrackingScalingPolicyConfiguration: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs{
			TargetValue:      pulumi.Float64(float64(t.args.BacklogPerTask)),
			ScaleOutCooldown: pulumi.Int(scaleOutSeconds),
			ScaleInCooldown:  pulumi.Int(scaleInSeconds),
			CustomizedMetricSpecification: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs{
				Metrics: t.backlogPerAgent(),
			},
		},
	}, t.child)
	if err != nil {
		return fmt.Errorf("creating scaling policy on the backlog: %w", err)
	}
	return nil
}

type scalingMetric = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArgs

// backlogPerAgent is the jobs that are queued or leased, for each agent that the backend sees. Maximum, because for a moment
// two backends may both report. Leased jobs count, or a drained queue would stop agents in mid-download.
func (t *tier) backlogPerAgent() appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArray {
	return appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArray{
		t.backendMetric("backlog", t.args.BacklogMetric),
		t.backendMetric("agents", t.args.AgentsMetric),
		scalingMetric{
			Id:         pulumi.String("load"),
			Label:      pulumi.String("Jobs per agent"),
			Expression: pulumi.String("backlog / IF(agents>0, agents, 1)"),
			ReturnData: pulumi.Bool(true),
		},
	}
}

func (t *tier) backendMetric(id, metric string) scalingMetric {
	return scalingMetric{
		Id: pulumi.String(id),
		MetricStat: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatArgs{
			Metric: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricArgs{
				Namespace:  pulumi.String(t.args.MetricsNamespace),
				MetricName: pulumi.String(metric),
				Dimensions: appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricDimensionArray{
					appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricDimensionArgs{
						Name: pulumi.String(stackDimension), Value: pulumi.String(t.args.Stack.Stack),
					},
				},
			},
			Stat: pulumi.String("Maximum"),
		},
		ReturnData: pulumi.Bool(false),
	}
}
