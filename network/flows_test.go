package network

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func lines(flows []Flow) []string {
	var out []string
	for _, f := range flows {
		out = append(out, string(f.From)+" > "+string(f.To)+" "+f.Protocol+" "+strconv.Itoa(f.Port))
	}
	return out
}

func TestFlowsOfTheSmallestStack(t *testing.T) {
	assert.Equal(t, []string{
		"load-balancer > backend tcp 8080",
		"gateway-load-balancer > backend tcp 8081",
		"backend > database tcp 5432",
		"backend > 0.0.0.0/0 tcp 443",
		"agents > 0.0.0.0/0 tcp 443",
	}, lines(Flows(withPorts(Options{Agents: true}))))
}

func withPorts(o Options) Options {
	o.BackendPort, o.GatewayPort = 8080, 8081
	return o
}

// Without agents nothing is about them, and another program has its own ports.
func TestFlowsWithoutAgents(t *testing.T) {
	assert.Equal(t, []string{
		"load-balancer > backend tcp 9000",
		"gateway-load-balancer > backend tcp 9001",
		"backend > database tcp 5432",
		"backend > 0.0.0.0/0 tcp 443",
		"backend > endpoints tcp 443",
	}, lines(Flows(Options{BackendPort: 9000, GatewayPort: 9001, Endpoints: true})))
}

func TestFlowsOfTheLargestStack(t *testing.T) {
	flows := Flows(withPorts(Options{
		AllowedCIDRs: []string{"203.0.113.0/24", "198.51.100.7/32"}, HTTPS: true, Agents: true, PersistentStorage: true, Endpoints: true,
		NATRanges: []string{"10.20.64.0/18", "10.20.128.0/18"},
	}))
	assert.Equal(t, []string{
		"198.51.100.7/32 > load-balancer tcp 443",
		"203.0.113.0/24 > load-balancer tcp 443",
		"198.51.100.7/32 > load-balancer tcp 80",
		"203.0.113.0/24 > load-balancer tcp 80",
		"load-balancer > backend tcp 8080",
		"gateway-load-balancer > backend tcp 8081",
		"backend > database tcp 5432",
		"backend > 0.0.0.0/0 tcp 443",
		"agents > 0.0.0.0/0 tcp 443",
		"agents > file-system tcp 2049",
		"backend > endpoints tcp 443",
		"agents > endpoints tcp 443",
		"10.20.128.0/18 > nat-instance tcp 443",
		"10.20.64.0/18 > nat-instance tcp 443",
		"nat-instance > 0.0.0.0/0 tcp 443",
	}, lines(flows))
}

func TestFlowsWithoutCertificateOpenNoHTTPS(t *testing.T) {
	flows := Flows(Options{AllowedCIDRs: []string{"203.0.113.0/24"}})
	assert.Equal(t, Flow{From: "203.0.113.0/24", To: LoadBalancer, Protocol: "tcp", Port: 80, Why: "users to the plain listener"}, flows[0])
	assert.Equal(t, LoadBalancer, flows[1].From)
}

// largest returns the options with every kind of flow.
func largest(https bool) Options {
	return withPorts(Options{
		AllowedCIDRs: []string{"0.0.0.0/0"}, HTTPS: https, Agents: true, PersistentStorage: true, Endpoints: true,
		NATRanges: []string{"10.20.64.0/18"},
	})
}

func TestOneNATRangeGivesTheNATInstanceItsFlows(t *testing.T) {
	assert.Contains(t, lines(Flows(largest(true))), "nat-instance > 0.0.0.0/0 tcp 443")
}

func TestOnlyTheLoadBalancerIsOpenToUsers(t *testing.T) {
	flows := Flows(largest(true))
	for _, f := range flows {
		if f.From == Anywhere {
			assert.Equal(t, LoadBalancer, f.To)
			assert.Contains(t, []int{80, 443}, f.Port)
		}
		assert.NotContains(t, []int{22, 3389}, f.Port)
		if f.To == Anywhere {
			assert.Equal(t, 443, f.Port)
		}
		assert.NotEqual(t, GatewayLoadBalancer, f.To, "API Gateway's traffic is not evaluated there")
		assert.NotEqual(t, Database, f.From)
	}
}

// AWS allows at most 255 characters in a description, without apostrophes and arrows, and checks them only during an update.
func TestDescriptionsAreAcceptable(t *testing.T) {
	acceptable := regexp.MustCompile(`^[a-zA-Z0-9. _:/()#,@\[\]+=&;{}!$*-]{1,255}$`)
	for _, https := range []bool{false, true} {
		for _, f := range Flows(largest(https)) {
			require.Regexp(t, acceptable, f.Why)
		}
	}
}
