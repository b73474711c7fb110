package main

import (
	"maps"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/complete"
	"scalable-backend/internal/infratest"
)

// requiredLists are the lists, maps and unions that AWS, or this program's safety, requires: in the SDK's types they look
// like optional ones. Without its groups, for example, a network interface would get the VPC's default group.
var requiredLists = []string{
	"appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs.Metrics",
	"appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricArgs.Dimensions",
	"autoscaling.GroupArgs.TargetGroupArns",
	"autoscaling.GroupArgs.VpcZoneIdentifiers",
	"autoscaling.GroupInstanceRefreshPreferencesAlarmSpecificationArgs.Alarms",
	"budgets.BudgetCostFilterArgs.Values",
	"budgets.BudgetNotificationArgs.SubscriberSnsTopicArns",
	"cloudwatch.MetricAlarmArgs.AlarmActions",
	"cloudwatch.MetricAlarmMetricQueryMetricArgs.Dimensions",
	"ec2.InstanceArgs.VpcSecurityGroupIds",
	"ec2.LaunchTemplateNetworkInterfaceArgs.SecurityGroups",
	"ecr.LifecyclePolicyArgs.Rules",
	"ecs.ClusterCapacityProvidersArgs.CapacityProviders",
	"ecs.ServiceAlarmsArgs.AlarmNames",
	"ecs.ServiceArgs.CapacityProviderStrategies",
	"ecs.ServiceNetworkConfigurationArgs.SecurityGroups",
	"ecs.ServiceNetworkConfigurationArgs.Subnets",
	"ecs.TaskDefinitionArgs.RequiresCompatibilities",
	"efs.FileSystemPolicyArgs.Policy",
	"efs.MountTargetArgs.SecurityGroups",
	"iam.InstanceProfileArgs.Role",
	"iam.PolicyArgs.Policy",
	"iam.RoleArgs.AssumeRolePolicy",
	"lb.ListenerArgs.DefaultActions",
	"lb.LoadBalancerArgs.SecurityGroups",
	"lb.LoadBalancerArgs.Subnets",
	"rds.InstanceArgs.EnabledCloudwatchLogsExports",
	"rds.InstanceArgs.VpcSecurityGroupIds",
	"rds.SubnetGroupArgs.SubnetIds",
	"s3.BucketLifecycleConfigurationV2Args.Rules",
	"s3.BucketPolicyArgs.Policy",
	"s3.BucketServerSideEncryptionConfigurationV2Args.Rules",
	"sns.TopicPolicyArgs.Policy",
}

// everything is a stack with all that can be switched on.
func everything(t *testing.T) Config {
	t.Helper()
	c := shipped(t, "dev")
	c.Network.NAT, c.Fargate.PersistentStorage = "instance", true
	c.Network.InterfaceEndpoints, c.Compute.AllowedCIDRs = []string{"ssm"}, []string{"203.0.113.0/24"}
	c.Monitoring.AlertEmails = []string{"ops@example.com"}
	c.Monitoring.WAF, c.Monitoring.GuardDuty, c.Monitoring.AWSConfig, c.Monitoring.Inspector = true, true, true, true
	return c
}

// registered runs the program over mocks and hands every resource's arguments on as the program wrote them, typed.
func registered(t *testing.T, c Config, see func(*pulumi.ResourceTransformationArgs)) {
	t.Helper()
	var mu sync.Mutex
	infratest.Run(t, func(ctx *pulumi.Context) error {
		err := ctx.RegisterStackTransformation(func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
			mu.Lock()
			defer mu.Unlock()
			see(args)
			return nil
		})
		if err != nil {
			return err
		}
		return deploy(ctx, c)
	})
}

// No required field is missing at any depth, and nothing that is registered by its token is misspelt. The provider would
// tell, but only in an update, one mistake at a time.
func TestInputsAreComplete(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi-aws/sdk/v6").Output()
	require.NoError(t, err)
	source := &complete.Source{Dir: filepath.Join(strings.TrimSpace(string(dir)), "go", "aws")}
	lists := complete.Lists{}
	for _, name := range requiredLists {
		lists[name] = true
	}
	used := map[string]bool{}
	byToken := map[string]bool{}
	for name, c := range map[string]Config{"dev": shipped(t, "dev"), "prod": shipped(t, "prod"), "everything": everything(t)} {
		typed := 0
		var problems []string
		registered(t, c, func(args *pulumi.ResourceTransformationArgs) {
			found := complete.Missing(args.Props, lists, used)
			switch inputs, untyped := args.Props.(pulumi.Map); {
			case !untyped:
				typed++
			case reflect.TypeOf(args.Resource) == reflect.TypeFor[*pulumi.CustomResourceState]():
				return // the recorder's stand-in for a child of a component of another process
			default:
				byToken[args.Type] = true
				found, err = source.Check(args.Type, inputs)
				if err != nil {
					found = append(found, err.Error())
				}
			}
			for _, problem := range found {
				problems = append(problems, args.Type+"::"+args.Name+" "+problem)
			}
		})
		assert.Empty(t, problems, name)
		require.Greater(t, typed, 130, name)
	}
	require.Equal(t, slices.Sorted(slices.Values(requiredLists)), slices.Sorted(maps.Keys(used)), "a list that no resource has is a misspelt one")
	// What is switched on by configuration is looked at too.
	require.Subset(t, slices.Collect(maps.Keys(byToken)), []string{
		"aws:cfg/recorder:Recorder", "aws:guardduty/detector:Detector", "aws:inspector2/enabler:Enabler", "aws:wafv2/webAcl:WebAcl",
	})
}
