package reach

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

var everywhere = netip.MustParsePrefix("0.0.0.0/0")

func (n *Network) readVPC() error {
	vpcs := n.graph.OfType("aws:ec2/vpc:Vpc")
	if len(vpcs) != 1 {
		return fmt.Errorf("want one VPC, got %d", len(vpcs))
	}
	cidr, err := netip.ParsePrefix(text(vpcs[0], "cidrBlock"))
	if err != nil {
		return fmt.Errorf("%s: %w", vpcs[0].Key(), err)
	}
	n.cidr = cidr
	arn, _ := vpcs[0].State["arn"].(string)
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		n.account = parts[4]
	}
	n.dns = vpcs[0].Inputs["enableDnsSupport"] == true && vpcs[0].Inputs["enableDnsHostnames"] == true
	for _, r := range n.graph.OfType("aws:ec2/internetGateway:InternetGateway") {
		if n.gateway != "" {
			return errors.New("there are two internet gateways")
		}
		n.gateway = r.ID
	}
	return nil
}

func (n *Network) readSubnets() error {
	for _, r := range n.graph.OfType("aws:ec2/subnet:Subnet") {
		cidr, err := netip.ParsePrefix(text(r, "cidrBlock"))
		if err != nil {
			return fmt.Errorf("%s: %w", r.Key(), err)
		}
		n.subnets[r.ID] = &subnet{
			name: r.Name, zone: text(r, "availabilityZone"), cidr: cidr, publicIPs: r.Inputs["mapPublicIpOnLaunch"] == true,
		}
	}
	for _, r := range n.graph.OfType("aws:ec2/routeTable:RouteTable") {
		if err := without(r, "routes", "propagatingVgws"); err != nil {
			return err
		}
	}
	routes := map[string][]route{}
	for _, r := range n.graph.OfType("aws:ec2/route:Route") {
		if err := without(r, "destinationIpv6CidrBlock", "destinationPrefixListId"); err != nil {
			return err
		}
		if to := text(r, "destinationCidrBlock"); to != everywhere.String() {
			return fmt.Errorf("%s: a route to %s is not modelled", r.Key(), to)
		}
		read := route{text(r, "gatewayId"), text(r, "natGatewayId"), text(r, "networkInterfaceId")}
		if read == (route{}) {
			return fmt.Errorf("%s: its target is not modelled", r.Key())
		}
		routes[text(r, "routeTableId")] = append(routes[text(r, "routeTableId")], read)
	}
	for _, r := range n.graph.OfType("aws:ec2/routeTableAssociation:RouteTableAssociation") {
		s, ok := n.subnets[text(r, "subnetId")]
		if !ok || s.table != "" {
			return fmt.Errorf("%s: subnet %q is not planned, or has a table already", r.Key(), text(r, "subnetId"))
		}
		s.table = text(r, "routeTableId")
		s.routes = routes[s.table]
	}
	for _, s := range n.subnets {
		if s.table == "" {
			return fmt.Errorf("subnet %s has no route table of the program's", s.name)
		}
		if len(s.routes) > 1 {
			return fmt.Errorf("subnet %s has two default routes", s.name)
		}
	}
	return nil
}

// leadsTo tells whether the default route's target is the internet gateway.
func (s *subnet) leadsTo(gateway string) bool {
	return gateway != "" && slices.ContainsFunc(s.routes, func(r route) bool { return r.gateway == gateway })
}

// readDevices reads NAT gateways and the instances that forward.
func (n *Network) readDevices() error {
	for _, r := range n.graph.OfType("aws:ec2/eip:Eip") {
		if id := text(r, "instance"); id != "" {
			n.addressed[id] = true
		}
	}
	for _, r := range n.graph.OfType("aws:ec2/natGateway:NatGateway") {
		s, ok := n.subnets[text(r, "subnetId")]
		if !ok {
			return fmt.Errorf("%s: no subnet %q is planned", r.Key(), text(r, "subnetId"))
		}
		_, planned := n.find("aws:ec2/eip:Eip", text(r, "allocationId"))
		n.devices[r.ID] = &device{name: r.Key(), subnet: s, public: text(r, "connectivityType") == "public" && planned}
	}
	for _, r := range n.graph.OfType("aws:ec2/instance:Instance") {
		if r.Inputs["sourceDestCheck"] != false {
			continue // an instance with this check on drops traffic of others
		}
		groups, err := n.groupsOf(r, r.Inputs["vpcSecurityGroupIds"])
		if err != nil {
			return err
		}
		s, ok := n.subnets[text(r, "subnetId")]
		if !ok {
			return fmt.Errorf("%s: no subnet %q is planned", r.Key(), text(r, "subnetId"))
		}
		eni, _ := r.State["primaryNetworkInterfaceId"].(string)
		n.devices[eni] = &device{name: r.Key(), subnet: s, public: n.addressed[r.ID], groups: groups, filter: true}
	}
	return nil
}

func (n *Network) find(token, id string) (graph.Resource, bool) {
	for _, r := range n.graph.OfType(token) {
		if id != "" && r.ID == id {
			return r, true
		}
	}
	return graph.Resource{}, false
}

// Exit is a subnet's route to the internet.
type Exit struct {
	Subnet, Zone string
	Device       string // type::name of the NAT, "" for a direct route to the internet gateway
	DeviceZone   string
}

// Exits returns the routes to the internet of a host's subnets; subnets without one are left out.
func (n *Network) Exits(h Host) ([]Exit, error) {
	var exits []Exit
	for _, s := range h.subnets {
		for _, r := range s.routes {
			if r.gateway != "" && r.gateway == n.gateway {
				exits = append(exits, Exit{Subnet: s.name, Zone: s.zone})
				continue
			}
			id := r.nat + r.networkInterface
			d, ok := n.devices[id]
			switch {
			case r.gateway != "" || r.nat != "" && r.networkInterface != "" || !ok:
				return nil, fmt.Errorf("the default route of %s leads to %q, which forwards nothing", s.name, r.gateway+id)
			case !d.subnet.leadsTo(n.gateway) || !d.public:
				return nil, fmt.Errorf("the default route of %s leads to %s, which has no way to the internet itself", s.name, d.name)
			}
			exits = append(exits, Exit{Subnet: s.name, Zone: s.zone, Device: d.name, DeviceZone: d.subnet.zone})
		}
	}
	return exits, nil
}

// toInternet returns the ports to the internet that are open from every subnet of a host.
func (n *Network) toInternet(from Host) ([]ports, error) {
	exits, err := n.Exits(from)
	if err != nil {
		return nil, err
	}
	if len(exits) != len(from.subnets) {
		return nil, nil
	}
	var out []ports
	for _, g := range from.groups {
		for _, r := range g.egress {
			if r.cidr.IsValid() && !within(n.cidr, r.cidr) {
				out = append(out, r.ports)
			}
		}
	}
	for _, exit := range exits {
		if exit.Device == "" && !from.Public {
			return nil, nil
		}
		if d := n.deviceNamed(exit.Device); d != nil && d.filter {
			out = intersect(intersect(out, allowedBy(d.groups, ingress, from)), d.outward(n.cidr))
		}
	}
	return out, nil
}

func (n *Network) deviceNamed(name string) *device {
	for _, d := range n.devices {
		if d.name == name {
			return d
		}
	}
	return nil
}

func (d *device) outward(vpc netip.Prefix) []ports {
	var out []ports
	for _, g := range d.groups {
		for _, r := range g.egress {
			if r.cidr.IsValid() && !within(vpc, r.cidr) {
				out = append(out, r.ports)
			}
		}
	}
	return out
}
