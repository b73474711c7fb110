// Package network is the tier of the VPC: four layers of subnets in each zone, the ways to the internet, the endpoints of AWS
// services, and every security group with the rules of the one table in flows.go.
package network

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

// Token is the component's type.
const Token = "scalable-backend:network:Network"

// SecurityGroups are the ids of the groups, known when their rules exist. FileSystem is "" without Args.PersistentStorage, and
// Endpoints without Args.InterfaceEndpoints.
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
	NATAddresses      pulumi.StringArrayOutput // NAT.Addresses of them: where traffic of the private subnets comes from
	FlowLogGroupName  pulumi.StringOutput      // empty without flow logs
}

// New creates the tier.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Network, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	plan, err := Plan(args.CIDR, len(args.Zones))
	if err != nil {
		return nil, err
	}
	n := &Network{}
	base, err := component.Register(ctx, Token, name, n, args.Stack, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{Builder: base, args: args, plan: plan}

	if err := b.newNetwork(n); err != nil {
		return nil, err
	}
	if err := b.RegisterOutputs(pulumi.Map{
		"vpcId":             n.VPCID,
		"cidr":              n.CIDR,
		"publicSubnetIds":   n.PublicSubnetIDs,
		"backendSubnetIds":  n.BackendSubnetIDs,
		"clientSubnetIds":   n.ClientSubnetIDs,
		"databaseSubnetIds": n.DatabaseSubnetIDs,
		"natGatewayIds":     n.NATGatewayIDs,
		"natAddresses":      n.NATAddresses,
	}); err != nil {
		return nil, err
	}
	return n, nil
}

func (b *builder) newNetwork(n *Network) error {
	if err := b.newVPC(); err != nil {
		return err
	}
	if err := b.newSecurityGroups(); err != nil {
		return err
	}
	public, err := b.newLayer("public", b.plan.Public, []routeTarget{b.toInternetGateway})
	if err != nil {
		return err
	}
	publicIDs := public.ids()
	nat, err := b.newNAT(publicIDs)
	if err != nil {
		return err
	}
	backend, err := b.newLayer("backend", b.plan.Backend, nat.targets)
	if err != nil {
		return err
	}
	clients, err := b.newLayer("clients", b.plan.Clients, nat.targets)
	if err != nil {
		return err
	}
	// Nothing in the database layer starts a connection: its route table has the VPC's own route and no other.
	database, err := b.newLayer("database", b.plan.Database, []routeTarget{nil})
	if err != nil {
		return err
	}
	s3, err := b.newS3Endpoint(backend, clients, database)
	if err != nil {
		return err
	}
	if err := b.newInterfaceEndpoints(clients); err != nil {
		return err
	}
	flowLogGroup, err := b.newFlowLogs()
	if err != nil {
		return err
	}

	n.VPCID = b.vpc.ID().ToStringOutput()
	n.CIDR = b.vpc.CidrBlock
	n.PublicSubnetIDs = pulumi.ToStringArrayOutput(publicIDs)
	n.BackendSubnetIDs = pulumi.ToStringArrayOutput(backend.ids(s3))
	n.ClientSubnetIDs = pulumi.ToStringArrayOutput(clients.ids(s3))
	n.DatabaseSubnetIDs = pulumi.ToStringArrayOutput(database.ids())
	n.SecurityGroups = SecurityGroups{
		LoadBalancer:        b.securityGroupID(LoadBalancer),
		GatewayLoadBalancer: b.securityGroupID(GatewayLoadBalancer),
		Backend:             b.securityGroupID(Backend),
		Database:            b.securityGroupID(Database),
		Agents:              b.securityGroupID(Agents),
		FileSystem:          b.securityGroupID(FileSystem),
		Endpoints:           b.securityGroupID(Endpoints),
	}
	n.NATGatewayIDs, n.NATAddresses = pulumi.ToStringArrayOutput(nat.gateways), pulumi.ToStringArrayOutput(nat.addresses)
	n.FlowLogGroupName = flowLogGroup
	return nil
}
