package proof

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
)

// everything turns on every optional part of a stack.
func everything(more map[string]string) map[string]string {
	settings := map[string]string{
		"database.replicas":         "2",
		"fargate.persistentStorage": "true",
		"monitoring.waf":            "true",
		"monitoring.guardDuty":      "true",
		"monitoring.awsConfig":      "true",
		"monitoring.inspector":      "true",
	}
	for i, service := range []string{"ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "ssmmessages"} {
		settings[fmt.Sprintf("network.interfaceEndpoints[%d]", i)] = service
	}
	maps.Copy(settings, more)
	return settings
}

// untagged lists the types that have no tags. Every other type must have them.
var untagged = map[string]bool{
	"aws:acm/certificateValidation:CertificateValidation":                                        true,
	"aws:apigateway/account:Account":                                                             true,
	"aws:apigateway/deployment:Deployment":                                                       true,
	"aws:apigateway/methodSettings:MethodSettings":                                               true,
	"aws:appautoscaling/policy:Policy":                                                           true,
	"aws:autoscaling/notification:Notification":                                                  true,
	"aws:autoscaling/policy:Policy":                                                              true,
	"aws:cfg/deliveryChannel:DeliveryChannel":                                                    true,
	"aws:cfg/recorder:Recorder":                                                                  true,
	"aws:cfg/recorderStatus:RecorderStatus":                                                      true,
	"aws:cloudwatch/dashboard:Dashboard":                                                         true,
	"aws:cloudwatch/eventTarget:EventTarget":                                                     true,
	"aws:ec2/route:Route":                                                                        true,
	"aws:ec2/routeTableAssociation:RouteTableAssociation":                                        true,
	"aws:ecr/lifecyclePolicy:LifecyclePolicy":                                                    true,
	"aws:ecr/repositoryPolicy:RepositoryPolicy":                                                  true,
	"aws:ecs/clusterCapacityProviders:ClusterCapacityProviders":                                  true,
	"aws:efs/fileSystemPolicy:FileSystemPolicy":                                                  true,
	"aws:efs/mountTarget:MountTarget":                                                            true,
	"aws:guardduty/detectorFeature:DetectorFeature":                                              true,
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment":                                          true,
	"aws:inspector2/enabler:Enabler":                                                             true,
	"aws:kms/alias:Alias":                                                                        true,
	"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2":                       true,
	"aws:s3/bucketLoggingV2:BucketLoggingV2":                                                     true,
	"aws:s3/bucketMetric:BucketMetric":                                                           true,
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls":                                     true,
	"aws:s3/bucketPolicy:BucketPolicy":                                                           true,
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock":                                     true,
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": true,
	"aws:s3/bucketVersioningV2:BucketVersioningV2":                                               true,
	"aws:secretsmanager/secretVersion:SecretVersion":                                             true,
	"aws:sns/topicPolicy:TopicPolicy":                                                            true,
	"aws:sns/topicSubscription:TopicSubscription":                                                true,
	"aws:wafv2/webAclAssociation:WebAclAssociation":                                              true,
	"aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration":                            true,
}

// The configured tags are on every resource that can have tags, with any options: also on what an Auto Scaling group
// launches, on volumes of instances and on the tasks of the agents' service.
func TestExtraTagsAreEverywhere(t *testing.T) {
	t.Parallel()
	const key, value = "cost-centre", "4711"
	for stack, more := range map[string]map[string]string{"dev": {"network.nat": "instance"}, "prod": nil} {
		t.Run(stack, func(t *testing.T) {
			settings := everything(more)
			settings[`stack.tags["`+key+`"]`] = value
			g := plannedWith(t, stack, settings)
			tagged := 0
			for _, r := range g.Resources {
				taggable := (strings.HasPrefix(r.Type, "aws:") || r.Type == "awsx:ecr:Repository") && !untagged[r.Type]
				if !taggable || r.Type == groupType {
					continue
				}
				tagged++
				require.Equal(t, value, input(t, r, "tags", key), r.Key())
				for _, own := range []string{"project", "stack", "deployment", "tier", "managed-by"} {
					require.NotEmpty(t, input(t, r, "tags", own), r.Key())
				}
			}
			require.Greater(t, tagged, 80)

			template := only(t, g, "aws:ec2/launchTemplate:LaunchTemplate")
			for i, kind := range []string{"instance", "volume"} {
				require.Equal(t, kind, input(t, template, "tagSpecifications", i, "resourceType"))
				require.Equal(t, value, input(t, template, "tagSpecifications", i, "tags", key))
			}
			require.Contains(t, input(t, only(t, g, groupType), "tags"), map[string]any{"key": key, "value": value, "propagateAtLaunch": true})
			require.Equal(t, "SERVICE", input(t, only(t, g, "aws:ecs/service:Service"), "propagateTags"))
			for _, instance := range g.OfType("aws:ec2/instance:Instance") {
				require.Equal(t, value, input(t, instance, "rootBlockDevice", "tags", key), instance.Key())
			}
		})
	}
}

const groupType = "aws:autoscaling/group:Group"

// With a configured permissions boundary every role has it, with any options; without one no role has a boundary.
func TestBoundaryIsOnEveryRole(t *testing.T) {
	t.Parallel()
	const boundary = "arn:aws:iam::123456789012:policy/boundary"
	roles := func(g *plan.Graph) (names []string) {
		for _, r := range g.OfType("aws:iam/role:Role") {
			names = append(names, r.Name)
		}
		return names
	}
	bounded := plannedWith(t, "prod", everything(map[string]string{"stack.permissionsBoundaryArn": boundary}))
	for _, r := range bounded.OfType("aws:iam/role:Role") {
		require.Equal(t, boundary, input(t, r, "permissionsBoundary"), r.Name)
	}
	require.Equal(t, []string{
		"api-logging-role", "compute-instance", "database-monitoring-role", "fargate-execution", "fargate-task", "monitoring-config-role",
		"network-flow-logs",
	}, roles(bounded))
	for _, r := range planned(t, "prod").OfType("aws:iam/role:Role") {
		_, has := r.Get("permissionsBoundary")
		require.False(t, has, r.Name)
	}
	require.Empty(t, bounded.OfType("aws:iam/user:User"), "IAM users have keys that do not expire")
	require.True(t, slices.IsSorted(roles(bounded)))
}
