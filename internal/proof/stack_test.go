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

// Parts that every stack needs, and subnets in the configured number of zones. The golden graphs have all other numbers.
func TestStacksHoldEveryPart(t *testing.T) {
	t.Parallel()
	for stack, zones := range map[string]int{"dev": 2, "prod": 3, "other": 4} {
		t.Run(stack, func(t *testing.T) {
			g := planned(t, stack)
			require.Empty(t, slices.DeleteFunc(slices.Clone(g.Warnings), func(w string) bool { return strings.Contains(w, "documentation values") }))
			for _, layer := range []string{"public", "backend", "clients", "database"} {
				require.Len(t, named(g, "aws:ec2/subnet:Subnet", "network-"+layer+"-"), zones, layer)
			}
			for _, token := range []string{
				"aws:ec2/vpc:Vpc", "aws:lb/loadBalancer:LoadBalancer", "aws:ec2/launchTemplate:LaunchTemplate", "aws:autoscaling/group:Group",
				"aws:rds/instance:Instance", "aws:secretsmanager/secret:Secret", "aws:s3/bucketV2:BucketV2", "awsx:ecr:Repository",
				"awsx:ecr:Image", "aws:ecs/cluster:Cluster", "aws:ecs/taskDefinition:TaskDefinition", "aws:ecs/service:Service",
				"aws:apigateway/restApi:RestApi", "aws:apigateway/vpcLink:VpcLink", "aws:cloudwatch/dashboard:Dashboard",
				"aws:cloudwatch/metricAlarm:MetricAlarm", "aws:sns/topic:Topic", "aws:iam/role:Role", "aws:iam/policy:Policy",
			} {
				require.NotEmpty(t, g.OfType(token), token)
			}
		})
	}
}

func TestEveryResourceBelongsToATier(t *testing.T) {
	t.Parallel()
	g := planned(t, "prod")
	var tiers []string
	for _, r := range g.Tiers() {
		require.False(t, r.Custom, "%s belongs to no tier", r.Key())
		tiers = append(tiers, r.Name)
	}
	require.ElementsMatch(t, []string{"alerts", "storage", "network", "database", "images", "compute", "api", "fargate", "monitoring",
		"lock"}, tiers)
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	want := []string{
		"adminTokenSecretArn", "agentImage", "agentRepositoryUrl", "apiUrl", "autoScalingGroupName", "backendImage", "backendRepositoryUrl",
		"bucketName", "clusterName", "dashboardUrl", "dataKeyArn", "databaseEndpoint", "databaseInstanceId", "databaseParameterGroup",
		"databaseSecretArn", "databaseSecurityGroupId", "databaseSubnetGroup", "gatewayLoadBalancerArn", "loadBalancerArn",
		"loadBalancerUrl", "logBucketName", "logGroups", "machineImage", "serviceName",
	}
	require.Equal(t, want, slices.Sorted(maps.Keys(planned(t, "dev").Outputs)))
	withName := slices.Sorted(slices.Values(append([]string{"domainRecord"}, want...)))
	prod := planned(t, "prod")
	require.Equal(t, withName, slices.Sorted(maps.Keys(prod.Outputs)))
	url, _ := prod.RevealedOutput("loadBalancerUrl")
	require.Equal(t, "https://backend.example.com", url, "the certificate covers the name, not the load balancer's own")
	record, _ := prod.RevealedOutput("domainRecord")
	require.Regexp(t, `^backend\.example\.com\. CNAME compute-alb-[0-9a-f]{10}\.us-east-1\.elb\.amazonaws\.com\.$`, record)
	require.Equal(t, want, slices.Sorted(maps.Keys(plannedWith(t, "dev", inZone(nil)).Outputs)), "the stack makes the record")

	g := plannedWith(t, "dev", setting("fargate.persistentStorage", "true"))
	require.Contains(t, g.Outputs, "fileSystemId")
	require.Contains(t, g.Outputs, "accessPointId")
}

// Every plan gives the same graph, in this process, where the program has run before, and in a process of its own, as the CLI
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

// In a first preview outputs are unknown; the program still registers the same resources.
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

// `pulumi new` gives the project another name, so nothing may depend on the name in Pulumi.yaml.
func TestRenamedProjectPlans(t *testing.T) {
	t.Parallel()
	o := configured("dev", nil)
	o.Project = "another-name"
	g, err := plan.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, keys(planned(t, "dev")), keys(g))
	require.Equal(t, "another-name", g.Project)
}

// An update refuses values that are taken from the documentation; a plan of the same stack only warns.
func TestUpdateRefusesDocumentationValues(t *testing.T) {
	t.Parallel()
	update := configured("prod", nil)
	update.Update = true
	_, err := plan.Run(t.Context(), update)
	for _, key := range []string{"aws:allowedAccountIds", "compute.domainName", "compute.certificateArn", "monitoring.alertEmails"} {
		require.ErrorContains(t, err, key)
		require.Contains(t, strings.Join(planned(t, "prod").Warnings, "\n"), key)
	}
	update = configured("dev", nil)
	update.Update = true
	_, err = plan.Run(t.Context(), update)
	require.NoError(t, err)
}

// One error names all five mistakes, which are of different kinds.
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

// What the configuration warns of is in the log of a preview and of an update.
func TestWarningsAreLogged(t *testing.T) {
	t.Parallel()
	g := plannedWith(t, "dev", setting("compute.instanceType", "m12g.large"))
	require.Contains(t, strings.Join(g.Warnings, "\n"), "compute.instanceType is m12g.large, which this program does not know")
}
