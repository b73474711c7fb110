package compute

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

// capacityTimeout is how long an update waits for the group's first instances to pass the load balancers' checks.
const capacityTimeout = "15m"

// groupMetrics are the group's own metrics that the dashboard shows.
var groupMetrics = []string{
	"GroupDesiredCapacity", "GroupInServiceInstances", "GroupMaxSize", "GroupMinSize", "GroupPendingInstances",
	"GroupTerminatingInstances", "GroupTotalInstances",
}

// newGroup creates the group of instances. It waits for everything that an instance needs in order to start and to be seen: permissions,
// log group and listeners. The database comes before it through its secret's ARN in the user data.
func (b *builder) newGroup(
	template *ec2.LaunchTemplate, guards []*cloudwatch.MetricAlarm, public *publicDoor, gateway *gatewayDoor, ready []pulumi.Resource,
) (*autoscaling.Group, error) {
	args := &autoscaling.GroupArgs{
		MinSize:                pulumi.Int(b.args.MinSize),
		DesiredCapacity:        pulumi.Int(b.args.DesiredCapacity),
		MaxSize:                pulumi.Int(b.args.MaxSize),
		MinElbCapacity:         pulumi.Int(b.args.MinSize),
		WaitForCapacityTimeout: pulumi.String(capacityTimeout),
		VpcZoneIdentifiers:     b.args.BackendSubnetIDs,
		TargetGroupArns:        pulumi.StringArray{public.targets.Arn, gateway.targets.Arn},
		HealthCheckType:        pulumi.String("ELB"),
		HealthCheckGracePeriod: pulumi.Int(b.bootSeconds()),
		DefaultInstanceWarmup:  pulumi.Int(b.bootSeconds()),
		CapacityRebalance:      pulumi.Bool(b.args.Spot),
		EnabledMetrics:         pulumi.ToStringArray(groupMetrics),
		ForceDelete:            pulumi.Bool(b.Stack.Disposable),
		InstanceRefresh:        b.instanceRefresh(guards),
		Tags:                   b.propagatedTags(),
	}
	// A version number, never "$Latest": a change of the number is what starts the refresh.
	version := template.LatestVersion.ApplyT(strconv.Itoa).(pulumi.StringOutput)
	if b.args.Spot {
		args.MixedInstancesPolicy = spotPolicy(template, version)
	} else {
		args.LaunchTemplate = autoscaling.GroupLaunchTemplateArgs{Id: template.ID(), Version: version}
	}
	ready = append(ready, public.listeners...)
	ready = append(ready, gateway.listener)
	group, err := autoscaling.NewGroup(b.Ctx, b.Name("group"), args, b.Options(
		pulumi.DependsOn(ready),
		pulumi.IgnoreChanges([]string{"desiredCapacity"}), // scaling changes it after creation
	)...)
	if err != nil {
		return nil, fmt.Errorf("creating Auto Scaling group: %w", err)
	}
	return group, nil
}

// spotPolicy runs one instance on demand and all others on Spot capacity.
func spotPolicy(template *ec2.LaunchTemplate, version pulumi.StringOutput) autoscaling.GroupMixedInstancesPolicyArgs {
	return autoscaling.GroupMixedInstancesPolicyArgs{
		InstancesDistribution: autoscaling.GroupMixedInstancesPolicyInstancesDistributionArgs{
			OnDemandBaseCapacity:                pulumi.Int(1),
			OnDemandPercentageAboveBaseCapacity: pulumi.Int(0),
			SpotAllocationStrategy:              pulumi.String("price-capacity-optimized"),
		},
		LaunchTemplate: autoscaling.GroupMixedInstancesPolicyLaunchTemplateArgs{
			LaunchTemplateSpecification: autoscaling.GroupMixedInstancesPolicyLaunchTemplateLaunchTemplateSpecificationArgs{
				LaunchTemplateId: template.ID(),
				Version:          version,
			},
		},
	}
}

