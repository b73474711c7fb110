package proof

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"scalable-backend/internal/infratest"
	"scalable-backend/internal/plan"
	"scalable-backend/network"
)

// variant is a configuration and the options of the flow table that belong to it.
type variant struct {
	stack     string
	overrides map[string]string
	endpoints string // replaces the stack file's list
	options   network.Options
}

// everyEndpoint lists the services that can have an interface endpoint.
var everyEndpoint = []string{
	"ec2", "ec2messages", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "elasticfilesystem", "kms", "logs", "monitoring",
	"secretsmanager", "sns", "ssm", "ssmmessages", "sts",
}

// variants cover every condition in the flow table; each differs from the shipped stacks in one or more options.
var variants = func() map[string]variant {
	prod := network.Options{AllowedCIDRs: []string{"0.0.0.0/0"}, HTTPS: true, Endpoints: true}
	forwarded := []string{"10.20.64.0/18", "10.20.128.0/18"} // backend and clients of dev, all four zones
	files, public := prod, prod
	files.PersistentStorage, public.Endpoints = true, false
	all := map[string]variant{
		"dev":      {stack: "dev"},
		"prod":     {stack: "prod", options: prod},
		"instance": {stack: "dev", overrides: map[string]string{"network.nat": "instance"}, options: network.Options{NATRanges: forwarded}},
		"users": {
			stack:     "dev",
			overrides: map[string]string{"compute.allowedCidrs[0]": "203.0.113.0/24", "compute.allowedCidrs[1]": "198.51.100.7/32"},
			options:   network.Options{AllowedCIDRs: []string{"203.0.113.0/24", "198.51.100.7/32"}},
		},
		"everything": {
			stack: "dev",
			overrides: map[string]string{
				"network.nat": "instance", "network.azCount": "4", "fargate.persistentStorage": "true", "compute.allowedCidrs[0]": "203.0.113.0/24",
				"network.interfaceEndpoints[0]": "ssm", "network.interfaceEndpoints[1]": "secretsmanager",
			},
			options: network.Options{AllowedCIDRs: []string{"203.0.113.0/24"}, PersistentStorage: true, Endpoints: true, NATRanges: forwarded},
		},
		"files":          {stack: "prod", overrides: map[string]string{"fargate.persistentStorage": "true"}, options: files},
		"no endpoints":   {stack: "prod", endpoints: "[]", options: public},
		"every endpoint": {stack: "prod", endpoints: "[" + strings.Join(everyEndpoint, ", ") + "]", options: prod},
	}
	for _, nat := range []string{"single", "one-per-az"} {
		for _, zones := range []string{"2", "3", "4"} {
			all[nat+" "+zones] = variant{stack: "prod", overrides: map[string]string{"network.nat": nat, "network.azCount": zones}, options: prod}
		}
	}
	for name, v := range all {
		v.options.BackendPort, v.options.GatewayPort, v.options.Agents = 8080, 8081, true
		all[name] = v
	}
	all["another program, no agents"] = variant{
		stack: "prod",
		overrides: map[string]string{
			"compute.port": "9000", "compute.gatewayPort": "9001", "fargate.enabled": "false", "fargate.persistentStorage": "true",
		},
		options: network.Options{AllowedCIDRs: []string{"0.0.0.0/0"}, HTTPS: true, Endpoints: true, BackendPort: 9000, GatewayPort: 9001},
	}
	return all
}()

// plan returns the graph of a variant.
func (v variant) plan(t *testing.T) *plan.Graph {
	t.Helper()
	if v.endpoints == "" {
		return plannedWith(t, v.stack, v.overrides)
	}
	text, err := os.ReadFile(infratest.StackFile(root, v.stack))
	require.NoError(t, err)
	const have = "[ecr.api, ecr.dkr, logs, secretsmanager]"
	require.Contains(t, string(text), have)
	return plannedFile(t, v.stack, strings.Replace(string(text), have, v.endpoints, 1))
}

// sharing are the generated configurations whose graphs are used by more than one test. The others are not kept.
func sharing(numbers []int) []int { return numbers[:(len(numbers)+2)/3] }

// generated returns a generated configuration and its graph.
func generated(t *testing.T, seed uint64, number int) (configuration, *plan.Graph) {
	t.Helper()
	c := generate(seed, number)
	if _, numbers := generatorSettings(t); slices.Contains(sharing(numbers), number) {
		return c, plannedFile(t, c.stack, c.text)
	}
	g, err := plan.Run(t.Context(), fileOptions(t, c.stack, c.text))
	require.NoError(t, err, "stack %s\n%s", c.stack, c.text)
	return c, g
}

// options returns the options of the flow table for a generated configuration.
func (c configuration) options(t *testing.T) network.Options {
	t.Helper()
	var file struct {
		Config struct {
			Network struct {
				CIDR               string   `yaml:"cidr"`
				NAT                string   `yaml:"nat"`
				InterfaceEndpoints []string `yaml:"interfaceEndpoints"`
			}
			Compute struct {
				CertificateARN string   `yaml:"certificateArn"`
				HostedZoneID   string   `yaml:"hostedZoneId"`
				Port           int      `yaml:"port"`
				GatewayPort    int      `yaml:"gatewayPort"`
				AllowedCIDRs   []string `yaml:"allowedCidrs"`
			}
			Fargate struct {
				Enabled           bool `yaml:"enabled"`
				PersistentStorage bool `yaml:"persistentStorage"`
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(c.text), &file))
	o := network.Options{
		AllowedCIDRs:      slices.Clone(file.Config.Compute.AllowedCIDRs),
		HTTPS:             file.Config.Compute.CertificateARN+file.Config.Compute.HostedZoneID != "",
		PersistentStorage: file.Config.Fargate.Enabled && file.Config.Fargate.PersistentStorage,
		Endpoints:         len(file.Config.Network.InterfaceEndpoints) > 0,
	}
	o.BackendPort, o.GatewayPort, o.Agents = file.Config.Compute.Port, file.Config.Compute.GatewayPort, file.Config.Fargate.Enabled
	if file.Config.Network.NAT == "instance" {
		subnets, err := network.Plan(file.Config.Network.CIDR, 2)
		require.NoError(t, err)
		o.NATRanges = []string{subnets.BackendRange.String(), subnets.ClientsRange.String()}
	}
	return o
}

// check is a test of one property, for every configuration.
type check[T any] struct {
	name string
	test func(*testing.T, T)
}

// everyConfiguration runs checks on the variants and on generated configurations. made builds their subject once for each.
func everyConfiguration[T any](t *testing.T, made func(*testing.T, *plan.Graph, network.Options) T, checks []check[T]) {
	t.Helper()
	run := func(t *testing.T, g *plan.Graph, o network.Options) {
		subject := made(t, g, o)
		for _, c := range checks {
			t.Run(c.name, func(t *testing.T) { c.test(t, subject) })
		}
	}
	for _, name := range slices.Sorted(maps.Keys(variants)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, variants[name].plan(t), variants[name].options)
		})
	}
	seed, numbers := generatorSettings(t)
	t.Run("generated", func(t *testing.T) {
		for _, i := range sharing(numbers) { // a part is enough: most settings change neither traffic nor order
			t.Run(fmt.Sprintf("configuration-%d", i), func(t *testing.T) {
				t.Parallel()
				c, g := generated(t, seed, i)
				run(t, g, c.options(t))
			})
		}
	})
}
