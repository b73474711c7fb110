package proof

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
)

// writer is a resource for which AWS creates a log group at the first line, without retention and encryption, unless the
// group exists already.
type writer struct {
	key   string // of the resource that writes
	group string // the name that AWS uses
	tier  string // the tier that must create the group
}

// writers returns all writers of a graph. Add every new service that logs.
func writers(t *testing.T, g *plan.Graph) []writer {
	t.Helper()
	var all []writer
	for _, r := range g.OfType("aws:rds/instance:Instance") {
		for _, export := range input(t, r, "enabledCloudwatchLogsExports").([]any) {
			all = append(all, writer{r.Key(), "/aws/rds/instance/" + input(t, r, "identifier").(string) + "/" + export.(string), "database"})
		}
	}
	for _, r := range g.OfType("aws:apigateway/stage:Stage") {
		name := "API-Gateway-Execution-Logs_" + input(t, r, "restApi").(string) + "/" + input(t, r, "stageName").(string)
		all = append(all, writer{r.Key(), name, "api"})
	}
	for _, cluster := range g.OfType("aws:ecs/cluster:Cluster") {
		if input(t, cluster, "settings", 0, "value") != "enabled" {
			continue
		}
		name := "/aws/ecs/containerinsights/" + cluster.State["name"].(string) + "/performance"
		for _, service := range g.OfType("aws:ecs/service:Service") {
			all = append(all, writer{service.Key(), name, "fargate"})
		}
	}
	for _, r := range g.OfType("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration") {
		all = append(all, writer{r.Key(), groupOfARN(input(t, r, "logDestinationConfigs", 0).(string)), "monitoring"})
	}
	for _, r := range g.OfType("aws:ec2/flowLog:FlowLog") {
		all = append(all, writer{r.Key(), groupOfARN(input(t, r, "logDestination").(string)), "network"})
	}
	return all
}

func groupOfARN(arn string) string { return arn[strings.Index(arn, ":log-group:")+len(":log-group:"):] }

// The program creates every log group that AWS would create by itself, in the writer's tier: with retention and encryption,
// before the writer, and deleted with the stack. AWS creates only the groups of the account's region, which the runbook names:
// RDSOSMetrics of enhanced monitoring, and /aws/apigateway/welcome of API Gateway's logging role.
func TestLogGroupsThatAWSWouldCreate(t *testing.T) {
	t.Parallel()
	for stack, more := range map[string]map[string]string{"dev": nil, "prod": nil, "dev, everything": everything(nil),
		"prod, everything": everything(nil)} {
		t.Run(stack, func(t *testing.T) {
			name, _, _ := strings.Cut(stack, ",")
			g := plannedWith(t, name, more)
			owned := map[string]plan.Resource{}
			for _, r := range g.OfType("aws:cloudwatch/logGroup:LogGroup") {
				physical, ok := r.State["name"].(string)
				require.True(t, ok, r.Key())
				owned[physical] = r
			}
			found := writers(t, g)
			require.GreaterOrEqual(t, len(found), 4)
			for _, w := range found {
				group, ok := owned[w.group]
				require.True(t, ok, "AWS would create %s for %s", w.group, w.key)
				require.Equal(t, w.tier, input(t, group, "tags", "tier"), w.group)
				require.NotEmpty(t, input(t, group, "kmsKeyId"), w.group)
				require.NotEmpty(t, input(t, group, "retentionInDays"), w.group)
				require.True(t, after(g, w.key, group.Key()), "%s does not wait for %s", w.key, w.group)
			}
		})
	}
}

// after tells whether a resource waits for another one, directly or indirectly.
func after(g *plan.Graph, key, earlier string) bool {
	waits := map[string][]string{}
	for _, r := range g.Resources {
		waits[r.Key()] = r.DependsOn
		for _, keys := range r.PropertyDependencies {
			waits[r.Key()] = append(waits[r.Key()], keys...)
		}
	}
	seen := map[string]bool{}
	for open := []string{key}; len(open) > 0; open = open[1:] {
		if open[0] == earlier {
			return true
		}
		if !seen[open[0]] {
			seen[open[0]] = true
			open = append(open, waits[open[0]]...)
		}
	}
	return false
}

// Only API Gateway's role for the region may create log groups: otherwise late lines would create a group again after the
// stack was destroyed.
func TestNoRoleCreatesLogGroups(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		g := plannedWith(t, stack, everything(nil))
		for _, r := range g.OfType("aws:iam/policy:Policy") {
			require.NotContains(t, input(t, r, "policy"), "logs:CreateLogGroup", r.Name)
		}
		var managed []string
		for _, r := range g.OfType("aws:iam/rolePolicyAttachment:RolePolicyAttachment") {
			if arn := input(t, r, "policyArn").(string); strings.Contains(arn, ":iam::aws:policy/") {
				managed = append(managed, arn[strings.LastIndexByte(arn, '/')+1:])
			}
		}
		slices.Sort(managed)
		want := []string{"AWS_ConfigRole", "AmazonAPIGatewayPushToCloudWatchLogs", "AmazonSSMManagedInstanceCore"}
		if stack == "prod" {
			// It writes only to RDSOSMetrics, a group of the region.
			want = []string{"AWS_ConfigRole", "AmazonAPIGatewayPushToCloudWatchLogs", "AmazonRDSEnhancedMonitoringRole",
				"AmazonSSMManagedInstanceCore"}
		}
		require.Equal(t, want, managed, stack)
	}
}
