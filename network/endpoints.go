package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/policy"
	"scalable-backend/internal/stack"
)

// makeS3Endpoint routes S3 past the NAT, from every private subnet. It is free, and it carries the bulk of the traffic.
func (b *builder) makeS3Endpoint(private ...*tier) (pulumi.IDOutput, error) {
	var tables pulumi.StringArray
	for _, t := range private {
		for _, table := range t.tables {
			tables = append(tables, table.ID())
		}
	}
	endpoint, err := ec2.NewVpcEndpoint(b.ctx, b.child("s3"), &ec2.VpcEndpointArgs{
		VpcId:           b.vpc.ID(),
		ServiceName:     pulumi.String(b.service("s3")),
		VpcEndpointType: pulumi.String("Gateway"),
		RouteTableIds:   tables,
		Policy:          s3EndpointPolicy(b.args.Stack, b.args.BucketARNs),
		Tags:            b.tags("s3"),
	}, b.opts()...)
	if err != nil {
		return pulumi.IDOutput{}, fmt.Errorf("creating S3 gateway endpoint: %w", err)
	}
	return endpoint.ID(), nil
}

// s3EndpointPolicy lets the VPC reach the system's buckets and the ones that AWS serves packages and image layers from. The
// endpoint carries all S3 traffic of the region, so everything else in S3 is out of reach: stolen credentials cannot be used
// to copy data into a foreign bucket.
func s3EndpointPolicy(stack stack.Info, buckets []pulumi.StringInput) pulumi.StringOutput {
	var own []pulumi.StringInput
	for _, arn := range buckets {
		own = append(own, arn, pulumi.Sprintf("%s/*", arn))
	}
	var aws []pulumi.StringInput
	for _, bucket := range []string{
		"prod-" + stack.Region + "-starport-layer-bucket", // layers of ECR images
		"al2023-repos-" + stack.Region + "-de612dc2",      // packages of Amazon Linux
		"al2023-" + stack.Region,                          // their mirror list
		"aws-ssm-" + stack.Region,                         // Systems Manager agent
		"amazon-ssm-" + stack.Region,                      // its updates
		"patch-baseline-snapshot-" + stack.Region,         // its patch baselines
		"amazoncloudwatch-agent-" + stack.Region,          // CloudWatch agent
	} {
		aws = append(aws, pulumi.String("arn:"+stack.Partition+":s3:::"+bucket+"/*"))
	}
	return policy.JSON(
		policy.Statement{
			Sid:        "OwnBuckets",
			Effect:     policy.Allow,
			Principals: []policy.Principal{policy.Everyone()}, // presigned requests included; an endpoint policy grants nothing
			Actions:    []string{"s3:*"},                      // what may be done is for the roles to say, where to is said here
			Resources:  own,
		},
		policy.Statement{
			Sid:        "PackagesAndImageLayers",
			Effect:     policy.Allow,
			Principals: []policy.Principal{policy.Everyone()}, // dnf is anonymous, layers are presigned by accounts of ECR
			Actions:    []string{"s3:GetObject"},
			Resources:  aws,
		},
	)
}

// makeInterfaceEndpoints puts one interface per service and zone into the clients tier: an endpoint takes one subnet of a
// zone, and its private name answers in the whole VPC.
func (b *builder) makeInterfaceEndpoints(clients *tier) error {
	for _, service := range b.args.InterfaceEndpoints {
		suffix := "endpoint-" + strings.ReplaceAll(service, ".", "-")
		var subnets pulumi.StringArray
		for _, subnet := range clients.subnets {
			subnets = append(subnets, subnet.ID())
		}
		args := &ec2.VpcEndpointArgs{
			VpcId:             b.vpc.ID(),
			ServiceName:       pulumi.String(b.service(service)),
			VpcEndpointType:   pulumi.String("Interface"),
			PrivateDnsEnabled: pulumi.Bool(true),
			SubnetIds:         subnets,
			SecurityGroupIds:  pulumi.StringArray{b.groupID(Endpoints)},
			Tags:              b.tags(suffix),
		}
		if !slices.Contains(withoutPolicy, service) {
			args.Policy = interfaceEndpointPolicy(b.args.Stack)
		}
		if _, err := ec2.NewVpcEndpoint(b.ctx, b.child(suffix), args, b.opts()...); err != nil {
			return fmt.Errorf("creating interface endpoint %s: %w", service, err)
		}
	}
	return nil
}

// withoutPolicy are the services whose endpoints take no policy: AWS refuses to create one with it.
var withoutPolicy = []string{"ecs", "ecs-agent", "ecs-telemetry"}

// interfaceEndpointPolicy lets identities of the stack's own account through and nobody else: credentials of another account
// that somebody brings along cannot carry data out by the endpoint.
func interfaceEndpointPolicy(stack stack.Info) pulumi.StringOutput {
	return policy.JSON(policy.Statement{
		Sid:        "OwnAccount",
		Effect:     policy.Allow,
		Principals: []policy.Principal{policy.Everyone()}, // of the account, says the condition; an endpoint policy grants nothing
		Actions:    []string{"*"},                         // what may be done is for the roles to say
		Resources:  policy.Strings("*"),
		Conditions: []policy.Condition{{Test: "StringEquals", Key: "aws:PrincipalAccount", Values: policy.Strings(stack.AccountID)}},
	})
}

func (b *builder) service(name string) string {
	return "com.amazonaws." + b.args.Stack.Region + "." + name
}