// instanceRefresh replaces instances once their successors serve. Auto-rollback is off: the group already has the new version
// when the refresh begins, so AWS would roll back to it. When an alarm stops a refresh, the old instances go on serving.
func (b *builder) instanceRefresh(guards []*cloudwatch.MetricAlarm) autoscaling.GroupInstanceRefreshArgs {
	preferences := autoscaling.GroupInstanceRefreshPreferencesArgs{
		MinHealthyPercentage: pulumi.Int(100),
		MaxHealthyPercentage: pulumi.Int(110),
		AutoRollback:         pulumi.Bool(false),
	}
	if !b.args.IgnoreRollbackAlarms {
		preferences.AlarmSpecification = autoscaling.GroupInstanceRefreshPreferencesAlarmSpecificationArgs{
			Alarms: component.AlarmNames(guards),
		}
	}
	return autoscaling.GroupInstanceRefreshArgs{Strategy: pulumi.String("Rolling"), Preferences: preferences}
}

// propagatedTags are the instance's tags again: the group's win over the launch template's.
func (b *builder) propagatedTags() autoscaling.GroupTagArray {
	tags := b.Tags("instance")
	out := autoscaling.GroupTagArray{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, autoscaling.GroupTagArgs{
			Key: pulumi.String(key), Value: tags[key], PropagateAtLaunch: pulumi.Bool(true),
		})
	}
	return out
}

// newNotifications reports every launch and termination, and those that fail, which no metric shows.
func (b *builder) newNotifications(group *autoscaling.Group) error {
	if !b.args.Notifications {
		return nil
	}
	_, err := autoscaling.NewNotification(b.Ctx, b.Name("group"), &autoscaling.NotificationArgs{
		GroupNames: pulumi.StringArray{group.Name},
		Notifications: pulumi.ToStringArray([]string{
			"autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
			"autoscaling:EC2_INSTANCE_TERMINATE", "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
		}),
		TopicArn: b.args.AlarmTopicARN,
	}, b.Options()...)
	if err != nil {
		return fmt.Errorf("creating notifications of the Auto Scaling group: %w", err)
	}
	return nil
}

// newScaling creates one policy on CPU and one on requests; the group takes the larger capacity of the two.
func (b *builder) newScaling(group *autoscaling.Group, public *publicDoor) error {
	_, err := autoscaling.NewPolicy(b.Ctx, b.Name("cpu"), &autoscaling.PolicyArgs{
		AutoscalingGroupName: group.Name,
		PolicyType:           pulumi.String("TargetTrackingScaling"),
		TargetTrackingConfiguration: autoscaling.PolicyTargetTrackingConfigurationArgs{
			PredefinedMetricSpecification: autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgs{
				PredefinedMetricType: pulumi.String("ASGAverageCPUUtilization"),
			},
			TargetValue: pulumi.Float64(float64(b.args.CPUTarget)),
		},
	}, b.Options()...)
	if err != nil {
		return fmt.Errorf("creating scaling policy on processor use: %w", err)
	}
	// AWS refuses the policy until a listener joins the target group to the load balancer.
	_, err = autoscaling.NewPolicy(b.Ctx, b.Name("requests"), &autoscaling.PolicyArgs{
		AutoscalingGroupName: group.Name,
		PolicyType:           pulumi.String("TargetTrackingScaling"),
		TargetTrackingConfiguration: autoscaling.PolicyTargetTrackingConfigurationArgs{
			PredefinedMetricSpecification: autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgs{
				PredefinedMetricType: pulumi.String("ALBRequestCountPerTarget"),
				ResourceLabel:        pulumi.Sprintf("%s/%s", public.balancer.ArnSuffix, public.targets.ArnSuffix),
			},
			TargetValue: pulumi.Float64(float64(b.args.RequestsPerTarget)),
		},
	}, b.Options(pulumi.DependsOn([]pulumi.Resource{public.forward}))...)
	if err != nil {
		return fmt.Errorf("creating scaling policy on requests: %w", err)
	}
	return nil
}
