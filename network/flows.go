package network

import (
	"slices"
	"strings"
)

// Peer is one end of a flow: a security group of this package, or a range of addresses such as "10.20.64.0/18".
type Peer string

// The security groups, one per role.
const (
	LoadBalancer        Peer = "load-balancer"
	GatewayLoadBalancer Peer = "gateway-load-balancer"
	Backend             Peer = "backend"
	Database            Peer = "database"
	Agents              Peer = "agents"
	FileSystem          Peer = "file-system"
	Endpoints           Peer = "endpoints"
	NATInstance         Peer = "nat-instance"

	// Anywhere is every IPv4 address.
	Anywhere Peer = "0.0.0.0/0"
)

// IsRange tells a range of addresses from a security group.
func (p Peer) IsRange() bool { return strings.Contains(string(p), "/") }

// slug is the peer as part of a resource's name.
func (p Peer) slug() string {
	if p == Anywhere {
		return "anywhere"
	}
	return strings.ReplaceAll(string(p), "/", "-")
}

// Flow is traffic that may pass: connections from From to one port of To. What a group receives becomes an ingress rule of
// To, what a group sends an egress rule of From; a flow between two groups becomes both.
type Flow struct {
	From, To Peer
	Protocol string // e.g. "tcp"
	Port     int    // of To
	Why      string // the description of the rules
}

// Options decide which flows there are.
type Options struct {
	AllowedCIDRs      []string // IPv4 ranges that may reach the public load balancer
	HTTPS             bool     // the public load balancer has a certificate
	BackendPort       int      // where the backend serves the public load balancer
	GatewayPort       int      // where it serves API Gateway's
	Agents            bool     // there are agents
	PersistentStorage bool     // agents have a file system
	Endpoints         bool     // there are interface endpoints
	NATRanges         []string // ranges that reach the internet through a NAT instance; empty without one
}

// Flows is the one table of allowed traffic: what is not in it does not pass a security group.
func Flows(o Options) []Flow {
	allowed, private := ranges(o.AllowedCIDRs), ranges(o.NATRanges)
	instance := len(private) > 0
	services := []Peer{Backend}
	if o.Agents {
		services = append(services, Agents)
	}
	web := "users to the plain listener"
	if o.HTTPS {
		web = "users to the redirect to HTTPS"
	}
	table := []struct {
		from []Peer
		to   Peer
		port int
		why  string
		when bool
	}{
		{allowed, LoadBalancer, 443, "users to the HTTPS listener", o.HTTPS},
		{allowed, LoadBalancer, 80, web, true},
		{[]Peer{LoadBalancer}, Backend, o.BackendPort, "public load balancer to the backend, requests and health checks", true},
		{
			[]Peer{GatewayLoadBalancer}, Backend, o.GatewayPort,
			"API Gateway through its load balancer to the backend, requests and health checks", true,
		},
		{[]Peer{Backend}, Database, 5432, "backend to PostgreSQL", true},
		// The API, the registry and the AWS APIs have public addresses that change, and a rule cannot hold a name.
		{services, Anywhere, 443, "AWS APIs, image registry and S3 over TLS", true},
		{[]Peer{Agents}, FileSystem, 2049, "agents to their NFS file system", o.PersistentStorage},
		{services, Endpoints, 443, "AWS APIs through interface endpoints", o.Endpoints},
		{private, NATInstance, 443, "private subnets to the NAT instance", instance},
		{[]Peer{NATInstance}, Anywhere, 443, "NAT instance to the internet, its own packages included", instance},
	}
	var flows []Flow
	for _, row := range table {
		if !row.when {
			continue
		}
		for _, from := range row.from {
			flows = append(flows, Flow{From: from, To: row.to, Protocol: "tcp", Port: row.port, Why: row.why})
		}
	}
	return flows
}

// ranges are the CIDRs as peers, sorted so that the order in which they are configured changes nothing.
func ranges(cidrs []string) []Peer {
	peers := make([]Peer, len(cidrs))
	for i, cidr := range cidrs {
		peers[i] = Peer(cidr)
	}
	slices.Sort(peers)
	return peers
}
