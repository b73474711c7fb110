package network

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

const (
	// maxZones is how many zones every layer has room for, used or not: a third zone must not move the first two.
	maxZones = 4
	// layers are public, backend, clients and database.
	layers = 4
	// reservedBits is how much longer a subnet's prefix is than the VPC's: two bits for the layer and two for the zone.
	reservedBits = 4
	// A VPC has at most /16; a load balancer wants subnets of at least /27.
	largestVPC, smallestVPC = 16, 23
)

// Subnets is the plan of a VPC: one prefix for each layer and zone. The slices have one prefix for each zone in use; the ranges
// are all that a layer owns, with the zones that are not in use.
type Subnets struct {
	Public, Backend, Clients, Database []netip.Prefix
	BackendRange, ClientsRange         netip.Prefix
}

// Plan divides the range into four layers of four zones and returns the first zones of each. The subnets of a zone depend on
// the range and the zone's position, never on how many zones are in use.
func Plan(cidr string, zones int) (Subnets, error) {
	if err := ValidateCIDR(cidr); err != nil {
		return Subnets{}, err
	}
	if zones < 1 || zones > maxZones {
		return Subnets{}, fmt.Errorf("subnets of %s: want 1..%d zones, got %d", cidr, maxZones, zones)
	}
	vpc := netip.MustParsePrefix(cidr)
	layer := func(index int) netip.Prefix { return quarter(vpc, index) }
	split := func(layer netip.Prefix) []netip.Prefix {
		subnets := make([]netip.Prefix, zones)
		for zone := range subnets {
			subnets[zone] = quarter(layer, zone)
		}
		return subnets
	}
	return Subnets{
		Public:       split(layer(0)),
		Backend:      split(layer(1)),
		Clients:      split(layer(2)),
		Database:     split(layer(3)),
		BackendRange: layer(1),
		ClientsRange: layer(2),
	}, nil
}

// ValidateCIDR accepts the ranges that a VPC of this system can have: private IPv4, from /16 to /23, without host bits,
// clear of the range that Docker gives to its bridge on every backend instance.
func ValidateCIDR(cidr string) error {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return fmt.Errorf("%q is not a CIDR range, want one such as 10.20.0.0/16", cidr)
	}
	if !prefix.Addr().Is4() {
		return fmt.Errorf("%s is not IPv4, want a range such as 10.20.0.0/16", cidr)
	}
	if prefix.Masked() != prefix {
		return fmt.Errorf("%s has host bits set, want %s", cidr, prefix.Masked())
	}
	if prefix.Bits() < largestVPC || prefix.Bits() > smallestVPC {
		return fmt.Errorf("%s is a /%d, want /%d to /%d", cidr, prefix.Bits(), largestVPC, smallestVPC)
	}
	if docker := netip.MustParsePrefix("172.17.0.0/16"); docker.Overlaps(prefix) {
		return fmt.Errorf("%s overlaps %s, the bridge of Docker on the backend instances", cidr, docker)
	}
	for _, private := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"} {
		if netip.MustParsePrefix(private).Overlaps(prefix) {
			return nil
		}
	}
	return fmt.Errorf("%s is public address space, want a range in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10", cidr)
}

// quarter returns the index-th of the four equal parts of a prefix.
func quarter(p netip.Prefix, index int) netip.Prefix {
	const bits = reservedBits / 2
	first := p.Addr().As4()
	size := uint32(1) << (32 - p.Bits() - bits)
	var addr [4]byte
	binary.BigEndian.PutUint32(addr[:], binary.BigEndian.Uint32(first[:])+uint32(index)*size)
	return netip.PrefixFrom(netip.AddrFrom4(addr), p.Bits()+bits)
}
