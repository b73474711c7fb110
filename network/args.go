package network

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/stack"
)

// NAT is how private subnets reach the internet.
type NAT string

// The strategies, from the cheapest to the most available.
const (
	NATByInstance NAT = "instance"   // one small instance, for development
	NATSingle     NAT = "single"     // one gateway: its zone is everybody's
	NATPerZone    NAT = "one-per-az" // a gateway per zone: no zone depends on another
)

// Gateways is how many NAT gateways the strategy makes.
func (n NAT) Gateways(zones int) int {
	switch n {
	case NATSingle:
		return 1
	case NATPerZone:
		return zones
	default:
		return 0
	}
}

// Addresses is how many addresses the private subnets have on the internet.
func (n NAT) Addresses(zones int) int { return max(n.Gateways(zones), 1) }

// Args decide the network.
type Args struct {
	Stack              stack.Info
	CIDR               string   // range of the VPC, see ValidateCIDR
	Zones              []string // names of the availability zones, 2..4
	NAT                NAT
	InterfaceEndpoints []string // services such as "ecr.api"; S3 always has a gateway endpoint
	FlowLogs           bool
	LogRetentionDays   int                  // of the flow logs
	LogsKeyARN         pulumi.StringInput   // encrypts the flow logs
	AlarmTopicARN      pulumi.StringInput   // hears of a NAT instance that fails
	AllowedCIDRs       []string             // who may reach the public load balancer
	HTTPS              bool                 // the public load balancer has a certificate
	PersistentStorage  bool                 // agents have a file system
	BucketARNs         []pulumi.StringInput // the buckets that the VPC may reach, besides the ones AWS serves packages from
}

var (
	serviceName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*$`)
	zoneName    = regexp.MustCompile(`^[a-z0-9-]+$`)
)

func (a *Args) validate() error {
	if err := ValidateCIDR(a.CIDR); err != nil {
		return fmt.Errorf("network.Args.CIDR: %w", err)
	}
	if n := len(a.Zones); n < 2 || n > maxZones {
		return fmt.Errorf("network.Args.Zones: want 2..%d, got %d", maxZones, n)
	}
	if err := distinct("Zones", a.Zones, zoneName.MatchString, "an availability zone"); err != nil {
		return err
	}
	switch a.NAT {
	case NATByInstance, NATSingle, NATPerZone:
	default:
		return fmt.Errorf("network.Args.NAT: want %s, %s or %s, got %q", NATByInstance, NATSingle, NATPerZone, a.NAT)
	}
	// S3 has its gateway endpoint, which costs nothing; an interface endpoint beside it would take its private name.
	endpoint := func(s string) bool { return serviceName.MatchString(s) && s != "s3" }
	if err := distinct("InterfaceEndpoints", a.InterfaceEndpoints, endpoint, "a service other than s3, such as ecr.api"); err != nil {
		return err
	}
	if !a.HTTPS && slices.Contains(a.AllowedCIDRs, string(Anywhere)) {
		return fmt.Errorf("network.Args.AllowedCIDRs: %s without HTTPS would send tokens over the internet in the clear", Anywhere)
	}
	canonical := func(s string) bool {
		p, err := netip.ParsePrefix(s)
		return err == nil && p.Addr().Is4() && p.Masked() == p
	}
	if err := distinct("AllowedCIDRs", a.AllowedCIDRs, canonical, "an IPv4 range without host bits"); err != nil {
		return err
	}
	if a.FlowLogs && a.LogRetentionDays < 1 {
		return fmt.Errorf("network.Args.LogRetentionDays: want at least 1 with FlowLogs, got %d", a.LogRetentionDays)
	}
	if a.FlowLogs && a.LogsKeyARN == nil {
		return fmt.Errorf("network.Args.LogsKeyARN: want the ARN of a key with FlowLogs, got none")
	}
	if a.NAT == NATByInstance && a.AlarmTopicARN == nil {
		return fmt.Errorf("network.Args.AlarmTopicARN: want the ARN of a topic with NAT %s, got none", a.NAT)
	}
	if len(a.BucketARNs) == 0 {
		return fmt.Errorf("network.Args.BucketARNs: want at least one: the S3 endpoint would let nothing through")
	}
	return nil
}

func distinct(field string, values []string, valid func(string) bool, want string) error {
	seen := map[string]bool{}
	for i, v := range values {
		if !valid(v) {
			return fmt.Errorf("network.Args.%s[%d]: want %s, got %q", field, i, want, v)
		}
		if seen[v] {
			return fmt.Errorf("network.Args.%s[%d]: %q is there twice", field, i, v)
		}
		seen[v] = true
	}
	return nil
}
