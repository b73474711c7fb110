package proof

import (
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
	"scalable-backend/internal/plan"
	"scalable-backend/internal/proof/complete"
	"scalable-backend/system"
)

// requiredLists are the lists, maps and unions that AWS or this program requires although they are optional in the SDK's types.
// For example, a network interface without security groups would get the VPC's default group.
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

// registered plans a stack and calls see with every resource's typed arguments.
func registered(t *testing.T, o plan.Options, see func(*pulumi.ResourceTransformationArgs)) {
	t.Helper()
	var mu sync.Mutex
	o.Program = infratest.Inline(func(ctx *pulumi.Context) error {
		err := ctx.RegisterStackTransformation(func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
			mu.Lock()
			defer mu.Unlock()
			see(args)
			return nil
		})
		if err != nil {
			return err
		}
		return system.Program(ctx)
	})
	_, err := plan.Run(t.Context(), o)
	require.NoError(t, err)
}

// No required field is missing at any depth, and resources that are registered by their token have no misspelt properties.
// The provider finds such mistakes only during an update, one at a time.
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
	for name, o := range map[string]plan.Options{
		"dev": configured("dev", nil), "prod": configured("prod", nil), "everything": configured("dev", everything(map[string]string{
			"network.nat": "instance", "compute.allowedCidrs[0]": "203.0.113.0/24", "monitoring.alertEmails[0]": "ops@example.com",
		})),
	} {
		typed := 0
		var problems []string
		registered(t, o, func(args *pulumi.ResourceTransformationArgs) {
			found := complete.Missing(args.Props, lists, used)
			switch inputs, untyped := args.Props.(pulumi.Map); {
			case !untyped:
				typed++
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
		require.NotZero(t, typed, name)
	}
	require.Equal(t, slices.Sorted(slices.Values(requiredLists)), slices.Sorted(maps.Keys(used)),
		"no resource has this list: is its name misspelt?")
	// Optional resources are checked too.
	require.Subset(t, slices.Collect(maps.Keys(byToken)), []string{
		"aws:cfg/recorder:Recorder", "aws:guardduty/detector:Detector", "aws:inspector2/enabler:Enabler", "aws:wafv2/webAcl:WebAcl",
	})
}
