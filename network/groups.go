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
func (b *builder) makeGroups() error {
	options := b.options()
	b.groups, b.rules = map[Peer]*ec2.SecurityGroup{}, map[Peer][]any{}
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
			return fmt.Errorf("creating security group %s: %w", g.role, err)
		}
		b.groups[g.role] = group
	}
	for _, flow := range Flows(options) {
		if err := b.makeRules(flow); err != nil {
			return err
		}
	}
	return nil
}

// groupID is the id of a group, known when its rules exist: what starts in the group may connect at once. The users' way in
// is left out; who may come changes often, and the load balancer does not depend on it. A role without a group has no id.
func (b *builder) groupID(role Peer) pulumi.StringOutput {
	group, ok := b.groups[role]
	if !ok {
		return pulumi.String("").ToStringOutput()
	}
	return pulumi.All(append([]any{group.ID()}, b.rules[role]...)...).ApplyT(func(values []any) string {
		return string(values[0].(pulumi.ID))
	}).(pulumi.StringOutput)
}

// makeRules makes the rules of one flow, at each of its ends that is a group.
func (b *builder) makeRules(flow Flow) error {
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
			Tags:            b.tags(suffix + "-in"),
		}
		if from, ok := b.groups[flow.From]; ok {
			args.ReferencedSecurityGroupId = from.ID()
		} else {
			args.CidrIpv4 = pulumi.String(string(flow.From))
		}
		rule, err := vpc.NewSecurityGroupIngressRule(b.ctx, b.child(suffix+"-in"), args, b.opts()...)
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
			Tags:            b.tags(suffix + "-out"),
		}
		if to, ok := b.groups[flow.To]; ok {
			args.ReferencedSecurityGroupId = to.ID()
		} else {
			args.CidrIpv4 = pulumi.String(string(flow.To))
		}
		rule, err := vpc.NewSecurityGroupEgressRule(b.ctx, b.child(suffix+"-out"), args, b.opts()...)
		if err != nil {
			return fmt.Errorf("creating egress rule %s: %w", suffix, err)
		}
		b.rules[flow.From] = append(b.rules[flow.From], rule.ID())
	}
	return nil
}
