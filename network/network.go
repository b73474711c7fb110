// Package network makes the VPC: four tiers of subnets per zone, the ways out of it, the endpoints, and every security
// group with the rules of the one table in flows.go.
package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const componentType = "scalable-backend:network:Network"

// SecurityGroups are the ids of the groups. FileSystem and Endpoints are empty strings where nothing would use them.
type SecurityGroups struct {
	LoadBalancer, GatewayLoadBalancer, Backend, Database, Agents, FileSystem, Endpoints pulumi.StringOutput
}

// Network is the component. A subnet's id resolves when the subnet can be used: associated with its route table, whose
// default route and S3 endpoint exist.
type Network struct {
	pulumi.ResourceState

	VPCID             pulumi.StringOutput
	CIDR              pulumi.StringOutput
	PublicSubnetIDs   pulumi.StringArrayOutput
	BackendSubnetIDs  pulumi.StringArrayOutput
	ClientSubnetIDs   pulumi.StringArrayOutput
	DatabaseSubnetIDs pulumi.StringArrayOutput
	SecurityGroups    SecurityGroups
	NATGatewayIDs     pulumi.StringArrayOutput // NAT.Gateways of them
	FlowLogGroupName  pulumi.StringOutput      // empty without flow logs
}

// New makes the network.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Network, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	plan, err := Plan(args.CIDR, len(args.Zones))
	if err != nil {
		return nil, err
	}
	n := &Network{}
	if err := ctx.RegisterComponentResource(componentType, name, n, opts...); err != nil {
		return nil, fmt.Errorf("registering network: %w", err)
	}
	b := &builder{ctx: ctx, name: name, args: args, plan: plan, parent: n}
	if err := b.build(n); err != nil {
		return nil, err
	}
	err = ctx.RegisterResourceOutputs(n, pulumi.Map{
		"vpcId":             n.VPCID,
		"cidr":              n.CIDR,
		"publicSubnetIds":   n.PublicSubnetIDs,
		"backendSubnetIds":  n.BackendSubnetIDs,
		"clientSubnetIds":   n.ClientSubnetIDs,
		"databaseSubnetIds": n.DatabaseSubnetIDs,
		"natGatewayIds":     n.NATGatewayIDs,
	})
	if err != nil {
		return nil, fmt.Errorf("registering outputs of network: %w", err)
	}
	return n, nil
}

func (b *builder) build(n *Network) error {
	if err := b.makeVPC(); err != nil {
		return err
	}
	groups, err := b.makeGroups()
	if err != nil {
		return err
	}
	public, err := b.makeTier("public", b.plan.Public, []exit{b.toInternet})
	if err != nil {
		return err
	}
	publicIDs := public.ids()
	exits, gateways, err := b.makeNAT(publicIDs, groups[NATInstance])
	if err != nil {
		return err
	}
	backend, err := b.makeTier("backend", b.plan.Backend, exits)
	if err != nil {
		return err
	}
	clients, err := b.makeTier("clients", b.plan.Clients, exits)
	if err != nil {
		return err
	}
	// Nothing in the database tier starts a connection: its table has the VPC's own route and no other.
	database, err := b.makeTier("database", b.plan.Database, []exit{nil})
	if err != nil {
		return err
	}
	s3, err := b.makeS3Endpoint(backend, clients, database)
	if err != nil {
		return err
	}
	if err := b.makeInterfaceEndpoints(clients, groups[Endpoints]); err != nil {
		return err
	}
	flowLogGroup, err := b.makeFlowLogs()
	if err != nil {
		return err
	}

	n.VPCID = b.vpc.ID().ToStringOutput()
	n.CIDR = b.vpc.CidrBlock
	n.PublicSubnetIDs = array(publicIDs)
	n.BackendSubnetIDs = array(backend.ids(s3))
	n.ClientSubnetIDs = array(clients.ids(s3))
	n.DatabaseSubnetIDs = array(database.ids())
	n.SecurityGroups = SecurityGroups{
		LoadBalancer:        groupID(groups, LoadBalancer),
		GatewayLoadBalancer: groupID(groups, GatewayLoadBalancer),
		Backend:             groupID(groups, Backend),
		Database:            groupID(groups, Database),
		Agents:              groupID(groups, Agents),
		FileSystem:          groupID(groups, FileSystem),
		Endpoints:           groupID(groups, Endpoints),
	}
	n.NATGatewayIDs = array(gateways)
	n.FlowLogGroupName = flowLogGroup
	return nil
}

func groupID(groups map[Peer]*ec2.SecurityGroup, role Peer) pulumi.StringOutput {
	group, ok := groups[role]
	if !ok {
		return pulumi.String("").ToStringOutput()
	}
	return group.ID().ToStringOutput()
}

func array(ids []pulumi.StringOutput) pulumi.StringArrayOutput {
	return pulumi.ToStringArrayOutput(ids)
}
