package network

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

// rule is a security group rule in the graph.
type rule struct {
	ingress  bool
	flow     Flow
	fromPort int
}

// optionsOf returns the options of the flow table for these Args.
func optionsOf(args *Args) Options {
	options := Options{
		AllowedCIDRs: args.AllowedCIDRs, HTTPS: args.HTTPS, BackendPort: args.BackendPort, GatewayPort: args.GatewayPort, Agents: args.Agents,
		PersistentStorage: args.PersistentStorage, Endpoints: len(args.InterfaceEndpoints) > 0,
	}
	if args.NAT == NATByInstance {
		plan, err := Plan(args.CIDR, len(args.Zones))
		if err != nil {
			panic(err)
		}
		options.NATRanges = []string{plan.BackendRange.String(), plan.ClientsRange.String()}
	}
	return options
}

// requireRulesEqualFlows compares the rules in the graph with the flow table: the same peers, ports and reasons, in both
// directions, and no other rules.
func requireRulesEqualFlows(t *testing.T, graph *infratest.Graph, args *Args) {
	t.Helper()
	roles := map[any]Peer{}
	for _, group := range graph.OfType(typeGroup) {
		roles["sg-"+group.Name] = Peer(strings.TrimPrefix(group.Name, "network-"))
	}
	peer := func(r infratest.Resource) Peer {
		if id, ok := r.Get("referencedSecurityGroupId"); ok {
			require.NotContains(t, r.Inputs, "cidrIpv4", r.Name)
			require.Contains(t, roles, id, r.Name)
			return roles[id]
		}
		return Peer(r.String(t, "cidrIpv4"))
	}
	var got, want []rule
	for _, r := range slices.Concat(graph.OfType(typeIngress), graph.OfType(typeEgress)) {
		own := r.String(t, "securityGroupId")
		require.Contains(t, roles, any(own), r.Name)
		flow := Flow{
			From: peer(r), To: roles[own],
			Protocol: r.String(t, "ipProtocol"), Port: int(r.Number(t, "toPort")), Why: r.String(t, "description"),
		}
		ingress := r.Type == typeIngress
		if !ingress {
			flow.From, flow.To = flow.To, flow.From
		}
		require.NotContains(t, r.Inputs, "cidrIpv6", r.Name)
		require.NotContains(t, r.Inputs, "prefixListId", r.Name)
		got = append(got, rule{ingress, flow, int(r.Number(t, "fromPort"))})
	}
	for _, flow := range Flows(optionsOf(args)) {
		if !flow.To.IsRange() {
			want = append(want, rule{true, flow, flow.Port})
		}
		if !flow.From.IsRange() {
			want = append(want, rule{false, flow, flow.Port})
		}
	}
	assert.ElementsMatch(t, want, got)
}

func TestEveryOptionYieldsItsRules(t *testing.T) {
	args := production()
	args.NAT, args.PersistentStorage = NATByInstance, true
	args.AllowedCIDRs = []string{"203.0.113.0/24", "198.51.100.7/32"}
	graph := deploy(t, args)
	graph.RequireNames(t, typeGroup, "network-load-balancer", "network-gateway-load-balancer", "network-backend", "network-database",
		"network-agents", "network-file-system", "network-endpoints", "network-nat-instance")
	graph.RequireNames(t, typeIngress,
		"network-198.51.100.7-32-to-load-balancer-443-in", "network-203.0.113.0-24-to-load-balancer-443-in",
		"network-198.51.100.7-32-to-load-balancer-80-in", "network-203.0.113.0-24-to-load-balancer-80-in",
		"network-load-balancer-to-backend-8080-in", "network-gateway-load-balancer-to-backend-8081-in",
		"network-backend-to-database-5432-in", "network-agents-to-file-system-2049-in",
		"network-backend-to-endpoints-443-in", "network-agents-to-endpoints-443-in",
		"network-10.10.64.0-18-to-nat-instance-443-in", "network-10.10.128.0-18-to-nat-instance-443-in")
	graph.RequireNames(t, typeEgress,
		"network-load-balancer-to-backend-8080-out", "network-gateway-load-balancer-to-backend-8081-out",
		"network-backend-to-database-5432-out", "network-agents-to-file-system-2049-out",
		"network-backend-to-endpoints-443-out", "network-agents-to-endpoints-443-out",
		"network-backend-to-anywhere-443-out", "network-agents-to-anywhere-443-out", "network-nat-instance-to-anywhere-443-out")
	outputs := graph.Outputs(t, componentKey)
	assert.Equal(t, "sg-network-file-system", outputs["SecurityGroups.FileSystem"])
	assert.Equal(t, "sg-network-backend", outputs["SecurityGroups.Backend"])
}

// A resource that uses a group's id must wait for the group's rules.
func TestGroupIDsWaitForTheirRules(t *testing.T) {
	const probe = "aws:ec2/networkInterface:NetworkInterface"
	graph := infratest.Run(t, func(ctx *pulumi.Context) error {
		n, err := New(ctx, "network", production())
		if err != nil {
			return err
		}
		for role, id := range map[Peer]pulumi.StringOutput{Backend: n.SecurityGroups.Backend, LoadBalancer: n.SecurityGroups.LoadBalancer} {
			var state pulumi.CustomResourceState
			if err := ctx.RegisterResource(probe, string(role), pulumi.Map{"securityGroups": pulumi.StringArray{id}}, &state); err != nil {
				return err
			}
		}
		return nil
	})
	assert.ElementsMatch(t, []string{
		typeGroup + "::network-backend", typeIngress + "::network-load-balancer-to-backend-8080-in",
		typeIngress + "::network-gateway-load-balancer-to-backend-8081-in", typeEgress + "::network-backend-to-database-5432-out",
		typeEgress + "::network-backend-to-anywhere-443-out", typeEgress + "::network-backend-to-endpoints-443-out",
	}, graph.Find(t, probe, "backend").DependsOn)
	assert.ElementsMatch(t, []string{
		typeGroup + "::network-load-balancer", typeEgress + "::network-load-balancer-to-backend-8080-out",
	}, graph.Find(t, probe, "load-balancer").DependsOn, "the load balancer need not wait for the rules of AllowedCIDRs")
}

func TestFlowWithoutItsGroupIsAnError(t *testing.T) {
	for _, flow := range []Flow{{From: Agents, To: Anywhere}, {From: Anywhere, To: Agents}} {
		require.ErrorContains(t, (&builder{}).newRules(flow), "there is no security group agents")
	}
}

// Without agents there is no group for them; with another program the rules have its ports.
func TestGroupsWithoutAgents(t *testing.T) {
	args := production()
	args.Agents, args.BackendPort, args.GatewayPort = false, 9000, 9001
	g := deploy(t, args)
	for _, group := range g.OfType(typeGroup) {
		require.NotEqual(t, "network-agents", group.Name)
	}
	require.EqualValues(t, 9000, g.Find(t, typeIngress, "network-load-balancer-to-backend-9000-in").Number(t, "toPort"))
	require.EqualValues(t, 9001, g.Find(t, typeIngress, "network-gateway-load-balancer-to-backend-9001-in").Number(t, "fromPort"))
}
