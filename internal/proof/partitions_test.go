package proof

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
	"scalable-backend/internal/rules"
)

// partitioned lists regions outside the standard partition, with the names that differ there.
var partitioned = map[string]struct {
	partition, suffix, console string
	budgets                    int
	// chineseEndpoints lists the services whose interface endpoints begin with cn.
	chineseEndpoints []string
	balancers        []string // accounts that may write the load balancers' access logs
}{
	"us-gov-west-1": {partition: "aws-us-gov", suffix: "amazonaws.com", console: "console.amazonaws-us-gov.com"},
	"us-gov-east-1": {partition: "aws-us-gov", suffix: "amazonaws.com", console: "console.amazonaws-us-gov.com"},
	"cn-north-1": {
		partition: "aws-cn", suffix: "amazonaws.com.cn", console: "console.amazonaws.cn", budgets: 1,
		chineseEndpoints: []string{"ec2", "ecr.api", "ecr.dkr", "elasticfilesystem", "monitoring", "sts"}, balancers: []string{"638102146993"},
	},
	"cn-northwest-1": {
		partition: "aws-cn", suffix: "amazonaws.com.cn", console: "console.amazonaws.cn", budgets: 1,
		chineseEndpoints: []string{"ec2", "ecr.api", "ecr.dkr", "elasticfilesystem", "monitoring", "sts"}, balancers: []string{"037604701340"},
	},
}

// principals lists the services that this program trusts. Their names are the same in every partition ("Use standardized (global)
// service principals everywhere", AWS's CDK), except the regional one of CloudWatch Logs.
var principals = []string{
	"apigateway.amazonaws.com", "budgets.amazonaws.com", "cloudwatch.amazonaws.com", "config.amazonaws.com", "ec2.amazonaws.com",
	"ecs-tasks.amazonaws.com", "events.amazonaws.com", "events.rds.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com",
	"logging.s3.amazonaws.com", "monitoring.rds.amazonaws.com", "vpc-flow-logs.amazonaws.com",
}

var (
	anyARN  = regexp.MustCompile(`arn:[a-z-]+:`)
	anyHost = regexp.MustCompile(`[a-z0-9*.-]*amazonaws\.com(\.cn)?`)
)

// In another partition every ARN, endpoint, principal and host belongs to that partition, and the rules hold.
func TestPartitions(t *testing.T) {
	t.Parallel()
	for region, want := range partitioned {
		for stack, more := range map[string]map[string]string{"dev": {"network.nat": "instance"}, "prod": nil} {
			t.Run(region+" "+stack, func(t *testing.T) {
				t.Parallel()
				settings := everything(more)
				settings["aws:region"] = region
				for i, service := range everyEndpoint {
					settings[fmt.Sprintf("network.interfaceEndpoints[%d]", i)] = service
				}
				settings["compute.domainName"] = "files.example.org"
				settings["compute.certificateArn"] = strings.NewReplacer(":aws:", ":"+want.partition+":", "us-east-1", region).Replace(certificateARN)
				g := plannedWith(t, stack, settings)
				endpointNames(t, g, region, want.chineseEndpoints)
				for _, result := range rules.Evaluate(g, stack == rules.Prod) {
					require.Empty(t, unwaived(ledger(t), result, rules.Generated))
				}
				trusted, accounts := allPrincipals(t, g)
				require.ElementsMatch(t, append(slices.DeleteFunc(slices.Clone(principals), func(name string) bool {
					return name == "budgets.amazonaws.com" && want.budgets == 0 || name == "monitoring.rds.amazonaws.com" && stack == "dev"
				}), "logs."+region+"."+want.suffix), trusted)
				require.ElementsMatch(t, want.balancers, accounts)
				for _, r := range g.Resources {
					texts(r.RevealedInputs, func(text string) {
						for _, arn := range anyARN.FindAllString(text, -1) {
							require.Equal(t, "arn:"+want.partition+":", arn, "%s: %s", r.Key(), text)
						}
						for _, host := range anyHost.FindAllString(text, -1) {
							if strings.Contains(host, region) {
								require.True(t, strings.HasSuffix(host, "."+want.suffix), "%s: %s", r.Key(), host)
							}
						}
					})
				}
				require.Len(t, g.OfType("aws:budgets/budget:Budget"), want.budgets)
				service, _ := g.Find("aws:iam/policy:Policy", "compute-service")
				require.Contains(t, input(t, service, "policy"), `"s3.`+region+"."+want.suffix+`"`)
				url, _ := g.RevealedOutput("dashboardUrl")
				require.Contains(t, url, "https://"+region+"."+want.console+"/")
			})
		}
	}
}

// endpointNames checks the service names of all endpoints.
func endpointNames(t *testing.T, g *plan.Graph, region string, chinese []string) {
	t.Helper()
	var want, got []string
	for _, service := range append([]string{"s3"}, everyEndpoint...) {
		name := "com.amazonaws." + region + "." + service
		if slices.Contains(chinese, service) {
			name = "cn." + name
		}
		want = append(want, name)
	}
	for _, r := range g.OfType(endpointType) {
		got = append(got, input(t, r, "serviceName").(string))
	}
	require.ElementsMatch(t, want, got)
}

// allPrincipals returns the services and other accounts in the policies of a graph.
func allPrincipals(t *testing.T, g *plan.Graph) (services, accounts []string) {
	t.Helper()
	seen, foreign := map[string]bool{}, map[string]bool{}
	for _, r := range g.Resources {
		for _, key := range []string{"policy", "assumeRolePolicy"} {
			text, ok := r.RevealedInputs[key].(string)
			if !ok {
				continue
			}
			var document struct {
				Statement []struct{ Principal any }
			}
			require.NoError(t, json.Unmarshal([]byte(text), &document), r.Key())
			for _, s := range document.Statement {
				byKind, _ := s.Principal.(map[string]any)
				texts(byKind["Service"], func(name string) { seen[name] = true })
				texts(byKind["AWS"], func(arn string) {
					if parts := strings.Split(arn, ":"); len(parts) > 4 && parts[4] != "123456789012" {
						foreign[parts[4]] = true
					}
				})
			}
		}
	}
	return slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(foreign))
}

// texts calls visit for every string in a value.
func texts(value any, visit func(string)) {
	switch v := value.(type) {
	case string:
		visit(v)
	case []any:
		for _, element := range v {
			texts(element, visit)
		}
	case map[string]any:
		for _, element := range v {
			texts(element, visit)
		}
	}
}

// A budget of one dollar publishes to the topic like any other.
func TestSmallestBudgetMayPublish(t *testing.T) {
	t.Parallel()
	g := plannedWith(t, "dev", setting("monitoring.monthlyBudgetUsd", "1"))
	text, _ := only(t, g, "aws:sns/topicPolicy:TopicPolicy").Revealed("policy")
	require.Contains(t, text, "budgets.amazonaws.com")
}
