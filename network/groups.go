package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// options reads the flow table's decisions from the arguments.
func (b *builder) options() Options {
	options := Options{
		AllowedCIDRs:      b.args.AllowedCIDRs,
		HTTPS:             b.args.HTTPS,
		PersistentStorage: b.args.PersistentStorage,
		Endpoints:         len(b.args.InterfaceEndpoints) > 0,
	}
	for _, prefix := range b.natRanges() {
		options.NATRanges = append(options.NATRanges, prefix.String())
	}
	return options
}

// makeGroups makes the groups that something will use, and the rules of the flow table. A description cannot be changed
// later without replacing the group.
func (b *builder) makeGroups() (map[Peer]*ec2.SecurityGroup, error) {
	options := b.options()
	groups := map[Peer]*ec2.SecurityGroup{}
	for _, g := range []struct {
		role        Peer
		description string
		when        bool
	}{
		{LoadBalancer, "Public load balancer", true},
		{GatewayLoadBalancer, "Load balancer behind API Gateway", true},
		{Backend, "Backend instances", true},
		{Database, "PostgreSQL", true},
		{Agents, "Agent tasks", true},
		{FileSystem, "File system of the agents", options.PersistentStorage},
		{Endpoints, "Interface endpoints", options.Endpoints},
		{NATInstance, "NAT instance", len(options.NATRanges) > 0},
	} {
		if !g.when {
			continue
		}
		// Neither Ingress nor Egress here: rules inside a group and rules beside it undo each other.
		group, err := ec2.NewSecurityGroup(b.ctx, b.child(string(g.role)), &ec2.SecurityGroupArgs{
			VpcId:       b.vpc.ID(),
			Description: pulumi.String(g.description),
			Tags:        b.tags(string(g.role)),
		}, b.opts()...)
		if err != nil {
			return nil, fmt.Errorf("creating security group %s: %w", g.role, err)
		}
		groups[g.role] = group
	}
	for _, flow := range Flows(options) {
		if err := b.makeRules(flow, groups); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// makeRules makes the rules of one flow, at each of its ends that is a group.
func (b *builder) makeRules(flow Flow, groups map[Peer]*ec2.SecurityGroup) error {
	suffix := fmt.Sprintf("%s-to-%s-%d", flow.From.slug(), flow.To.slug(), flow.Port)
	for _, peer := range []Peer{flow.From, flow.To} {
		if _, ok := groups[peer]; !ok && !peer.IsRange() {
			return fmt.Errorf("flow %s: there is no security group %s", suffix, peer)
		}
	}
	if to, ok := groups[flow.To]; ok {
		args := &vpc.SecurityGroupIngressRuleArgs{
			SecurityGroupId: to.ID(),
			IpProtocol:      pulumi.String(flow.Protocol),
			FromPort:        pulumi.Int(flow.Port),
			ToPort:          pulumi.Int(flow.Port),
			Description:     pulumi.String(flow.Why),
			Tags:            b.tags(suffix + "-in"),
		}
		if from, ok := groups[flow.From]; ok {
			args.ReferencedSecurityGroupId = from.ID()
		} else {
			args.CidrIpv4 = pulumi.String(string(flow.From))
		}
		if _, err := vpc.NewSecurityGroupIngressRule(b.ctx, b.child(suffix+"-in"), args, b.opts()...); err != nil {
			return fmt.Errorf("creating ingress rule %s: %w", suffix, err)
		}
	}
	if from, ok := groups[flow.From]; ok {
		args := &vpc.SecurityGroupEgressRuleArgs{
			SecurityGroupId: from.ID(),
			IpProtocol:      pulumi.String(flow.Protocol),
			FromPort:        pulumi.Int(flow.Port),
			ToPort:          pulumi.Int(flow.Port),
			Description:     pulumi.String(flow.Why),
			Tags:            b.tags(suffix + "-out"),
		}
		if to, ok := groups[flow.To]; ok {
			args.ReferencedSecurityGroupId = to.ID()
		} else {
			args.CidrIpv4 = pulumi.String(string(flow.To))
		}
		if _, err := vpc.NewSecurityGroupEgressRule(b.ctx, b.child(suffix+"-out"), args, b.opts()...); err != nil {
			return fmt.Errorf("creating egress rule %s: %w", suffix, err)
		}
	}
	return nil
}
