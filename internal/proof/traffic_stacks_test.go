package proof

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/reach"
)

// lines returns the connections as text, by role, so that they are easy to read.
func lines(t *testing.T, n *reach.Network) []string {
	t.Helper()
	got, err := n.Connections()
	require.NoError(t, err)
	roles := map[string]string{}
	for _, h := range n.Hosts {
		roles[h.Name] = string(role(t, h))
	}
	seen := map[string]bool{}
	for _, c := range got {
		from, to := c.From, c.To
		if r, ok := roles[from]; ok {
			from = r
		}
		if r, ok := roles[to]; ok {
			to = r
		}
		seen[fmt.Sprintf("%s > %s %s %d", from, to, c.Protocol, c.Low)] = true
		if c.High != c.Low {
			seen[fmt.Sprintf("%s > %s %s to %d", from, to, c.Protocol, c.High)] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// The expected connections are written out here, because TestTraffic alone would accept a wrong flow table.
func TestTrafficOfTheStacks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		variant string
		want    []string
	}{
		{"dev", []string{
			"agents > internet tcp 443",
			"backend > database tcp 5432",
			"backend > internet tcp 443",
			"gateway-load-balancer > backend tcp 8081",
			"load-balancer > backend tcp 8080",
		}},
		{"instance", []string{
			"agents > internet tcp 443",
			"agents > nat-instance tcp 443",
			"backend > database tcp 5432",
			"backend > internet tcp 443",
			"backend > nat-instance tcp 443",
			"gateway-load-balancer > backend tcp 8081",
			"load-balancer > backend tcp 8080",
			"nat-instance > internet tcp 443",
		}},
		{"files", []string{
			"0.0.0.0/0 > load-balancer tcp 443",
			"0.0.0.0/0 > load-balancer tcp 80",
			"agents > endpoints tcp 443",
			"agents > file-system tcp 2049",
			"agents > internet tcp 443",
			"agents > load-balancer tcp 443", // the public listener is open to everyone, the VPC included
			"backend > database tcp 5432",
			"backend > endpoints tcp 443",
			"backend > internet tcp 443",
			"backend > load-balancer tcp 443",
			"gateway-load-balancer > backend tcp 8081",
			"load-balancer > backend tcp 8080",
		}},
	} {
		t.Run(c.variant, func(t *testing.T) {
			v := variants[c.variant]
			require.Equal(t, c.want, lines(t, readNetwork(t, v.plan(t))))
		})
	}
}
