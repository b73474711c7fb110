package network

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPlanOfTheDefaultRange(t *testing.T) {
	plan, err := Plan("10.20.0.0/16", 2)
	require.NoError(t, err)
	assert.Equal(t, []string{"10.20.0.0/20", "10.20.16.0/20"}, texts(plan.Public))
	assert.Equal(t, []string{"10.20.64.0/20", "10.20.80.0/20"}, texts(plan.Backend))
	assert.Equal(t, []string{"10.20.128.0/20", "10.20.144.0/20"}, texts(plan.Clients))
	assert.Equal(t, []string{"10.20.192.0/20", "10.20.208.0/20"}, texts(plan.Database))
	assert.Equal(t, "10.20.64.0/18", plan.BackendRange.String())
	assert.Equal(t, "10.20.128.0/18", plan.ClientsRange.String())
}

func TestMoreZonesMoveNoSubnet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cidr := validCIDR().Draw(t, "cidr")
		zones := rapid.IntRange(1, maxZones-1).Draw(t, "zones")
		before, after := mustPlan(t, cidr, zones), mustPlan(t, cidr, zones+1)
		for i, layer := range all(after) {
			require.Len(t, layer, zones+1)
			require.Equal(t, all(before)[i], layer[:zones])
		}
		require.Equal(t, before.BackendRange, after.BackendRange)
		require.Equal(t, before.ClientsRange, after.ClientsRange)
	})
}

func TestSubnetsFillTheRangeWithoutOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cidr := validCIDR().Draw(t, "cidr")
		zones := rapid.IntRange(1, maxZones).Draw(t, "zones")
		vpc, plan := netip.MustParsePrefix(cidr), mustPlan(t, cidr, zones)
		var subnets []netip.Prefix
		for _, layer := range all(plan) {
			subnets = append(subnets, layer...)
		}
		require.Len(t, subnets, layers*zones)
		for i, a := range subnets {
			require.Equal(t, a.Masked(), a, "host bits in %s", a)
			require.Equal(t, vpc.Bits()+reservedBits, a.Bits())
			require.True(t, vpc.Contains(a.Addr()), "%s outside %s", a, vpc)
			for _, b := range subnets[i+1:] {
				require.False(t, a.Overlaps(b), "%s overlaps %s", a, b)
			}
		}
		for zone := range zones {
			require.True(t, plan.BackendRange.Contains(plan.Backend[zone].Addr()))
			require.True(t, plan.ClientsRange.Contains(plan.Clients[zone].Addr()))
			require.False(t, plan.BackendRange.Overlaps(plan.Database[zone]) || plan.ClientsRange.Overlaps(plan.Database[zone]))
			require.False(t, plan.BackendRange.Overlaps(plan.Public[zone]) || plan.ClientsRange.Overlaps(plan.Public[zone]))
		}
	})
}

// For any text, Plan returns subnets inside the range or an error that contains the text.
func TestAnyTextIsPlannedOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.String(),
			rapid.StringMatching(`[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/[0-9]{1,3}`),
			validCIDR(),
		).Draw(t, "cidr")
		zones := rapid.IntRange(-1, 6).Draw(t, "zones")
		plan, err := Plan(text, zones)
		if err != nil {
			require.Empty(t, plan)
			named := strings.Contains(err.Error(), text) || strings.Contains(err.Error(), strconv.Quote(text))
			require.True(t, named, "%q does not name %q", err, text)
			return
		}
		require.NoError(t, ValidateCIDR(text))
		require.Len(t, plan.Database, zones)
	})
}

func TestValidateCIDR(t *testing.T) {
	for cidr, want := range map[string]string{
		"10.20.0.0/16":       "",
		"10.255.254.0/23":    "",
		"172.31.0.0/16":      "",
		"192.168.0.0/16":     "",
		"100.64.0.0/16":      "",
		"":                   `"" is not a CIDR range, want one such as 10.20.0.0/16`,
		"10.20.0.0":          `"10.20.0.0" is not a CIDR range, want one such as 10.20.0.0/16`,
		"10.20.0.1/16":       "10.20.0.1/16 has host bits set, want 10.20.0.0/16",
		"10.0.0.0/8":         "10.0.0.0/8 is a /8, want /16 to /23",
		"10.20.0.0/24":       "10.20.0.0/24 is a /24, want /16 to /23",
		"fd00::/16":          "fd00::/16 is not IPv4, want a range such as 10.20.0.0/16",
		"::ffff:10.0.0.0/16": "::ffff:10.0.0.0/16 is not IPv4, want a range such as 10.20.0.0/16",
		"172.17.0.0/16":      "172.17.0.0/16 overlaps 172.17.0.0/16, the bridge of Docker on the backend instances",
		"172.17.16.0/20":     "172.17.16.0/20 overlaps 172.17.0.0/16, the bridge of Docker on the backend instances",
		"8.8.0.0/16": "8.8.0.0/16 is public address space, want a range in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 " +
			"or 100.64.0.0/10",
	} {
		t.Run(cidr, func(t *testing.T) {
			err := ValidateCIDR(cidr)
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, want)
		})
	}
}

func TestPlanRefusesTooManyZones(t *testing.T) {
	_, err := Plan("10.20.0.0/16", 5)
	require.EqualError(t, err, "subnets of 10.20.0.0/16: want 1..4 zones, got 5")
}

// validCIDR generates ranges that ValidateCIDR accepts.
func validCIDR() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		private := rapid.SampledFrom([]string{
			"10.0.0.0/8", "172.18.0.0/15", "172.24.0.0/13", "192.168.0.0/16", "100.64.0.0/10",
		}).Draw(t, "private")
		outer := netip.MustParsePrefix(private)
		bits := rapid.IntRange(largestVPC, smallestVPC).Draw(t, "bits")
		offset := rapid.Uint32Range(0, 1<<(bits-outer.Bits())-1).Draw(t, "offset") << (32 - bits)
		base := outer.Addr().As4()
		var addr [4]byte
		binary.BigEndian.PutUint32(addr[:], binary.BigEndian.Uint32(base[:])+offset)
		return netip.PrefixFrom(netip.AddrFrom4(addr), bits).String()
	})
}

func mustPlan(t require.TestingT, cidr string, zones int) Subnets {
	plan, err := Plan(cidr, zones)
	require.NoError(t, err)
	return plan
}

func all(s Subnets) [][]netip.Prefix {
	return [][]netip.Prefix{s.Public, s.Backend, s.Clients, s.Database}
}

func texts(prefixes []netip.Prefix) []string {
	var out []string
	for _, p := range prefixes {
		out = append(out, p.String())
	}
	return out
}
