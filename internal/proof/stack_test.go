package proof

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
)

// named returns the resources of a type whose name begins with prefix.
func named(g *plan.Graph, token, prefix string) []plan.Resource {
	return slices.DeleteFunc(g.OfType(token), func(r plan.Resource) bool { return !strings.HasPrefix(r.Name, prefix) })
}

// The stacks hold every part of the system, in the numbers that their configuration asks for.
func TestStacksHoldEveryPart(t *testing.T) {
	t.Parallel()
	for stack, want := range map[string]struct {
		zones, gateways, endpoints, listeners int
	}{
		"dev":  {zones: 2, gateways: 1, endpoints: 1, listeners: 2},
		"prod": {zones: 3, gateways: 3, endpoints: 5, listeners: 3},
	} {
		t.Run(stack, func(t *testing.T) {
			g := planned(t, stack)
			require.Empty(t, slices.DeleteFunc(slices.Clone(g.Warnings), func(w string) bool { return strings.Contains(w, "documentation values") }))
			for _, tier := range []string{"public", "backend", "clients", "database"} {
				require.Len(t, named(g, "aws:ec2/subnet:Subnet", "network-"+tier+"-"), want.zones, tier)
			}
			for token, n := range map[string]int{
				"aws:ec2/vpc:Vpc":                                        1,
				"aws:ec2/natGateway:NatGateway":                          want.gateways,
				"aws:ec2/vpcEndpoint:VpcEndpoint":                        want.endpoints,
				"aws:lb/loadBalancer:LoadBalancer":                       2,
				"aws:lb/listener:Listener":                               want.listeners,
				"aws:lb/targetGroup:TargetGroup":                         2,
				"aws:ec2/launchTemplate:LaunchTemplate":                  1,
				"aws:autoscaling/group:Group":                            1,
				"aws:autoscaling/policy:Policy":                          2,
				"aws:rds/instance:Instance":                              1,
				"aws:rds/subnetGroup:SubnetGroup":                        1,
				"aws:secretsmanager/secret:Secret":                       2,
				"random:index/randomPassword:RandomPassword":             2,
				"aws:s3/bucketV2:BucketV2":                               2,
				"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": 2,
				"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": 2,
				"aws:s3/bucketVersioningV2:BucketVersioningV2":                                               2,
				"awsx:ecr:Repository":                   2,
				"awsx:ecr:Image":                        2,
				"aws:ecs/cluster:Cluster":               1,
				"aws:ecs/taskDefinition:TaskDefinition": 1,
				"aws:ecs/service:Service":               1,
				"aws:appautoscaling/target:Target":      1,
				"aws:appautoscaling/policy:Policy":      1,
				"aws:apigateway/restApi:RestApi":        1,
				"aws:apigateway/vpcLink:VpcLink":        1,
				"aws:apigateway/deployment:Deployment":  1,
				"aws:apigateway/stage:Stage":            1,
				"aws:cloudwatch/dashboard:Dashboard":    1,
				"aws:sns/topic:Topic":                   1,
			} {
				require.Len(t, g.OfType(token), n, token)
			}
			require.NotEmpty(t, g.OfType("aws:cloudwatch/metricAlarm:MetricAlarm"))
			require.NotEmpty(t, g.OfType("aws:iam/role:Role"))
			require.NotEmpty(t, g.OfType("aws:iam/policy:Policy"))
		})
	}
}

func TestEveryResourceBelongsToATier(t *testing.T) {
	t.Parallel()
	g := planned(t, "prod")
	var tiers []string
	for _, r := range g.Tiers() {
		require.False(t, r.Custom, "%s stands outside the tiers", r.Key())
		tiers = append(tiers, r.Name)
	}
	require.ElementsMatch(t, []string{"alerts", "storage", "network", "database", "images", "compute", "api", "fargate", "monitoring",
		"lock"}, tiers)
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	want := []string{
		"adminTokenSecretArn", "agentRepositoryUrl", "apiUrl", "autoScalingGroupName", "backendRepositoryUrl", "bucketName", "clusterName",
		"dashboardUrl", "databaseEndpoint", "databaseSecretArn", "loadBalancerUrl", "logGroups", "machineImage", "serviceName",
	}
	require.Equal(t, want, slices.Sorted(maps.Keys(planned(t, "dev").Outputs)))
	require.Equal(t, want, slices.Sorted(maps.Keys(planned(t, "prod").Outputs)))

	g := plannedWith(t, "dev", setting("fargate.persistentStorage", "true"))
	require.Contains(t, g.Outputs, "fileSystemId")
	require.Contains(t, g.Outputs, "accessPointId")
}

// Nothing is left to chance, or to how the program is run: in this process, where it has run before, or by itself, as the CLI
// runs it.
func TestEveryPlanIsTheSame(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		inline, started := configured(stack, nil), configured(stack, nil)
		started.Program = nil
		for _, o := range []plan.Options{inline, started} {
			again, err := plan.Run(t.Context(), o)
			require.NoError(t, err)
			var a, b bytes.Buffer
			require.NoError(t, planned(t, stack).WriteJSON(&a))
			require.NoError(t, again.WriteJSON(&b))
			require.Equal(t, a.String(), b.String())
			require.Equal(t, planned(t, stack).Warnings, again.Warnings)
		}
	}
}

// A first preview, which knows no outputs, registers the same resources.
func TestUnknownOutputsChangeNoNames(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		o := configured(stack, nil)
		o.Unknown = true
		g, err := plan.Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, keys(planned(t, stack)), keys(g), stack)
	}
}

// `pulumi new` gives the project another name; nothing may depend on ours.
func TestRenamedProjectPlans(t *testing.T) {
	t.Parallel()
	o := configured("dev", nil)
	o.Project = "another-name"
	g, err := plan.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, keys(planned(t, "dev")), keys(g))
	require.Equal(t, "another-name", g.Project)
}

// An update refuses documentation values; a plan of the same stack only warns.
func TestUpdateRefusesDocumentationValues(t *testing.T) {
	t.Parallel()
	update := configured("prod", nil)
	update.Update = true
	_, err := plan.Run(t.Context(), update)
	for _, key := range []string{"aws:allowedAccountIds", "compute.certificateArn", "monitoring.alertEmails"} {
		require.ErrorContains(t, err, key)
		require.Contains(t, strings.Join(planned(t, "prod").Warnings, "\n"), key)
	}
	update = configured("dev", nil)
	update.Update = true
	_, err = plan.Run(t.Context(), update)
	require.NoError(t, err)
}

// Five mistakes of five kinds are five problems in one error, and nothing is registered.
func TestFiveMistakesAreFiveProblems(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "Pulumi.bad.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`config:
  aws:region: us-east-1
  network:
    cidr: 10.20.0.0/30
  compute:
    maxsize: 20
    cpuTarget: high
  fargate:
    cpu: 256
    memory: 4096
  database:
    backupRetentionDays: 99
`), 0o600))
	o := configured("bad", nil)
	o.StackFile = file
	_, err := plan.Run(t.Context(), o)
	for _, key := range []string{"network.cidr", "compute.maxsize", "compute.cpuTarget", "fargate.memory", "database.backupRetentionDays"} {
		require.ErrorContains(t, err, key)
	}
	require.ErrorContains(t, err, "5 problems")
}
