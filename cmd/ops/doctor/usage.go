package doctor

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
)

// networkQuotas are those of what the VPC is made of. Nothing of it scales.
func (s *subject) networkQuotas() []quota {
	perZone := map[string]float64{}
	for _, nat := range s.plan.of("aws:ec2/natGateway:NatGateway") {
		perZone[nat.text("subnetId")]++ // one public subnet in each zone
	}
	var gateways float64
	for _, n := range perZone {
		gateways = max(gateways, n)
	}
	out := []quota{
		{name: "VPCs", service: "vpc", code: "L-F678F1CE", begin: 1, most: 1, used: otherVPCs},
		{name: "security group rules", service: "vpc", code: "L-0EA8095F", begin: s.rules(), most: s.rules(), used: noOthers},
	}
	if n := float64(len(s.plan.of(addressToken))); n > 0 {
		out = append(out, quota{name: "elastic IPs", service: "ec2", code: "L-0263D0A3", begin: n, most: n, used: otherAddresses})
	}
	if gateways > 0 {
		out = append(out, quota{
			name: "NAT gateways per zone", service: "vpc", code: "L-FE5A380F", begin: gateways, most: gateways, used: otherGateways,
		})
	}
	return out
}

const (
	addressToken = "aws:ec2/eip:Eip"
	gatewayToken = "aws:ec2/natGateway:NatGateway"
)

// rules is the most that one security group has in one direction.
func (s *subject) rules() float64 {
	count, most := map[string]float64{}, 0.0
	for _, token := range []string{"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
		"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"} {
		for _, r := range s.plan.of(token) {
			key := token + r.text("securityGroupId")
			count[key]++
			most = max(most, count[key])
		}
	}
	return most
}

// noOthers is for what the stack alone has: rules are counted in each of its own groups.
func noOthers(context.Context, *subject) (float64, error) { return 0, nil }

func otherVPCs(ctx context.Context, s *subject) (float64, error) {
	n := 0
	pages := ec2.NewDescribeVpcsPaginator(ec2.NewFromConfig(*s.aws), &ec2.DescribeVpcsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		n += len(page.Vpcs)
	}
	return float64(n - s.state.count("aws:ec2/vpc:Vpc")), nil
}

func otherAddresses(ctx context.Context, s *subject) (float64, error) {
	found, err := ec2.NewFromConfig(*s.aws).DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})
	if err != nil {
		return 0, err
	}
	return float64(len(found.Addresses) - s.state.count(addressToken)), nil
}

// otherGateways is the most that one of the stack's zones has besides the stack's own.
func otherGateways(ctx context.Context, s *subject) (float64, error) {
	_, zones, err := s.zones(ctx)
	if err != nil {
		return 0, err
	}
	zoneOf := map[string]string{}
	client := ec2.NewFromConfig(*s.aws)
	subnets := ec2.NewDescribeSubnetsPaginator(client, &ec2.DescribeSubnetsInput{
		Filters: []ec2types.Filter{{Name: aws.String("availability-zone"), Values: zones}},
	})
	for subnets.HasMorePages() {
		page, err := subnets.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, subnet := range page.Subnets {
			zoneOf[aws.ToString(subnet.SubnetId)] = aws.ToString(subnet.AvailabilityZone)
		}
	}
	count, most := map[string]float64{}, 0.0
	gateways := ec2.NewDescribeNatGatewaysPaginator(client, &ec2.DescribeNatGatewaysInput{
		Filter: []ec2types.Filter{{Name: aws.String("state"), Values: []string{"pending", "available", "deleting"}}}, // these count
	})
	for gateways.HasMorePages() {
		page, err := gateways.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, nat := range page.NatGateways {
			zone := zoneOf[aws.ToString(nat.SubnetId)]
			if zone == "" || s.state.owns(gatewayToken, aws.ToString(nat.NatGatewayId)) {
				continue
			}
			count[zone]++
			most = max(most, count[zone])
		}
	}
	return most, nil
}

// usage is the newest value of a quota's own metric, with what the stack itself uses. A metric without values means that nothing is used.
func (s *subject) usage(ctx context.Context, metric *types.MetricInfo) (float64, error) {
	statistic := cwtypes.Statistic(aws.ToString(metric.MetricStatisticRecommendation))
	if statistic == "" {
		statistic = cwtypes.StatisticMaximum
	}
	in := &cloudwatch.GetMetricStatisticsInput{
		Namespace: metric.MetricNamespace, MetricName: metric.MetricName, Statistics: []cwtypes.Statistic{statistic},
		StartTime: aws.Time(s.env.Now().Add(-time.Hour)), EndTime: aws.Time(s.env.Now()), Period: aws.Int32(3600),
	}
	for name, value := range metric.MetricDimensions {
		in.Dimensions = append(in.Dimensions, cwtypes.Dimension{Name: aws.String(name), Value: aws.String(value)})
	}
	found, err := cloudwatch.NewFromConfig(*s.aws).GetMetricStatistics(ctx, in)
	if err != nil {
		return 0, err
	}
	var most float64
	for _, point := range found.Datapoints {
		for _, value := range []*float64{point.Maximum, point.Average, point.Sum, point.Minimum, point.SampleCount} {
			if value != nil {
				most = max(most, *value)
				break
			}
		}
	}
	return most, nil
}
