package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	apitier "scalable-backend/api"
	"scalable-backend/internal/plan"
	"scalable-backend/services/api"
)

// hours of a month, as AWS's own estimates count them.
const hours = 730

// prices in USD, of us-east-1. When one changes, so do docs/cost.md and the README.
var (
	instanceHour = map[string]float64{"t4g.small": 0.0168, "m7g.large": 0.0816}
	databaseHour = map[string]float64{"db.t4g.micro": 0.016, "db.m7g.large": 0.168} // of one instance; Multi-AZ has two
)

// cost is a line of docs/cost.md: what AWS bills for a stack that serves next to nothing.
type cost struct {
	tier, what string
	count      func(t *testing.T, g *plan.Graph) float64
	unit       string  // of the count
	price      float64 // of one a month; 0 where the stack decides it
	each       func(t *testing.T, g *plan.Graph) float64
}

func of(token string) func(*testing.T, *plan.Graph) float64 {
	return func(_ *testing.T, g *plan.Graph) float64 { return float64(len(g.OfType(token))) }
}

// costs are the lines, by tier.
var costs = []cost{
	{tier: "network", what: "NAT gateways", count: of("aws:ec2/natGateway:NatGateway"), unit: "", price: 0.045 * hours},
	{tier: "network", what: "public IPv4 addresses, of NAT and load balancer", count: billedAddresses, price: 0.005 * hours},
	{tier: "network", what: "interface endpoints, one in each zone", count: endpoints, price: 0.01 * hours},
	{tier: "compute", what: "load balancers", count: of("aws:lb/loadBalancer:LoadBalancer"), price: 0.0225 * hours},
	{tier: "compute", what: "instances, on demand", count: instances, each: func(t *testing.T, g *plan.Graph) float64 {
		return instanceHour[input(t, only(t, g, "aws:ec2/launchTemplate:LaunchTemplate"), "instanceType").(string)] * hours
	}},
	{tier: "compute", what: "their root disks", unit: "GiB", price: 0.08, count: func(t *testing.T, g *plan.Graph) float64 {
		return instances(t, g) * number(t, only(t, g, "aws:ec2/launchTemplate:LaunchTemplate"), "blockDeviceMappings", 0, "ebs", "volumeSize")
	}},
	{tier: "compute", what: "their metrics every minute, seven each", price: 0.30, count: func(t *testing.T, g *plan.Graph) float64 {
		if input(t, only(t, g, "aws:ec2/launchTemplate:LaunchTemplate"), "monitoring", "enabled") != true {
			return 0
		}
		return 7 * instances(t, g)
	}},
	{tier: "compute", what: "the copy of Amazon Linux", unit: "GiB", price: 0.05, count: func(_ *testing.T, g *plan.Graph) float64 {
		return 8 * float64(len(g.OfType("aws:ec2/amiCopy:AmiCopy")))
	}},
	{tier: "database", what: "instances, the standby included", count: databases, each: func(t *testing.T, g *plan.Graph) float64 {
		return databaseHour[input(t, only(t, g, "aws:rds/instance:Instance"), "instanceClass").(string)] * hours
	}},
	{tier: "database", what: "their storage", unit: "GiB", price: 0.115, count: func(t *testing.T, g *plan.Graph) float64 {
		return databases(t, g) * number(t, only(t, g, "aws:rds/instance:Instance"), "allocatedStorage")
	}},
	{tier: "fargate", what: "tasks, on demand", count: tasks, each: func(t *testing.T, g *plan.Graph) float64 {
		task := only(t, g, "aws:ecs/taskDefinition:TaskDefinition")
		return (number(t, task, "cpu")/1024*0.03238 + number(t, task, "memory")/1024*0.00356) * hours
	}},
	{tier: "fargate", what: "their disk above 20 GiB", unit: "GiB", price: 0.000111 * hours, count: taskDisk},
	{tier: "fargate", what: "Container Insights, about 30 metrics", price: 0.30, count: func(t *testing.T, g *plan.Graph) float64 {
		if input(t, only(t, g, "aws:ecs/cluster:Cluster"), "settings", 0, "value") != "enabled" {
			return 0
		}
		return 30
	}},
	{tier: "storage", what: "KMS keys", count: of("aws:kms/key:Key"), price: 1},
	{tier: "storage", what: "secrets", count: of("aws:secretsmanager/secret:Secret"), price: 0.40},
	{tier: "storage", what: "request metrics of the bucket, 13 each", price: 0.30, count: func(_ *testing.T, g *plan.Graph) float64 {
		return 13 * float64(len(g.OfType("aws:s3/bucketMetric:BucketMetric")))
	}},
	{tier: "api", what: "metrics of the four methods that agents call, five each", count: apiMetrics, price: 0.30},
	{tier: "monitoring", what: "metrics that alarms watch", count: alarmMetrics, price: 0.10},
	{tier: "monitoring", what: "metrics of backends and hosts", count: ownMetrics, price: 0.30},
	{tier: "monitoring", what: "dashboards", count: of("aws:cloudwatch/dashboard:Dashboard"), price: 3},
	{tier: "monitoring", what: "WAF: web ACL", count: of("aws:wafv2/webAcl:WebAcl"), price: 5},
	{tier: "monitoring", what: "WAF: its rules", price: 1, count: func(_ *testing.T, g *plan.Graph) (n float64) {
		for _, acl := range g.OfType("aws:wafv2/webAcl:WebAcl") {
			rules, _ := acl.Get("rules")
			n += float64(len(rules.([]any)))
		}
		return n
	}},
}

// number reads a number, which some resources take as text.
func number(t *testing.T, r plan.Resource, path ...any) (n float64) {
	t.Helper()
	_, err := fmt.Sscan(fmt.Sprint(input(t, r, path...)), &n)
	require.NoError(t, err)
	return n
}

