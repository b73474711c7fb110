package reach

import (
	"fmt"
	"net/netip"

	"scalable-backend/internal/graph"
)

// group is a security group with its rules.
type group struct {
	name            string
	ingress, egress []rule
}

// rule allows ports from or to a group or a range of addresses.
type rule struct {
	ports
	group *group
	cidr  netip.Prefix
}

// ports is a range of ports of a protocol.
type ports struct {
	protocol  string
	low, high int
}

type direction func(*group) []rule

func ingress(g *group) []rule { return g.ingress }
func egress(g *group) []rule  { return g.egress }

func (n *Network) readGroups() error {
	for _, r := range n.graph.OfType("aws:ec2/securityGroup:SecurityGroup") {
		if err := without(r, "ingress", "egress"); err != nil {
			return err
		}
		n.groups[r.ID] = &group{name: r.Name}
	}
	for _, r := range n.graph.OfType("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup") {
		if err := without(r, "ingress", "egress"); err != nil {
			return err
		}
	}
	return nil
}

func (n *Network) readRules() error {
	for _, r := range n.graph.OfType("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") {
		own, read, err := n.readRule(r)
		if err != nil {
			return err
		}
		own.ingress = append(own.ingress, read)
	}
	for _, r := range n.graph.OfType("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule") {
		own, read, err := n.readRule(r)
		if err != nil {
			return err
		}
		own.egress = append(own.egress, read)
	}
	return nil
}

func (n *Network) readRule(r graph.Resource) (*group, rule, error) {
	if err := without(r, "cidrIpv6", "prefixListId"); err != nil {
		return nil, rule{}, err
	}
	own, ok := n.groups[text(r, "securityGroupId")]
	if !ok {
		return nil, rule{}, fmt.Errorf("%s: no group %q is planned", r.Key(), text(r, "securityGroupId"))
	}
	low, lowOK := r.Inputs["fromPort"].(float64)
	high, highOK := r.Inputs["toPort"].(float64)
	read := rule{ports: ports{text(r, "ipProtocol"), int(low), int(high)}}
	if read.protocol == "-1" {
		read.low, read.high = 0, 65535
	} else if !lowOK || !highOK {
		return nil, rule{}, fmt.Errorf("%s: no ports", r.Key())
	}
	id, cidr := text(r, "referencedSecurityGroupId"), text(r, "cidrIpv4")
	if (id == "") == (cidr == "") {
		return nil, rule{}, fmt.Errorf("%s: want either a group or a range as its other end", r.Key())
	}
	if id != "" {
		if read.group, ok = n.groups[id]; !ok {
			return nil, rule{}, fmt.Errorf("%s: no group %q is planned", r.Key(), id)
		}
		return own, read, nil
	}
	var err error
	if read.cidr, err = netip.ParsePrefix(cidr); err != nil {
		return nil, rule{}, fmt.Errorf("%s: %w", r.Key(), err)
	}
	for _, s := range n.subnets {
		if s.cidr.Overlaps(read.cidr) && !within(read.cidr, s.cidr) {
			return nil, rule{}, fmt.Errorf("%s: %s covers a part of %s: the answer would depend on the address", r.Key(), cidr, s.name)
		}
	}
	return own, read, nil
}

// allowedBy returns the ports that a host's groups allow in a direction from or to another host.
func allowedBy(groups []*group, way direction, other Host) []ports {
	var found []ports
	for _, g := range groups {
		for _, r := range way(g) {
			if r.covers(other) {
				found = append(found, r.ports)
			}
		}
	}
	return found
}

// covers tells whether a rule applies to the host. A range never covers a part of a subnet, see readRule.
func (r rule) covers(h Host) bool {
	for _, g := range h.groups {
		if g == r.group {
			return true
		}
	}
	if r.cidr.IsValid() {
		for _, s := range h.subnets {
			if within(r.cidr, s.cidr) {
				return true
			}
		}
	}
	return false
}

// intersect returns the ports that are in both lists.
func intersect(a, b []ports) []ports {
	var found []ports
	for _, x := range a {
		for _, y := range b {
			p := ports{x.protocol, max(x.low, y.low), min(x.high, y.high)}
			if x.protocol == "-1" {
				p.protocol = y.protocol
			} else if y.protocol != "-1" && x.protocol != y.protocol {
				continue
			}
			if p.low <= p.high {
				found = append(found, p)
			}
		}
	}
	return found
}

// within tells whether the outer range contains the inner one.
func within(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}
