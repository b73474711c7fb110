package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	apitier "scalable-backend/api"
	"scalable-backend/internal/cost"
	"scalable-backend/internal/plan"
	"scalable-backend/services/api"
	backend "scalable-backend/services/backend/config"
)

// estimated returns the month of a graph, with some use over the shipped assumptions.
func estimated(t *testing.T, g *plan.Graph, use string) *cost.Estimate {
	t.Helper()
	prices, err := cost.Shipped()
	require.NoError(t, err)
	usage, err := cost.ReadUsage(strings.NewReader(use))
	require.NoError(t, err)
	e, err := cost.Of(g, prices, usage)
	require.NoError(t, err)
	return e
}

// uses are the examples of docs/cost.md, on top of prod.
var uses = []struct{ name, file string }{
	{"10 TB to the internet", "internetGB: 10240\njobs: 163840"},
	{"10 TB to the stack's tasks", "taskGB: 10240\njobs: 163840"},
	{"1,000 agents elsewhere that have work", "agents: 1000\nbusyShare: 1"},
	{"1,000 agents elsewhere that have none", "agents: 1000\nbusyShare: 0"},
	{"100 GB of logs", "logGB: 100"},
}

// The tables of docs/cost.md and the paragraph of the README are made from the graphs of the shipped stacks.
func TestCostPage(t *testing.T) {
	t.Parallel()
	dev, prod := estimated(t, planned(t, "dev"), ""), estimated(t, planned(t, "prod"), "")
	prices, err := cost.Shipped()
	require.NoError(t, err)
	use, err := cost.UseTable(prices["us-east-1"])
	require.NoError(t, err)
	var names []string
	var examples []*cost.Estimate
	for _, u := range uses {
		names, examples = append(names, u.name), append(examples, estimated(t, planned(t, "prod"), u.file))
	}
	requireBlocks(t, "docs/cost.md", map[string]string{
		"costs": cost.Table(dev, prod), "use": use, "examples": cost.Examples(prod, names, examples),
		"delivered": cost.DeliveredTable(prod), "advice": cost.AdviceTable(dev, prod),
	})
	requireBlocks(t, "README.md", map[string]string{"costs": costParagraph(dev, prod)})
}

// requireBlocks compares the blocks of a page between two comments that name them. -update writes them.
func requireBlocks(t *testing.T, page string, blocks map[string]string) {
	t.Helper()
	name := filepath.Join(root, page)
	read, err := os.ReadFile(name)
	require.NoError(t, err)
	text := string(read)
	for block, content := range blocks {
		head, rest, found := strings.Cut(text, "<!-- "+block+", written by `make golden` -->\n")
		require.True(t, found, "%s: no block %s", page, block)
		_, tail, found := strings.Cut(rest, "<!-- end of "+block+" -->")
		require.True(t, found, "%s: block %s has no end", page, block)
		text = head + "<!-- " + block + ", written by `make golden` -->\n" + content + "<!-- end of " + block + " -->" + tail
	}
	requireFile(t, name, text)
}

// costParagraph is the README's paragraph.
func costParagraph(dev, prod *cost.Estimate) string {
	line := func(e *cost.Estimate, tier string, whats ...string) (usd float64) {
		for _, l := range e.Lines {
			for _, what := range whats {
				if l.Tier == tier && strings.HasPrefix(l.What, what) {
					usd += l.USD
				}
			}
		}
		return usd
	}
	rounded := func(usd float64) string { return fmt.Sprintf("%.0f", usd/10) + "0" }
	const text = "**Cost**, at us-east-1 list prices and without traffic: dev about %s USD a month (network %.0f, load balancers %.0f,\n" +
		"database %.0f, instances %.0f, tasks %.0f); prod as configured about %s USD (database %.0f, instances %.0f, NAT gateways and\n" +
		"addresses %.0f, tasks %.0f, endpoints %.0f). A TB delivered to the internet adds %.0f, and %.2f to the stack's own tasks.\n" +
		"Line by line, from the planned graphs, and what costs less: [docs/cost.md](docs/cost.md), or `go run ./cmd/plan cost -stack dev`.\n" +
		"A monthly budget alarm is part of the stack.\n"
	return fmt.Sprintf(text,
		rounded(dev.FixedOf("")), dev.FixedOf("network"), line(dev, "compute", "load"), dev.FixedOf("database"),
		line(dev, "compute", "instances"), dev.FixedOf("fargate"),
		rounded(prod.FixedOf("")), prod.FixedOf("database"), line(prod, "compute", "instances"), line(prod, "network", "NAT", "public"),
		prod.FixedOf("fargate"), line(prod, "network", "interface"), prod.Delivered[0].USD, prod.Delivered[1].USD)
}

// The intervals and methods that the estimate counts with are those of the services.
func TestCostCountsWithTheServices(t *testing.T) {
	t.Parallel()
	ttl, ok := reflect.TypeFor[backend.Config]().FieldByName("LeaseTTL")
	require.True(t, ok)
	lease, err := time.ParseDuration(ttl.Tag.Get("envDefault"))
	require.NoError(t, err)
	require.Equal(t, lease/3, cost.RenewInterval)
	var document struct {
		Components struct {
			Schemas struct {
				LeaseRequest struct {
					Properties struct {
						Wait struct{ Maximum int } `yaml:"wait_s"`
					}
				} `yaml:"LeaseRequest"`
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(api.Document, &document))
	require.Equal(t, time.Duration(document.Components.Schemas.LeaseRequest.Properties.Wait.Maximum)*time.Second, cost.PollInterval)
	require.Equal(t, cost.AgentMethods, agentMethods(t))
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

// Every type that the program can register has a price, is billed by use, or is free for a reason; and no entry is left over.
func TestEveryTypeHasAPrice(t *testing.T) {
	t.Parallel()
	registered := map[string]bool{}
	for _, stack := range []string{"dev", "prod", "other"} {
		for _, g := range []*plan.Graph{planned(t, stack), plannedWith(t, stack, everyPolicy)} {
			for token := range g.Counts() {
				registered[token] = true
				require.True(t, cost.Known(token), "%s: a price in rows.go, or a reason in types.go of internal/cost", token)
			}
		}
	}
	for _, token := range cost.Tokens() {
		require.True(t, registered[token], "%s is in internal/cost, but no stack registers it", token)
	}
}

// A configuration in a region without prices, or with a type of instance without one, is refused and not estimated at 0.
func TestUnknownPricesAreRefused(t *testing.T) {
	t.Parallel()
	prices, err := cost.Shipped()
	require.NoError(t, err)
	usage, err := cost.ShippedUsage()
	require.NoError(t, err)
	_, err = cost.Of(planned(t, "other"), prices, usage)
	require.ErrorContains(t, err, `no prices of region "us-west-2": want one of us-east-1`)
	_, err = cost.Of(plannedWith(t, "prod", map[string]string{"compute.instanceType": "c7gn.large", "database.instanceClass": "db.r7g.large"}),
		prices, usage)
	require.ErrorContains(t, err, "no price of c7gn.large in us-east-1")
	require.ErrorContains(t, err, "no price of db.r7g.large in us-east-1", "one error names every price that is missing")
}
