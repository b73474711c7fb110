package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

// options are the options of the flow table with these Args.
func (b *builder) options() Options {
	options := Options{
		AllowedCIDRs:      b.args.AllowedCIDRs,
		HTTPS:             b.args.HTTPS,
		BackendPort:       b.args.BackendPort,
		GatewayPort:       b.args.GatewayPort,
		Agents:            b.args.Agents,
		PersistentStorage: b.args.PersistentStorage,
		Endpoints:         len(b.args.InterfaceEndpoints) > 0,
	}
	for _, prefix := range b.natRanges() {
		options.NATRanges = append(options.NATRanges, prefix.String())
	}
	return options
}

// newSecurityGroups creates the groups that something will use, and the rules of the flow table. Another description would
// replace a group.
func (b *builder) newSecurityGroups() error {
	options := b.options()
	b.groups, b.rules = map[Peer]*ec2.SecurityGroup{}, map[Peer][]any{}
	for _, g := range []struct {
		peer        Peer
		description string
		when        bool
	}{
		{LoadBalancer, "Public load balancer", true},
		{GatewayLoadBalancer, "Load balancer behind API Gateway", true},
		{Backend, "Backend instances", true},
		{Database, "PostgreSQL", true},
		{Agents, "Agent tasks", options.Agents},
		{FileSystem, "File system of the agents", options.PersistentStorage},
		{Endpoints, "Interface endpoints", options.Endpoints},
		{NATInstance, "NAT instance", b.args.NAT == NATByInstance},
	} {
		if !g.when {
			continue
		}
		// Neither Ingress nor Egress: rules inside a group and rules that are resources of their own undo each other.
		group, err := ec2.NewSecurityGroup(b.Ctx, b.Name(string(g.peer)), &ec2.SecurityGroupArgs{
			VpcId:       b.vpc.ID(),
			Description: pulumi.String(g.description),
			Tags:        b.Tags(string(g.peer)),
		}, b.Options()...)
		if err != nil {
			return fmt.Errorf("creating security group %s: %w", g.peer, err)
		}
		b.groups[g.peer] = group
	}
	for _, flow := range Flows(options) {
		if err := b.newRules(flow); err != nil {
			return err
		}
	}
	return nil
}

// securityGroupID is the id of a group, known when its rules exist: what starts in the group may connect at once. The rules
// for users are left out: AllowedCIDRs changes often, and the load balancer starts without them. A peer without a group has
// the id "".
func (b *builder) securityGroupID(peer Peer) pulumi.StringOutput {
	group, ok := b.groups[peer]
	if !ok {
		return pulumi.String("").ToStringOutput()
	}
	return component.After(group.ID(), b.rules[peer]...)
}

// newRules creates the rules of one flow: one at each of its ends that is a group.
func (b *builder) newRules(flow Flow) error {
	suffix := fmt.Sprintf("%s-to-%s-%d", flow.From.slug(), flow.To.slug(), flow.Port)
	for _, peer := range []Peer{flow.From, flow.To} {
		if _, ok := b.groups[peer]; !ok && !peer.IsRange() {
			return fmt.Errorf("flow %s: there is no security group %s", suffix, peer)
		}
	}
	if to, ok := b.groups[flow.To]; ok {
		args := &vpc.SecurityGroupIngressRuleArgs{
			SecurityGroupId: to.ID(),
			IpProtocol:      pulumi.String(flow.Protocol),
			FromPort:        pulumi.Int(flow.Port),
			ToPort:          pulumi.Int(flow.Port),
			Description:     pulumi.String(flow.Why),
			Tags:            b.Tags(suffix + "-in"),
		}
		if from, ok := b.groups[flow.From]; ok {
			args.ReferencedSecurityGroupId = from.ID()
		} else {
			args.CidrIpv4 = pulumi.String(string(flow.From))
		}
		rule, err := vpc.NewSecurityGroupIngressRule(b.Ctx, b.Name(suffix+"-in"), args, b.Options()...)
		if err != nil {
			return fmt.Errorf("creating ingress rule %s: %w", suffix, err)
		}
		if flow.To != LoadBalancer {
			b.rules[flow.To] = append(b.rules[flow.To], rule.ID())
		}
	}
	if from, ok := b.groups[flow.From]; ok {
		args := &vpc.SecurityGroupEgressRuleArgs{
			SecurityGroupId: from.ID(),
			IpProtocol:      pulumi.String(flow.Protocol),
			FromPort:        pulumi.Int(flow.Port),
			ToPort:          pulumi.Int(flow.Port),
			Description:     pulumi.String(flow.Why),
			Tags:            b.Tags(suffix + "-out"),
		}
		if to, ok := b.groups[flow.To]; ok {
			args.ReferencedSecurityGroupId = to.ID()
		} else {
			args.CidrIpv4 = pulumi.String(string(flow.To))
		}
		rule, err := vpc.NewSecurityGroupEgressRule(b.Ctx, b.Name(suffix+"-out"), args, b.Options()...)
		if err != nil {
			return fmt.Errorf("creating egress rule %s: %w", suffix, err)
		}
		b.rules[flow.From] = append(b.rules[flow.From], rule.ID())
	}
	return nil
}
