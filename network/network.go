// Package network makes the VPC: four tiers of subnets per zone, the ways out of it, the endpoints, and every security
// group with the rules of the one table in flows.go.
package network

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const componentType = "scalable-backend:network:Network"

// SecurityGroups are the ids of the groups, known when their rules exist. FileSystem and Endpoints are empty strings where nothing would use them.
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
	NATAddresses      pulumi.StringArrayOutput // NAT.Addresses of them: the private subnets on the internet
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
		"natAddresses":      n.NATAddresses,
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
	if err := b.makeGroups(); err != nil {
		return err
	}
	public, err := b.makeTier("public", b.plan.Public, []exit{b.toInternet})
	if err != nil {
		return err
	}
	publicIDs := public.ids()
	nat, err := b.makeNAT(publicIDs)
	if err != nil {
		return err
	}
	backend, err := b.makeTier("backend", b.plan.Backend, nat.exits)
	if err != nil {
		return err
	}
	clients, err := b.makeTier("clients", b.plan.Clients, nat.exits)
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
	if err := b.makeInterfaceEndpoints(clients); err != nil {
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
		LoadBalancer:        b.groupID(LoadBalancer),
		GatewayLoadBalancer: b.groupID(GatewayLoadBalancer),
		Backend:             b.groupID(Backend),
		Database:            b.groupID(Database),
		Agents:              b.groupID(Agents),
		FileSystem:          b.groupID(FileSystem),
		Endpoints:           b.groupID(Endpoints),
	}
	n.NATGatewayIDs, n.NATAddresses = array(nat.gateways), array(nat.addresses)
	n.FlowLogGroupName = flowLogGroup
	return nil
}

func array(ids []pulumi.StringOutput) pulumi.StringArrayOutput {
	return pulumi.ToStringArrayOutput(ids)
}
