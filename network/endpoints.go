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

// newS3Endpoint routes S3 past the NAT, from every private subnet. It is free, and it carries most of the traffic.
func (b *builder) newS3Endpoint(private ...*layer) (pulumi.IDOutput, error) {
	var tables pulumi.StringArray
	for _, l := range private {
		for _, table := range l.tables {
			tables = append(tables, table.ID())
		}
	}
	endpoint, err := ec2.NewVpcEndpoint(b.Ctx, b.Name("s3"), &ec2.VpcEndpointArgs{
		VpcId:           b.vpc.ID(),
		ServiceName:     pulumi.String(b.serviceName("s3")),
		VpcEndpointType: pulumi.String("Gateway"),
		RouteTableIds:   tables,
		Policy:          s3EndpointPolicy(b.Stack, b.args.BucketARNs),
		Tags:            b.Tags("s3"),
	}, b.Options()...)
	if err != nil {
		return pulumi.IDOutput{}, fmt.Errorf("creating S3 gateway endpoint: %w", err)
	}
	return endpoint.ID(), nil
}

// s3EndpointPolicy lets the VPC reach the system's buckets, and those from which AWS serves packages and image layers. The
// endpoint carries all S3 traffic of the region, so no other bucket can be reached: stolen credentials cannot be used to copy
// data into somebody else's bucket.
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
	} {
		aws = append(aws, pulumi.String("arn:"+stack.Partition+":s3:::"+bucket+"/*"))
	}
	for _, arn := range stack.AgentBuckets() {
		aws = append(aws, pulumi.String(arn))
	}
	return policy.JSON(
		policy.Statement{
			Sid:        "OwnBuckets",
			Effect:     policy.Allow,
			Principals: []policy.Principal{policy.Everyone()}, // with presigned requests; an endpoint policy grants nothing
			Actions:    []string{"s3:*"},                      // the roles' policies decide what may be done; this one, with which buckets
			Resources:  own,
		},
		policy.Statement{
			Sid:        "PackagesAndImageLayers",
			Effect:     policy.Allow,
			Principals: []policy.Principal{policy.Everyone()}, // dnf is anonymous; layers are presigned by accounts of ECR
			Actions:    []string{"s3:GetObject"},
			Resources:  aws,
		},
	)
}

// newInterfaceEndpoints creates one endpoint for each service, with an interface in each subnet of the clients layer: an
// endpoint takes one subnet of a zone, and its private name resolves in the whole VPC.
func (b *builder) newInterfaceEndpoints(clients *layer) error {
	for _, service := range b.args.InterfaceEndpoints {
		suffix := "endpoint-" + strings.ReplaceAll(service, ".", "-")
		var subnets pulumi.StringArray
		for _, subnet := range clients.subnets {
			subnets = append(subnets, subnet.ID())
		}
		args := &ec2.VpcEndpointArgs{
			VpcId:             b.vpc.ID(),
			ServiceName:       pulumi.String(b.serviceName(service)),
			VpcEndpointType:   pulumi.String("Interface"),
			PrivateDnsEnabled: pulumi.Bool(true),
			SubnetIds:         subnets,
			SecurityGroupIds:  pulumi.StringArray{b.securityGroupID(Endpoints)},
			Tags:              b.Tags(suffix),
		}
		if !slices.Contains(withoutPolicy, service) {
			args.Policy = interfaceEndpointPolicy(b.Stack)
		}
		if _, err := ec2.NewVpcEndpoint(b.Ctx, b.Name(suffix), args, b.Options()...); err != nil {
			return fmt.Errorf("creating interface endpoint %s: %w", service, err)
		}
	}
	return nil
}

// withoutPolicy are the services whose endpoints take no policy: AWS refuses to create one with it.
var withoutPolicy = []string{"ecs", "ecs-agent", "ecs-telemetry"}

// interfaceEndpointPolicy admits identities of the stack's own account only: with credentials of another account nobody can
// move data out through the endpoint.
func interfaceEndpointPolicy(stack stack.Info) pulumi.StringOutput {
	return policy.JSON(policy.Statement{
		Sid:        "OwnAccount",
		Effect:     policy.Allow,
		Principals: []policy.Principal{policy.Everyone()}, // of the account, by the condition; an endpoint policy grants nothing
		Actions:    []string{"*"},                         // the roles' policies decide what may be done
		Resources:  policy.Strings("*"),
		Conditions: []policy.Condition{{Test: "StringEquals", Key: "aws:PrincipalAccount", Values: policy.Strings(stack.AccountID)}},
	})
}

// chinese are the services whose interface endpoints begin with the partition's own domain in China, in both its regions. Those of
// the others, and the gateway endpoint of S3, are named as everywhere. `aws ec2 describe-vpc-endpoint-services` lists them; AWS's CDK
// keeps the same list (InterfaceVpcEndpointAwsService), where it was read.
var chinese = []string{"ec2", "ecr.api", "ecr.dkr", "elasticfilesystem", "monitoring", "sts"}

// serviceName is the name of an AWS service in an endpoint.
func (b *builder) serviceName(name string) string {
	domain := "com.amazonaws."
	if b.Stack.Partition == "aws-cn" && slices.Contains(chinese, name) {
		domain = "cn." + domain
	}
	return domain + b.Stack.Region + "." + name
}
