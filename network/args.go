package network

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/stack"
)

// NAT is how private subnets reach the internet: a choice between cost and availability.
type NAT string

// The choices, from the cheapest to the most available.
const (
	NATByInstance NAT = "instance"   // one small instance, for development
	NATSingle     NAT = "single"     // one gateway, in one zone, for all zones
	NATPerZone    NAT = "one-per-az" // a gateway in each zone: no zone depends on another
)

// Gateways is how many NAT gateways there are with this choice.
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

// Addresses is how many public addresses the private subnets share.
func (n NAT) Addresses(zones int) int { return max(n.Gateways(zones), 1) }

// Args are the inputs of the tier.
type Args struct {
	// Stack is where the tier is deployed.
	Stack stack.Info
	// CIDR is the IPv4 range of the VPC; ValidateCIDR says which ranges are accepted.
	CIDR string
	// Zones are the names of the availability zones, 2 to 4 of them, e.g. "eu-central-1a".
	Zones []string
	// NAT is how private subnets reach the internet.
	NAT NAT
	// Release is the release of Amazon Linux 2023 that the NAT instance runs, e.g. "2023.9.20251117"; empty: the newest when it is
	// created, and no other afterwards. Without meaning unless NATByInstance.
	Release string
	// InterfaceEndpoints are the AWS services that are reached through an interface endpoint, e.g. "ecr.api"; nil for none. S3 is
	// not among them: it always has a gateway endpoint.
	InterfaceEndpoints []string
	// FlowLogs records the connections of the VPC in a log group.
	FlowLogs bool
	// LogRetentionDays is how long flow logs are kept; at least 1 with FlowLogs, without meaning otherwise.
	LogRetentionDays int
	// LogsKeyARN is the KMS key that encrypts flow logs; needed with FlowLogs.
	LogsKeyARN pulumi.StringInput
	// AlarmTopicARN is notified when the NAT instance fails; needed with NATByInstance.
	AlarmTopicARN pulumi.StringInput
	// AllowedCIDRs are the IPv4 ranges that may reach the public load balancer; nil for nobody.
	AllowedCIDRs []string
	// HTTPS tells that the public load balancer has a certificate. Without one, 0.0.0.0/0 is refused in AllowedCIDRs.
	HTTPS bool
	// BackendPort and GatewayPort are where the backend serves the public load balancer and API Gateway's; 1 to 65535.
	BackendPort, GatewayPort int
	// Agents tells that there are agents, which get a security group.
	Agents bool
	// PersistentStorage tells that the agents have a file system, which gets a security group. Needs Agents.
	PersistentStorage bool
	// BucketARNs are the buckets of the system, at least one. Besides them the VPC reaches only the buckets from which AWS
	// serves packages and image layers.
	BucketARNs []pulumi.StringInput
}

var (
	serviceName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*$`)
	zoneName    = regexp.MustCompile(`^[a-z0-9-]+$`)
)

func (a *Args) validate() error {
	if a == nil {
		return errors.New("network.Args: want a value, got nil")
	}
	check := component.NewCheck("network.Args")
	check.Inputs(*a, component.NeededWhen{"LogsKeyARN": a.FlowLogs, "AlarmTopicARN": a.NAT == NATByInstance})
	check.NoError("CIDR", ValidateCIDR(a.CIDR))
	check.Between("Zones", 2, maxZones, len(a.Zones))
	distinct(check, "Zones", a.Zones, zoneName.MatchString, "an availability zone")
	check.That(slices.Contains([]NAT{NATByInstance, NATSingle, NATPerZone}, a.NAT),
		"NAT", fmt.Sprintf("%s, %s or %s", NATByInstance, NATSingle, NATPerZone), string(a.NAT))
	// S3 has its gateway endpoint, which costs nothing; an interface endpoint beside it would take its private name.
	endpoint := func(s string) bool { return serviceName.MatchString(s) && s != "s3" }
	distinct(check, "InterfaceEndpoints", a.InterfaceEndpoints, endpoint, "a service other than s3, such as ecr.api")
	canonical := func(s string) bool {
		p, err := netip.ParsePrefix(s)
		return err == nil && p.Addr().Is4() && p.Masked() == p
	}
	distinct(check, "AllowedCIDRs", a.AllowedCIDRs, canonical, "an IPv4 range without host bits")
	check.That(a.HTTPS || !slices.Contains(a.AllowedCIDRs, string(Anywhere)),
		"AllowedCIDRs", "no "+string(Anywhere)+" without HTTPS: tokens would cross the internet unencrypted", a.AllowedCIDRs)
	check.That(a.Agents || !a.PersistentStorage, "PersistentStorage", "no file system without Agents", a.PersistentStorage)
	check.Between("BackendPort", 1, 65535, a.BackendPort)
	check.Between("GatewayPort", 1, 65535, a.GatewayPort)
	if a.FlowLogs {
		check.AtLeast("LogRetentionDays", 1, a.LogRetentionDays)
	}
	check.AtLeast("BucketARNs", 1, len(a.BucketARNs)) // without any, the S3 endpoint would let nothing through
	return check.Err()
}

// distinct reports every value of a field that is not valid, and every one that is there twice.
func distinct(check *component.Check, field string, values []string, valid func(string) bool, want string) {
	for i, v := range values {
		element := fmt.Sprintf("%s[%d]", field, i)
		check.That(valid(v), element, want, v)
		check.That(!slices.Contains(values[:i], v), element, "each value once", v)
	}
}