func instances(t *testing.T, g *plan.Graph) float64 {
	return number(t, only(t, g, "aws:autoscaling/group:Group"), "desiredCapacity")
}

func tasks(t *testing.T, g *plan.Graph) float64 {
	return number(t, only(t, g, "aws:ecs/service:Service"), "desiredCount")
}

func taskDisk(t *testing.T, g *plan.Graph) float64 {
	return tasks(t, g) * (number(t, only(t, g, "aws:ecs/taskDefinition:TaskDefinition"), "ephemeralStorage", "sizeInGib") - 20)
}

func databases(t *testing.T, g *plan.Graph) float64 {
	if input(t, only(t, g, "aws:rds/instance:Instance"), "multiAz") == true {
		return 2
	}
	return 1
}

// billedAddresses are those of the stack and, one in each of its subnets, of a load balancer that faces the internet.
func billedAddresses(_ *testing.T, g *plan.Graph) float64 {
	n := len(g.OfType("aws:ec2/eip:Eip"))
	for _, lb := range g.OfType("aws:lb/loadBalancer:LoadBalancer") {
		subnets, _ := lb.Get("subnets")
		if internal, _ := lb.Get("internal"); internal == false {
			n += len(subnets.([]any))
		}
	}
	return float64(n)
}

func endpoints(_ *testing.T, g *plan.Graph) (n float64) {
	for _, e := range g.OfType("aws:ec2/vpcEndpoint:VpcEndpoint") {
		if kind, _ := e.Get("vpcEndpointType"); kind == "Interface" {
			subnets, _ := e.Get("subnetIds")
			n += float64(len(subnets.([]any)))
		}
	}
	return n
}

func alarmMetrics(_ *testing.T, g *plan.Graph) (n float64) {
	for _, alarm := range g.OfType("aws:cloudwatch/metricAlarm:MetricAlarm") {
		queries, _ := alarm.Get("metricQueries")
		list, _ := queries.([]any)
		metrics := 0
		for _, q := range list {
			if _, ok := q.(map[string]any)["metric"]; ok {
				metrics++
			}
		}
		n += float64(max(metrics, 1))
	}
	return n
}

// ownMetrics are four of the queue, three for each route that is called without users (the agents' and the health check), and of the
// hosts memory and disk for each instance and for all, and the age of the release.
func ownMetrics(t *testing.T, g *plan.Graph) float64 {
	return 4 + 3*float64(agentMethods(t)+1) + 2*(instances(t, g)+1) + 1
}

func apiMetrics(t *testing.T, _ *plan.Graph) float64 {
	require.Equal(t, 4, agentMethods(t), "the line says four")
	return 5 * float64(agentMethods(t))
}

func agentMethods(t *testing.T) (n int) {
	t.Helper()
	document, err := apitier.Read(api.Document)
	require.NoError(t, err)
	for _, o := range document.Operations() {
		if o.Agents() {
			n++
		}
	}
	return n
}

// The table of docs/cost.md is made from the graphs of the shipped stacks, and the README's figures are its sums.
func TestCostPage(t *testing.T) {
	t.Parallel()
	name := filepath.Join(root, "docs", "cost.md")
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	const begin, end = "<!-- costs, written by `make golden` -->\n", "<!-- end of costs -->"
	head, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	_, tail, found := strings.Cut(rest, end)
	require.True(t, found)
	table, sums := costTable(t, planned(t, "dev"), planned(t, "prod"))
	requireFile(t, name, head+begin+table+end+tail)

	paragraph := section(t, "README.md", "**Cost**", "## Outputs")
	said := regexp.MustCompile(`about (\d+) USD`).FindAllStringSubmatch(paragraph, -1)
	require.Len(t, said, 2, paragraph)
	for i, sum := range sums {
		var figure float64
		_, err := fmt.Sscan(said[i][1], &figure)
		require.NoError(t, err)
		require.InDelta(t, sum, figure, 5, "README: %s", said[i][0])
	}
}

func costTable(t *testing.T, graphs ...*plan.Graph) (table string, sums []float64) {
	t.Helper()
	var out strings.Builder
	out.WriteString("| tier | what | a month each | dev | | prod | |\n|---|---|---|---|---|---|---|\n")
	sums, last, tierSums := make([]float64, len(graphs)), "", make([]float64, len(graphs))
	for i, c := range costs {
		var cells, prices []string
		for g, graph := range graphs {
			n, price := c.count(t, graph), c.price
			if c.each != nil {
				price = c.each(t, graph)
			}
			require.False(t, price == 0 && n > 0, "%s: no price", c.what)
			sums[g] += n * price
			tierSums[g] += n * price
			prices = append(prices, strings.TrimSuffix(fmt.Sprintf("%.3f", price), "0"))
			cells = append(cells, strings.TrimSpace(fmt.Sprintf("%g %s", n, c.unit)), fmt.Sprintf("%.2f", n*price))
		}
		tier := ""
		if c.tier != last {
			tier, last = c.tier, c.tier
		}
		if c.each == nil {
			prices = prices[:1]
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", tier, c.what, strings.Join(prices, " / "), strings.Join(cells, " | "))
		if i == len(costs)-1 || costs[i+1].tier != c.tier {
			fmt.Fprintf(&out, "| | **%s** | | | **%.0f** | | **%.0f** |\n", c.tier, tierSums[0], tierSums[1])
			clear(tierSums)
		}
	}
	fmt.Fprintf(&out, "| | **together** | | | **%.0f** | | **%.0f** |\n", sums[0], sums[1])
	return out.String(), sums
}
