package cost

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/graph"
)

func golden(t *testing.T, stack string) *graph.Graph {
	t.Helper()
	file, err := os.Open("../../testdata/" + stack + ".json")
	require.NoError(t, err)
	defer file.Close()
	g, err := graph.ReadGraph(file)
	require.NoError(t, err)
	return g
}

func estimate(t *testing.T, stack, use string) *Estimate {
	t.Helper()
	prices, err := Shipped()
	require.NoError(t, err)
	usage, err := ReadUsage(strings.NewReader(use))
	require.NoError(t, err)
	e, err := Of(golden(t, stack), prices, usage)
	require.NoError(t, err)
	return e
}

func line(t *testing.T, e *Estimate, tier, what string) Line {
	t.Helper()
	for _, l := range e.Lines {
		if l.Tier == tier && strings.HasPrefix(l.What, what) {
			return l
		}
	}
	t.Fatalf("no line %s: %s", tier, what)
	return Line{}
}

// Five lines of each stack, calculated by hand from AWS's pages and the stack files.
func TestByHand(t *testing.T) {
	t.Parallel()
	for stack, lines := range map[string]map[[2]string]float64{
		"dev": {
			{"network", "NAT gateways"}:        1 * 0.045 * 730,
			{"compute", "instances"}:           1 * 0.0168 * 730, // t4g.small
			{"database", "instances"}:          1 * 0.016 * 730,  // db.t4g.micro, no standby
			{"fargate", "tasks"}:               (0.25*0.03238 + 0.5*0.00356) * 730,
			{"network", "public IPv4 address"}: 3 * 0.005 * 730, // one of the NAT, the load balancer's in two zones
		},
		"prod": {
			{"network", "NAT gateways"}:        3 * 0.045 * 730,
			{"compute", "instances"}:           3 * 0.0816 * 730, // m7g.large
			{"database", "instances"}:          2 * 0.168 * 730,  // db.m7g.large and its standby
			{"database", "their storage"}:      2 * 100 * 0.115,
			{"network", "interface endpoints"}: 4 * 3 * 0.01 * 730,
		},
	} {
		e := estimate(t, stack, "")
		for at, usd := range lines {
			require.InDelta(t, usd, line(t, e, at[0], at[1]).USD, 0.001, "%s: %s", stack, at)
		}
		sum := 0.0
		for _, l := range e.Lines {
			sum += l.USD
			require.LessOrEqual(t, l.Low, l.USD+1e-9, "%s: %s", stack, l.What)
			require.LessOrEqual(t, l.USD, l.High+1e-9, "%s: %s", stack, l.What)
		}
		require.InDelta(t, sum, e.USD, 1e-9)
	}
}

// Scaling and Spot make a range. Of prod's two tasks at least, the first is on demand; a fourth of the rest is, too.
func TestRanges(t *testing.T) {
	t.Parallel()
	prod := estimate(t, "prod", "")
	each := (1*0.03238 + 2*0.00356) * 730
	tasks := line(t, prod, "fargate", "tasks")
	require.InDelta(t, (1.25+0.75*0.3)*each, tasks.Low, 0.001)
	require.InDelta(t, 50*each, tasks.High, 0.001)
	require.InDelta(t, 20*0.0816*730, line(t, prod, "compute", "instances").High, 0.001)
	require.InDelta(t, 2*1000*0.115, line(t, prod, "database", "their storage").High, 0.001, "it may grow to maxAllocatedStorage")
	dev := estimate(t, "dev", "")
	require.InDelta(t, 0.0168*730, line(t, dev, "compute", "instances").Low, 0.001, "the first instance is never on Spot")
}

// 1,000 agents with jobs ask and renew every 20 s: 263 million calls a month.
func TestAgentsCalls(t *testing.T) {
	t.Parallel()
	e := estimate(t, "prod", "agents: 997\nbusyShare: 1") // and three tasks
	calls := line(t, e, "api", "calls of agents")
	require.InDelta(t, 262.8, calls.Count, 0.001)
	require.InDelta(t, 262.8*3.50, calls.USD, 1)
	require.InDelta(t, 262.8*0.60, line(t, e, "monitoring", "WAF: requests").USD, 0.001)
	saves := 0.0
	for _, a := range e.Advice {
		if strings.HasPrefix(a.Text, "agents that ask") {
			saves = a.Saves
		}
	}
	require.InDelta(t, 262.8/2*(3.50+0.60), saves, 0.001)
}

