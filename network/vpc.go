package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

// builder creates the children of the component.
type builder struct {
	*component.Builder
	args *Args
	plan Subnets

	vpc             *ec2.Vpc
	internetGateway *ec2.InternetGateway
	groups          map[Peer]*ec2.SecurityGroup
	rules           map[Peer][]any // by group: ids of the rules that have to exist before something in it starts
}

// zone is the short name of a zone, "a" for "eu-central-1a": resources of a zone keep their names when zones are added.
func (b *builder) zone(index int) string {
	return strings.TrimPrefix(strings.TrimPrefix(b.args.Zones[index], b.Stack.Region), "-")
}

// permanent are the options of the VPC and its subnets. Nothing can move to another VPC or leave a subnet while Pulumi takes it
// away (https://github.com/hashicorp/terraform-provider-aws/issues/27459), so an update that wants to would end halfway.
func (b *builder) permanent() []pulumi.ResourceOption { return b.Options(b.Protect()) }

func (b *builder) newVPC() error {
	vpc, err := ec2.NewVpc(b.Ctx, b.Name("vpc"), &ec2.VpcArgs{
		CidrBlock:          pulumi.String(b.args.CIDR),
		EnableDnsSupport:   pulumi.Bool(true),
		EnableDnsHostnames: pulumi.Bool(true), // private names of interface endpoints need both
		Tags:               b.Tags("vpc"),
	}, b.permanent()...)
	if err != nil {
		return fmt.Errorf("creating VPC: %w", err)
	}
	// The default group of a VPC allows traffic between its members and to everyone; managed here without rules, it has none.
	_, err = ec2.NewDefaultSecurityGroup(b.Ctx, b.Name("default"), &ec2.DefaultSecurityGroupArgs{
		VpcId: vpc.ID(),
		Tags:  b.Tags("default"),
	}, b.Options()...)
	if err != nil {
		return fmt.Errorf("taking the rules from the default security group: %w", err)
	}
	gateway, err := ec2.NewInternetGateway(b.Ctx, b.Name("internet"), &ec2.InternetGatewayArgs{
		VpcId: vpc.ID(),
		Tags:  b.Tags("internet"),
	}, b.Options()...)
	if err != nil {
		return fmt.Errorf("creating internet gateway: %w", err)
	}
	b.vpc, b.internetGateway = vpc, gateway
	return nil
}

// routeTarget sets where a default route leads.
type routeTarget func(*ec2.RouteArgs)

func (b *builder) toInternetGateway(route *ec2.RouteArgs) { route.GatewayId = b.internetGateway.ID() }

// layer is the subnets of one purpose, one in each zone, with their route tables: one for each target of a default route.
type layer struct {
	tables  []*ec2.RouteTable
	subnets []*ec2.Subnet
	ready   [][]any // by zone: ids of what has to exist before the subnet can be used
}

// ids are the ids of the subnets, each known when everything that the subnet needs exists.
func (l *layer) ids(alsoReady ...pulumi.IDOutput) []pulumi.StringOutput {
	ids := make([]pulumi.StringOutput, len(l.subnets))
	for i, subnet := range l.subnets {
		ready := slices.Clone(l.ready[i])
		for _, id := range alsoReady {
			ready = append(ready, id)
		}
		ids[i] = component.After(subnet.ID(), ready...)
	}
	return ids
}

// newLayer creates the subnets of a layer, and a route table for each target. With one target all zones share its table, with
// one for each zone every zone has a table of its own. A nil target is a table without a default route.
func (b *builder) newLayer(name string, prefixes []netip.Prefix, targets []routeTarget) (*layer, error) {
	l := &layer{}
	// A table's id is known when its default route exists: a subnet must not move to a table that leads nowhere yet.
	var tableIDs []pulumi.StringOutput
	var routes []*ec2.Route
	for i, target := range targets {
		suffix := name + "-routes"
		if len(targets) > 1 {
			suffix += "-" + b.zone(i)
		}
		table, route, err := b.newRouteTable(suffix, target)
		if err != nil {
			return nil, err
		}
		id := table.ID().ToStringOutput()
		if route != nil {
			id = component.After(table.ID(), route.ID())
		}
		l.tables, tableIDs, routes = append(l.tables, table), append(tableIDs, id), append(routes, route)
	}
	for i, prefix := range prefixes {
		suffix := name + "-" + b.zone(i)
		subnet, err := ec2.NewSubnet(b.Ctx, b.Name(suffix), &ec2.SubnetArgs{
			VpcId:               b.vpc.ID(),
			AvailabilityZone:    pulumi.String(b.args.Zones[i]),
			CidrBlock:           pulumi.String(prefix.String()),
			MapPublicIpOnLaunch: pulumi.Bool(false), // load balancers and NAT bring their own addresses
			Tags:                b.Tags(suffix),
		}, b.permanent()...)
		if err != nil {
			return nil, fmt.Errorf("creating subnet %s: %w", suffix, err)
		}
		association, err := ec2.NewRouteTableAssociation(b.Ctx, b.Name(suffix+"-routes"), &ec2.RouteTableAssociationArgs{
			SubnetId:     subnet.ID(),
			RouteTableId: tableIDs[i%len(tableIDs)],
		}, b.Options()...)
		if err != nil {
			return nil, fmt.Errorf("associating subnet %s with its route table: %w", suffix, err)
		}
		ready := []any{association.ID()}
		if route := routes[i%len(routes)]; route != nil {
			ready = append(ready, route.ID())
		}
		l.subnets, l.ready = append(l.subnets, subnet), append(l.ready, ready)
	}
	return l, nil
}

// newRouteTable creates a route table and, unless target is nil, its default route.
func (b *builder) newRouteTable(suffix string, target routeTarget) (*ec2.RouteTable, *ec2.Route, error) {
	table, err := ec2.NewRouteTable(b.Ctx, b.Name(suffix), &ec2.RouteTableArgs{
		VpcId: b.vpc.ID(),
		Tags:  b.Tags(suffix),
	}, b.Options()...)
	if err != nil {
		return nil, nil, fmt.Errorf("creating route table %s: %w", suffix, err)
	}
	if target == nil {
		return table, nil, nil
	}
	args := &ec2.RouteArgs{RouteTableId: table.ID(), DestinationCidrBlock: pulumi.String(string(Anywhere))}
	target(args)
	route, err := ec2.NewRoute(b.Ctx, b.Name(suffix+"-default"), args, b.Options()...)
	if err != nil {
		return nil, nil, fmt.Errorf("creating default route of %s: %w", suffix, err)
	}
	return table, route, nil
}
