package rules

import (
	"fmt"
	"net/netip"
	"slices"

	"scalable-backend/internal/graph"
)

func groupRules() []Rule {
	open := of(ingressRule).where(func(_ *World, r graph.Resource) bool { return world(r) })
	described := that(func(_ *World, r graph.Resource) string {
		if d := text(r, "description"); d == "" || d == "Managed by Pulumi" {
			return "description is missing"
		}
		return ""
	})
	return []Rule{
		{"no-admin-ports", ids("EC2.19 R-EC2RestrictedSSH C_24 C_25 C_277 T0107 EC2.13 EC2.14"),
			"No address range may reach administration ports", Everywhere,
			of(ingressRule), that(adminPorts)},
		{"authorized-ports", ids("EC2.18 R-EC2RestrictedCommonPorts"), "Only ports 80 and 443 are open to the internet", Everywhere,
			of(ingressRule), that(func(_ *World, r graph.Resource) string {
				if from, to := ports(r); world(r) && (from != to || (from != 80 && from != 443)) {
					return fmt.Sprintf("it opens %d-%d to the internet", from, to)
				}
				return ""
			})},
		{"no-open-ingress", ids("S-EC23"), "No group is open to the internet", Everywhere, of(ingressRule),
			that(func(_ *World, r graph.Resource) string {
				if world(r) {
					return "it is open to the internet"
				}
				return ""
			})},
		{"no-open-http", ids("C_260"), "Port 80 is closed to the internet", Everywhere, of(ingressRule),
			that(func(_ *World, r graph.Resource) string {
				if from, to := ports(r); world(r) && from <= 80 && to >= 80 {
					return "it opens port 80 to the internet"
				}
				return ""
			})},
		{"only-the-public-balancer-is-open", nil, "Only the group of the public load balancer is open to the internet", Everywhere,
			open, that(func(w *World, r graph.Resource) string {
				for _, g := range w.To(r, "securityGroupId", securityGroup) {
					for _, lb := range w.From(loadBalancer, "securityGroups", g) {
						if equal(get(lb, "internal"), false) {
							return ""
						}
					}
				}
				return "its group is not that of a public load balancer"
			})},
		{"hosts-by-group", nil, "Rules refer to security groups; only the public load balancer and the NAT instance allow address ranges",
			Everywhere,
			of(ingressRule), that(rangeIngress)},
		{"group-described", ids("S-EC27 C_23 T0099"), "Every security group has a description", Everywhere, of(securityGroup), described},
		{"rule-described", ids("S-EC27 C_23 T0124"), "Every security-group rule has a description", Everywhere,
			of(ingressRule, egressRule), described},
		{"no-all-protocols-egress", ids("C_382"), "No egress of every protocol to anywhere", Everywhere, of(egressRule),
			that(func(_ *World, r graph.Resource) string {
				if world(r) && text(r, "ipProtocol") == "-1" {
					return "it allows every protocol to anywhere"
				}
				return ""
			})},
		{"no-open-egress", ids("T0104"), "No egress to anywhere", Everywhere, of(egressRule), that(func(_ *World, r graph.Resource) string {
			if world(r) {
				return "it allows egress to anywhere"
			}
			return ""
		})},
		{"group-in-use", ids("C2_5"), "Every security group is used", Everywhere, of(securityGroup), that(inUse)},
		{"no-group-rule-conflicts", ids("G-security-group-rule-management-conflicts"),
			"A security group has inline rules or separate rules, never both", Everywhere,
			of(securityGroup), all(hasNo("ingress"), hasNo("egress"))},
	}
}

// world tells whether a rule is for all addresses.
func world(r graph.Resource) bool {
	return text(r, "cidrIpv4") == "0.0.0.0/0" || text(r, "cidrIpv6") == "::/0"
}

// ports returns the ports of a rule; all ports for a protocol without ports.
func ports(r graph.Resource) (from, to int) {
	a, okA := number(get(r, "fromPort"))
	b, okB := number(get(r, "toPort"))
	if text(r, "ipProtocol") == "-1" || !okA || !okB || a < 0 {
		return 0, 65535
	}
	return int(a), int(b)
}

// administration lists the ports of EC2.19, and of remote desktops and shells.
var administration = []int{
	20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5500, 5601, 8080, 8088, 8888, 9200, 9300,
}

func adminPorts(_ *World, r graph.Resource) string {
	if text(r, "cidrIpv4") == "" && text(r, "cidrIpv6") == "" {
		return ""
	}
	from, to := ports(r)
	for _, p := range administration {
		if from <= p && p <= to {
			return fmt.Sprintf("it opens port %d to an address range", p)
		}
	}
	return ""
}

func rangeIngress(w *World, r graph.Resource) string {
	cidr := text(r, "cidrIpv4") + text(r, "cidrIpv6")
	if cidr == "" {
		return ""
	}
	from, err := netip.ParsePrefix(cidr)
	if err != nil {
		return err.Error()
	}
	for _, g := range w.To(r, "securityGroupId", securityGroup) {
		for _, lb := range w.From(loadBalancer, "securityGroups", g) {
			if equal(get(lb, "internal"), false) {
				return ""
			}
		}
		for _, v := range w.Type(vpc) {
			within, err := netip.ParsePrefix(text(v, "cidrBlock"))
			if err == nil && within.Contains(from.Addr()) && within.Bits() <= from.Bits() && len(w.From(instance, "vpcSecurityGroupIds", g)) > 0 {
				return ""
			}
		}
	}
	return "it admits " + cidr
}

// inUse looks for the group in the inputs that attach groups to resources.
func inUse(w *World, g graph.Resource) string {
	for _, r := range w.Graph.Resources {
		if r.Type == ingressRule || r.Type == egressRule {
			continue
		}
		for _, property := range []string{
			"securityGroups", "securityGroupIds", "vpcSecurityGroupIds", "networkInterfaces", "networkConfiguration",
		} {
			if slices.Contains(r.PropertyDependencies[property], g.Key()) {
				return ""
			}
		}
	}
	return "no resource uses it"
}