// Bulk bytes pass neither NAT nor load balancer: only a stack without the S3 endpoint pays for them by the GB.
func TestATerabyte(t *testing.T) {
	t.Parallel()
	e := estimate(t, "prod", "taskGB: 10240")
	require.Zero(t, line(t, e, "network", "traffic through the NAT").USD)
	require.Less(t, e.Delivered[1].USD, 0.10)
	require.InDelta(t, 1024*0.09, e.Delivered[0].USD, 0.10)

	g := golden(t, "prod")
	for i, r := range g.Resources {
		if kind, _ := r.Get("vpcEndpointType"); kind == "Gateway" {
			g.Resources = append(g.Resources[:i:i], g.Resources[i+1:]...)
			break
		}
	}
	prices, err := Shipped()
	require.NoError(t, err)
	usage, err := ReadUsage(strings.NewReader("taskGB: 10240"))
	require.NoError(t, err)
	e, err = Of(g, prices, usage)
	require.NoError(t, err)
	require.InDelta(t, 10240*0.045, line(t, e, "network", "traffic through the NAT").USD, 0.001)
	require.InDelta(t, 1024*0.045, e.Delivered[1].USD, 0.10)
}

func TestUsageIsReadStrictly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"internetGb: 5":     "field internetGb not found",
		"internetGB: -1":    "internetGB: want a number from 0 on, got -1",
		"internetGB: .nan":  "internetGB: want a number from 0 on",
		"internetGB: .inf":  "internetGB: want a number from 0 on",
		"busyShare: 50":     "busyShare: want 0 to 1, got 50",
		"averageFileMB: 0":  "averageFileMB: want a number above 0",
		"internetGB: a lot": "cannot unmarshal",
		"- internetGB: 5":   "cannot unmarshal",
	} {
		_, err := ReadUsage(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
	u, err := ReadUsage(strings.NewReader("# nothing\n"))
	require.NoError(t, err)
	require.InDelta(t, 64, u.AverageFileMB, 0, "what a file leaves out stays")
}

func TestPricesAreReadStrictly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"eu-central-1: {}":                        "eu-central-1: want a date",
		"eu-central-1: {date: 2026-06, natt: {}}": "field natt not found",
		"a: {date: x, sources: [{page: p, prices: {nat: {usd: 0, per: hour}}}]}": "nat: want a price above 0",
		"a: {date: x, off: {taskSpot: 70}}":                                      "a discount of 70: want a part of 1",
	} {
		_, err := ReadPrices([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
	prices, err := ReadPrices([]byte("us-east-1: {date: 2026-06}"))
	require.NoError(t, err)
	usage, err := ShippedUsage()
	require.NoError(t, err)
	_, err = Of(golden(t, "dev"), prices, usage)
	require.ErrorContains(t, err, `the prices of us-east-1, 2026-06, have no "nat"`, "a price that is missing is not 0")
	_, err = Of(&graph.Graph{}, prices, usage)
	require.ErrorContains(t, err, "no subnet with a zone")
}

// Groups that tools of the kind have got wrong: none at first (infracost #2366), Spot above a base (infracost #104), and types that
// override the template's (infracost #2189), which are refused.
func TestGroups(t *testing.T) {
	t.Parallel()
	prices, err := Shipped()
	require.NoError(t, err)
	usage, err := ShippedUsage()
	require.NoError(t, err)
	with := func(edit func(map[string]any)) (*Estimate, error) {
		g := golden(t, "dev")
		for _, r := range g.Resources {
			if r.Type == scalingGroup {
				edit(r.Inputs)
			}
		}
		return Of(g, prices, usage)
	}
	const hour = 0.0168
	e, err := with(func(inputs map[string]any) {
		inputs["desiredCapacity"], inputs["minSize"], inputs["maxSize"] = 0.0, 0.0, 50.0
	})
	require.NoError(t, err)
	l := line(t, e, "compute", "instances")
	require.InDeltaSlice(t, []float64{0, 0, 50 * hour * Hours}, []float64{l.Low, l.USD, l.High}, 0.001)
	e, err = with(func(inputs map[string]any) {
		inputs["desiredCapacity"], inputs["minSize"], inputs["maxSize"] = 4.0, 3.0, 5.0
	})
	require.NoError(t, err)
	l = line(t, e, "compute", "instances")
	require.InDeltaSlice(t, []float64{(1 + 2*0.4) * hour * Hours, 4 * hour * Hours, 5 * hour * Hours}, []float64{l.Low, l.USD, l.High}, 0.001)
	_, err = with(func(inputs map[string]any) {
		inputs["mixedInstancesPolicy"].(map[string]any)["launchTemplate"].(map[string]any)["overrides"] = []any{}
	})
	require.ErrorContains(t, err, "overrides: other types than the template's have no price here")
}

// A type without a price would be estimated at 0.
func TestUnknownTypesAreRefused(t *testing.T) {
	t.Parallel()
	g := golden(t, "dev")
	g.Resources = append(g.Resources, graph.Resource{Type: "aws:elasticache/cluster:Cluster", Name: "cache"})
	prices, err := Shipped()
	require.NoError(t, err)
	usage, err := ShippedUsage()
	require.NoError(t, err)
	_, err = Of(g, prices, usage)
	require.ErrorContains(t, err, "type aws:elasticache/cluster:Cluster has neither a price nor a reason")
}
