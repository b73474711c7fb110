package network

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// builder carries what every step of making a network needs.
type builder struct {
	ctx    *pulumi.Context
	name   string
	args   *Args
	plan   Subnets
	parent pulumi.Resource

	vpc      *ec2.Vpc
	internet *ec2.InternetGateway
	groups   map[Peer]*ec2.SecurityGroup
	rules    map[Peer][]any // ids of each group's rules that who starts in it needs
}

func (b *builder) child(suffix string) string { return b.name + "-" + suffix }

func (b *builder) tags(suffix string) pulumi.StringMap {
	return b.args.Stack.Tags("network", b.child(suffix))
}

func (b *builder) opts(more ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append([]pulumi.ResourceOption{pulumi.Parent(b.parent)}, more...)
}

// zone is the short name of a zone, "a" of "eu-central-1a": resources of a zone keep their names when zones are added.
func (b *builder) zone(index int) string {
	return strings.TrimPrefix(strings.TrimPrefix(b.args.Zones[index], b.args.Stack.Region), "-")
}

// fixed protects what everything else stands in. Nothing can move to another VPC or leave a subnet while Pulumi takes it
// away (https://github.com/hashicorp/terraform-provider-aws/issues/27459), so an update that wants to would end halfway.
func (b *builder) fixed() []pulumi.ResourceOption {
	return b.opts(pulumi.Protect(!b.args.Stack.Disposable))
}

func (b *builder) makeVPC() error {
	vpc, err := ec2.NewVpc(b.ctx, b.child("vpc"), &ec2.VpcArgs{
		CidrBlock:          pulumi.String(b.args.CIDR),
		EnableDnsSupport:   pulumi.Bool(true),
		EnableDnsHostnames: pulumi.Bool(true), // private names of interface endpoints need both
		Tags:               b.tags("vpc"),
	}, b.fixed()...)
	if err != nil {
		return fmt.Errorf("creating VPC: %w", err)
	}
	// The default group lets its members talk to each other and to everyone; adopting it without rules empties it.
	_, err = ec2.NewDefaultSecurityGroup(b.ctx, b.child("default"), &ec2.DefaultSecurityGroupArgs{
		VpcId: vpc.ID(),
		Tags:  b.tags("default"),
	}, b.opts()...)
	if err != nil {
		return fmt.Errorf("emptying default security group: %w", err)
	}
	internet, err := ec2.NewInternetGateway(b.ctx, b.child("internet"), &ec2.InternetGatewayArgs{
		VpcId: vpc.ID(),
		Tags:  b.tags("internet"),
	}, b.opts()...)
	if err != nil {
		return fmt.Errorf("creating internet gateway: %w", err)
	}
	b.vpc, b.internet = vpc, internet
	return nil
}

// exit sets the target of a default route.
type exit func(*ec2.RouteArgs)

func (b *builder) toInternet(route *ec2.RouteArgs) { route.GatewayId = b.internet.ID() }

// tier is one kind of subnet in all zones, with its route tables: one per exit.
type tier struct {
	tables  []*ec2.RouteTable
	subnets []*ec2.Subnet
	ready   [][]any // by zone, ids of what must exist before the subnet can be used
}

// ids are the ids of the subnets, each known when everything that the subnet needs exists.
func (t *tier) ids(alsoReady ...pulumi.IDOutput) []pulumi.StringOutput {
	ids := make([]pulumi.StringOutput, len(t.subnets))
	for i, subnet := range t.subnets {
		wait := append([]any{subnet.ID()}, t.ready[i]...)
		for _, id := range alsoReady {
			wait = append(wait, id)
		}
		ids[i] = pulumi.All(wait...).ApplyT(func(values []any) string {
			return string(values[0].(pulumi.ID))
		}).(pulumi.StringOutput)
	}
	return ids
}

// makeTier makes the subnets of a tier and one route table per exit. With one exit all zones share its table, with one per
// zone each has its own. A nil exit is a table without a default route.
func (b *builder) makeTier(name string, prefixes []netip.Prefix, exits []exit) (*tier, error) {
	t := &tier{}
	// The id of a table is passed on with its default route: a subnet must not move to a table that leads nowhere yet.
	var tableIDs []pulumi.StringOutput
	var routes []*ec2.Route
	for i, exit := range exits {
		suffix := name + "-routes"
		if len(exits) > 1 {
			suffix += "-" + b.zone(i)
		}
		table, route, err := b.makeTable(suffix, exit)
		if err != nil {
			return nil, err
		}
		id := table.ID().ToStringOutput()
		if route != nil {
			id = pulumi.All(table.ID(), route.ID()).ApplyT(func(values []any) string {
				return string(values[0].(pulumi.ID))
			}).(pulumi.StringOutput)
		}
		t.tables, tableIDs, routes = append(t.tables, table), append(tableIDs, id), append(routes, route)
	}
	for i, prefix := range prefixes {
		suffix := name + "-" + b.zone(i)
		subnet, err := ec2.NewSubnet(b.ctx, b.child(suffix), &ec2.SubnetArgs{
			VpcId:               b.vpc.ID(),
			AvailabilityZone:    pulumi.String(b.args.Zones[i]),
			CidrBlock:           pulumi.String(prefix.String()),
			MapPublicIpOnLaunch: pulumi.Bool(false), // load balancers and NAT bring their own addresses
			Tags:                b.tags(suffix),
		}, b.fixed()...)
		if err != nil {
			return nil, fmt.Errorf("creating subnet %s: %w", suffix, err)
		}
		association, err := ec2.NewRouteTableAssociation(b.ctx, b.child(suffix+"-routes"), &ec2.RouteTableAssociationArgs{
			SubnetId:     subnet.ID(),
			RouteTableId: tableIDs[i%len(tableIDs)],
		}, b.opts()...)
		if err != nil {
			return nil, fmt.Errorf("associating subnet %s with its route table: %w", suffix, err)
		}
		ready := []any{association.ID()}
		if route := routes[i%len(routes)]; route != nil {
			ready = append(ready, route.ID())
		}
		t.subnets, t.ready = append(t.subnets, subnet), append(t.ready, ready)
	}
	return t, nil
}

func (b *builder) makeTable(suffix string, exit exit) (*ec2.RouteTable, *ec2.Route, error) {
	table, err := ec2.NewRouteTable(b.ctx, b.child(suffix), &ec2.RouteTableArgs{
		VpcId: b.vpc.ID(),
		Tags:  b.tags(suffix),
	}, b.opts()...)
	if err != nil {
		return nil, nil, fmt.Errorf("creating route table %s: %w", suffix, err)
	}
	if exit == nil {
		return table, nil, nil
	}
	args := &ec2.RouteArgs{RouteTableId: table.ID(), DestinationCidrBlock: pulumi.String(string(Anywhere))}
	exit(args)
	route, err := ec2.NewRoute(b.ctx, b.child(suffix+"-default"), args, b.opts()...)
	if err != nil {
		return nil, nil, fmt.Errorf("creating default route of %s: %w", suffix, err)
	}
	return table, route, nil
}
