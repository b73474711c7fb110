// Package reach computes the possible connections in a planned graph from security group rules at both ends, route tables and
// their targets, NAT, and gateway and interface endpoints with their policies. It supports the resources that this program uses
// in one VPC. Any other resource that could affect traffic is an error, so that a result is never incomplete.
package reach

import (
	"cmp"
	"net/netip"
	"slices"

	"scalable-backend/internal/graph"
)

// Internet stands for all addresses outside the VPC as one end of a connection.
const Internet = "internet"

// Host is a resource with network interfaces, such as an Auto Scaling group; all its interfaces are alike.
type Host struct {
	Name    string   // type::name of the resource
	Groups  []string // names of its security groups
	Subnets []string // names of its subnets
	Public  bool     // it has a public address
	subnets []*subnet
	groups  []*group
}

// Connection is a possible connection: from a host or a range of internet addresses, to a host or the internet.
type Connection struct {
	From, To  string
	Protocol  string
	Low, High int // ports
}

// Network is the VPC of a graph.
type Network struct {
	Hosts []Host

	graph     *graph.Graph
	cidr      netip.Prefix
	account   string
	dns       bool               // private DNS names resolve
	subnets   map[string]*subnet // by id
	groups    map[string]*group  // by id
	gateway   string             // id of the internet gateway
	devices   map[string]*device // NAT by the id in routes
	s3        *gatewayEndpoint
	endpoints []serviceEndpoint
	addressed map[string]bool // ids of instances with an Elastic IP address
}

type subnet struct {
	name, zone string
	cidr       netip.Prefix
	publicIPs  bool   // interfaces get public addresses by default
	table      string // id of its route table
	routes     []route
}

type route struct{ gateway, nat, networkInterface string }

// device is a NAT gateway or NAT instance.
type device struct {
	name   string
	subnet *subnet
	public bool
	groups []*group // none for a NAT gateway
	filter bool
}

// Read builds the network of a graph.
func Read(g *graph.Graph) (*Network, error) {
	n := &Network{
		graph: g, subnets: map[string]*subnet{}, groups: map[string]*group{}, devices: map[string]*device{}, addressed: map[string]bool{},
	}
	for _, step := range []func() error{
		n.refuseUnknown, n.readVPC, n.readSubnets, n.readGroups, n.readRules, n.readEndpoints, n.readDevices, n.readHosts,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(n.Hosts, func(a, b Host) int { return cmp.Compare(a.Name, b.Name) })
	return n, nil
}

// Ranges returns the address ranges of a host's subnets.
func (h Host) Ranges() []netip.Prefix {
	var ranges []netip.Prefix
	for _, s := range h.subnets {
		ranges = append(ranges, s.cidr)
	}
	return ranges
}

// Opens tells whether one host can connect to a TCP port of another.
func (n *Network) Opens(from, to Host, port int) bool {
	return open(n.between(from, to), port)
}

// Connections returns every connection that the security groups of both ends and the routes allow, sorted.
func (n *Network) Connections() ([]Connection, error) {
	seen := map[Connection]bool{}
	for _, to := range n.Hosts {
		for _, from := range n.Hosts {
			for _, p := range n.between(from, to) {
				seen[Connection{from.Name, to.Name, p.protocol, p.low, p.high}] = true
			}
		}
		if to.Public {
			for _, c := range n.fromInternet(to) {
				seen[c] = true
			}
		}
	}
	for _, from := range n.Hosts {
		passes, err := n.toInternet(from)
		if err != nil {
			return nil, err
		}
		for _, p := range passes {
			seen[Connection{from.Name, Internet, p.protocol, p.low, p.high}] = true
		}
	}
	list := make([]Connection, 0, len(seen))
	for c := range seen {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Connection) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Low, b.Low))
	})
	return list, nil
}

// between returns the ports open between two hosts in the VPC, where every route table has a local route.
func (n *Network) between(from, to Host) []ports {
	return intersect(allowedBy(from.groups, egress, to), allowedBy(to.groups, ingress, from))
}

// fromInternet returns the connections from the internet to a host with a public address.
func (n *Network) fromInternet(to Host) []Connection {
	var found []Connection
	for _, s := range to.subnets {
		if !s.leadsTo(n.gateway) {
			continue
		}
		for _, g := range to.groups {
			for _, r := range g.ingress {
				if r.cidr.IsValid() && !within(n.cidr, r.cidr) {
					found = append(found, Connection{r.cidr.String(), to.Name, r.protocol, r.low, r.high})
				}
			}
		}
	}
	return found
}
