package reach

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

// hosts reads subnets and groups from the inputs of each type with network interfaces.
var hosts = map[string]func(*Network, graph.Resource) (subnets, groups any, public bool, err error){
	"aws:lb/loadBalancer:LoadBalancer": func(_ *Network, r graph.Resource) (any, any, bool, error) {
		return r.Inputs["subnets"], r.Inputs["securityGroups"], r.Inputs["internal"] != true, nil
	},
	"aws:autoscaling/group:Group": (*Network).fleet,
	"aws:ecs/service:Service": func(_ *Network, r graph.Resource) (any, any, bool, error) {
		subnets, _ := r.Get("networkConfiguration", "subnets")
		groups, _ := r.Get("networkConfiguration", "securityGroups")
		public, _ := r.Get("networkConfiguration", "assignPublicIp")
		return subnets, groups, public == true, nil
	},
	"aws:rds/instance:Instance": (*Network).database,
	"aws:efs/mountTarget:MountTarget": func(_ *Network, r graph.Resource) (any, any, bool, error) {
		return []any{r.Inputs["subnetId"]}, r.Inputs["securityGroups"], false, nil
	},
	"aws:ec2/instance:Instance": func(n *Network, r graph.Resource) (any, any, bool, error) {
		public := n.addressed[r.ID] || r.Inputs["associatePublicIpAddress"] == true
		return []any{r.Inputs["subnetId"]}, r.Inputs["vpcSecurityGroupIds"], public, nil
	},
	"aws:ec2/vpcEndpoint:VpcEndpoint": func(_ *Network, r graph.Resource) (any, any, bool, error) {
		return r.Inputs["subnetIds"], r.Inputs["securityGroupIds"], false, nil
	},
}

// database reads a database; a replica is in the subnets of its source.
func (n *Network) database(r graph.Resource) (any, any, bool, error) {
	name, source := r.Inputs["dbSubnetGroupName"], r.Inputs["replicateSourceDb"]
	for _, other := range n.graph.OfType(r.Type) {
		if name == nil && source != nil && (other.State["identifier"] == source || other.State["arn"] == source) {
			name = other.Inputs["dbSubnetGroupName"]
		}
	}
	for _, s := range n.graph.OfType("aws:rds/subnetGroup:SubnetGroup") {
		if s.State["name"] == name {
			return s.Inputs["subnetIds"], r.Inputs["vpcSecurityGroupIds"], r.Inputs["publiclyAccessible"] != false, nil
		}
	}
	return nil, nil, false, fmt.Errorf("no subnet group %v is planned", name)
}

// fleet reads an Auto Scaling group: its own subnets, and the security groups of its launch template.
func (n *Network) fleet(r graph.Resource) (any, any, bool, error) {
	id, ok := r.Get("launchTemplate", "id")
	if !ok {
		id, _ = r.Get("mixedInstancesPolicy", "launchTemplate", "launchTemplateSpecification", "launchTemplateId")
	}
	for _, t := range n.graph.OfType("aws:ec2/launchTemplate:LaunchTemplate") {
		if t.ID != id {
			continue
		}
		if interfaces, _ := t.Inputs["networkInterfaces"].([]any); len(interfaces) != 1 {
			return nil, nil, false, fmt.Errorf("its template has %d network interfaces, want one", len(interfaces))
		}
		groups, _ := t.Get("networkInterfaces", 0, "securityGroups")
		public, _ := t.Get("networkInterfaces", 0, "associatePublicIpAddress")
		return r.Inputs["vpcZoneIdentifiers"], groups, public != "false", nil
	}
	return nil, nil, false, fmt.Errorf("no launch template %v is planned", id)
}

