package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// makeNAT makes the strategy's way out and returns one exit per private route table, and the ids of the gateways.
func (b *builder) makeNAT(publicIDs []pulumi.StringOutput, group *ec2.SecurityGroup) ([]exit, []pulumi.StringOutput, error) {
	if b.args.NAT == NATByInstance {
		way, err := b.makeNATInstance(publicIDs[0], group)
		return []exit{way}, nil, err
	}
	var exits []exit
	var ids []pulumi.StringOutput
	for i := range b.args.NAT.Gateways(len(b.args.Zones)) {
		gateway, err := b.makeNATGateway(i, publicIDs[i])
		if err != nil {
			return nil, nil, err
		}
		exits = append(exits, func(route *ec2.RouteArgs) { route.NatGatewayId = gateway.ID() })
		ids = append(ids, gateway.ID().ToStringOutput())
	}
	return exits, ids, nil
}

func (b *builder) makeNATGateway(zone int, subnetID pulumi.StringOutput) (*ec2.NatGateway, error) {
	suffix := "nat-" + b.zone(zone)
	address, err := b.makeAddress(suffix, nil)
	if err != nil {
		return nil, err
	}
	gateway, err := ec2.NewNatGateway(b.ctx, b.child(suffix), &ec2.NatGatewayArgs{
		AllocationId:     address.ID(),
		ConnectivityType: pulumi.String("public"),
		SubnetId:         subnetID,
		Tags:             b.tags(suffix),
	}, b.opts()...)
	if err != nil {
		return nil, fmt.Errorf("creating NAT gateway %s: %w", suffix, err)
	}
	return gateway, nil
}

// makeAddress makes an elastic address, of an instance where one is given. AWS wants the internet gateway attached before
// an address is used and detached after it is released.
func (b *builder) makeAddress(suffix string, instance *ec2.Instance) (*ec2.Eip, error) {
	args := &ec2.EipArgs{Domain: pulumi.String("vpc"), Tags: b.tags(suffix)}
	if instance != nil {
		args.Instance = instance.ID()
	}
	address, err := ec2.NewEip(b.ctx, b.child(suffix+"-address"), args, b.opts(pulumi.DependsOn([]pulumi.Resource{b.internet}))...)
	if err != nil {
		return nil, fmt.Errorf("creating elastic address of %s: %w", suffix, err)
	}
	return address, nil
}
