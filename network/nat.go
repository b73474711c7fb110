package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ways are how the private subnets get out: one exit per private route table.
type ways struct {
	exits     []exit
	gateways  []pulumi.StringOutput // ids, none with an instance
	addresses []pulumi.StringOutput // as the internet sees them
}

// makeNAT makes the strategy's ways out.
func (b *builder) makeNAT(publicIDs []pulumi.StringOutput) (*ways, error) {
	if b.args.NAT == NATByInstance {
		return b.makeNATInstance(publicIDs[0])
	}
	w := &ways{}
	for i := range b.args.NAT.Gateways(len(b.args.Zones)) {
		gateway, err := b.makeNATGateway(i, publicIDs[i])
		if err != nil {
			return nil, err
		}
		w.exits = append(w.exits, func(route *ec2.RouteArgs) { route.NatGatewayId = gateway.ID() })
		w.gateways = append(w.gateways, gateway.ID().ToStringOutput())
		w.addresses = append(w.addresses, gateway.PublicIp)
	}
	return w, nil
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
