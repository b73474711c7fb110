package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// nat is how the private subnets reach the internet.
type nat struct {
	targets   []routeTarget         // one for all zones, or one for each
	gateways  []pulumi.StringOutput // ids; none with an instance
	addresses []pulumi.StringOutput // public addresses
}

// newNAT creates what Args.NAT chooses, in the public subnets.
func (b *builder) newNAT(publicIDs []pulumi.StringOutput) (*nat, error) {
	if b.args.NAT == NATByInstance {
		return b.newNATInstance(publicIDs[0])
	}
	n := &nat{}
	for i := range b.args.NAT.Gateways(len(b.args.Zones)) {
		gateway, err := b.newNATGateway(i, publicIDs[i])
		if err != nil {
			return nil, err
		}
		n.targets = append(n.targets, func(route *ec2.RouteArgs) { route.NatGatewayId = gateway.ID() })
		n.gateways = append(n.gateways, gateway.ID().ToStringOutput())
		n.addresses = append(n.addresses, gateway.PublicIp)
	}
	return n, nil
}

func (b *builder) newNATGateway(zone int, subnetID pulumi.StringOutput) (*ec2.NatGateway, error) {
	suffix := "nat-" + b.zone(zone)
	address, err := b.newAddress(suffix, nil)
	if err != nil {
		return nil, err
	}
	gateway, err := ec2.NewNatGateway(b.Ctx, b.Name(suffix), &ec2.NatGatewayArgs{
		AllocationId:     address.ID(),
		ConnectivityType: pulumi.String("public"),
		SubnetId:         subnetID,
		Tags:             b.Tags(suffix),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating NAT gateway %s: %w", suffix, err)
	}
	return gateway, nil
}

// newAddress creates an elastic IP address, for an instance unless it is nil. AWS wants the internet gateway to be attached
// before an address is used, and detached after it is released.
func (b *builder) newAddress(suffix string, instance *ec2.Instance) (*ec2.Eip, error) {
	args := &ec2.EipArgs{Domain: pulumi.String("vpc"), Tags: b.Tags(suffix)}
	if instance != nil {
		args.Instance = instance.ID()
	}
	address, err := ec2.NewEip(b.Ctx, b.Name(suffix+"-address"), args, b.Options(pulumi.DependsOn([]pulumi.Resource{b.internetGateway}))...)
	if err != nil {
		return nil, fmt.Errorf("creating elastic IP address of %s: %w", suffix, err)
	}
	return address, nil
}