func (n *Network) readHosts() error {
	for _, r := range n.graph.Resources {
		read, ok := hosts[r.Type]
		if !ok || r.Type == endpointType && text(r, "vpcEndpointType") != "Interface" {
			continue
		}
		subnets, groups, public, err := read(n, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Key(), err)
		}
		h := Host{Name: r.Key(), Public: public}
		if h.groups, err = n.groupsOf(r, groups); err != nil {
			return err
		}
		for _, g := range h.groups {
			h.Groups = append(h.Groups, g.name)
		}
		for _, id := range list(subnets) {
			s, ok := n.subnets[id]
			if !ok {
				return fmt.Errorf("%s: no subnet %q is planned", r.Key(), id)
			}
			h.subnets, h.Subnets = append(h.subnets, s), append(h.Subnets, s.name)
			h.Public = h.Public || s.publicIPs && r.Type == "aws:ec2/instance:Instance"
		}
		if len(h.subnets) == 0 {
			return fmt.Errorf("%s: it is in no subnet", r.Key())
		}
		n.Hosts = append(n.Hosts, h)
	}
	return nil
}

// groupsOf returns the groups of a resource. Without any it would have the VPC's default group.
func (n *Network) groupsOf(r graph.Resource, ids any) ([]*group, error) {
	var found []*group
	for _, id := range list(ids) {
		g, ok := n.groups[id]
		if !ok {
			return nil, fmt.Errorf("%s: no security group %q is planned", r.Key(), id)
		}
		found = append(found, g)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: it has no security group", r.Key())
	}
	return found, nil
}

// passive lists the types that refer to subnets or groups without having interfaces, or that are read elsewhere.
var passive = []string{
	"aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/natGateway:NatGateway", "aws:ec2/routeTableAssociation:RouteTableAssociation",
	"aws:rds/subnetGroup:SubnetGroup", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
}

// modelled lists the types of the modules ec2 and vpc that this package reads, or that do not affect traffic.
var modelled = []string{
	"aws:ec2/amiCopy:AmiCopy", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "aws:ec2/eip:Eip", "aws:ec2/flowLog:FlowLog",
	"aws:ec2/internetGateway:InternetGateway",
	"aws:ec2/route:Route", "aws:ec2/routeTable:RouteTable", "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc",
}

// refuseUnknown refuses network resources of other types, and resources of any type that refer to a subnet or a group without
// being read.
func (n *Network) refuseUnknown() error {
	var ids []string
	for _, r := range n.graph.Resources {
		if r.Type == "aws:ec2/subnet:Subnet" || r.Type == "aws:ec2/securityGroup:SecurityGroup" {
			if r.ID == "" {
				return errors.New("the graph was planned with unknown outputs, so subnets and groups are not known")
			}
			ids = append(ids, r.ID)
		}
	}
	for _, r := range n.graph.Resources {
		_, host := hosts[r.Type]
		if !r.Custom || host || slices.Contains(passive, r.Type) || slices.Contains(modelled, r.Type) {
			continue
		}
		if strings.HasPrefix(r.Type, "aws:ec2/") || strings.HasPrefix(r.Type, "aws:vpc/") || strings.HasPrefix(r.Type, "aws:ec2transitgateway/") {
			return fmt.Errorf("%s: the type is not modelled", r.Key())
		}
		inputs, err := json.Marshal(r.Inputs)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Key(), err)
		}
		for _, id := range ids {
			if strings.Contains(string(inputs), `"`+id+`"`) {
				return fmt.Errorf("%s refers to %s, but its type is not modelled", r.Key(), id)
			}
		}
	}
	return nil
}

// without refuses inputs that this package does not read.
func without(r graph.Resource, inputs ...string) error {
	for _, name := range inputs {
		if _, ok := r.Inputs[name]; ok {
			return fmt.Errorf("%s: input %s is not modelled", r.Key(), name)
		}
	}
	return nil
}

// text returns an input, or "".
func text(r graph.Resource, input string) string {
	s, _ := r.Inputs[input].(string)
	return s
}

func list(value any) []string {
	var out []string
	values, _ := value.([]any)
	for _, v := range values {
		if s, ok := v.(string); ok {
			out = append(out, s)
		} else {
			out = append(out, fmt.Sprint(v))
		}
	}
	return out
}
