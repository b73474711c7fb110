package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/policy"
	"scalable-backend/internal/role"
)

// makeFlowLogs records accepted and rejected connections of the VPC, and returns the log group's name, "" without them.
func (b *builder) makeFlowLogs() (pulumi.StringOutput, error) {
	none := pulumi.String("").ToStringOutput()
	if !b.args.FlowLogs {
		return none, nil
	}
	const suffix = "flow-logs"
	group, err := cloudwatch.NewLogGroup(b.ctx, b.child(suffix), &cloudwatch.LogGroupArgs{
		RetentionInDays: pulumi.Int(b.args.LogRetentionDays),
		KmsKeyId:        b.args.LogsKeyARN.ToStringOutput(),
		Tags:            b.tags(suffix),
	}, b.opts()...)
	if err != nil {
		return none, fmt.Errorf("creating log group of flow logs: %w", err)
	}
	role, err := b.makeFlowLogRole(suffix, group)
	if err != nil {
		return none, err
	}
	_, err = ec2.NewFlowLog(b.ctx, b.child(suffix), &ec2.FlowLogArgs{
		VpcId:              b.vpc.ID(),
		TrafficType:        pulumi.String("ALL"),
		LogDestinationType: pulumi.String("cloud-watch-logs"),
		LogDestination:     group.Arn,
		IamRoleArn:         role,
		Tags:               b.tags(suffix),
	}, b.opts()...)
	if err != nil {
		return none, fmt.Errorf("creating flow log: %w", err)
	}
	return group.Name, nil
}

// makeFlowLogRole returns the ARN of the role that writes the logs, known when its policy is attached. The role cannot create
// log groups, so records that arrive during a destroy do not bring the group back.
func (b *builder) makeFlowLogRole(suffix string, group *cloudwatch.LogGroup) (pulumi.StringOutput, error) {
	var none pulumi.StringOutput
	stack := b.args.Stack
	writer, err := role.New(b.ctx, b.child(suffix), role.Args{
		Stack: stack, Tier: "network", Service: "vpc-flow-logs.amazonaws.com", Description: "Writes VPC flow logs",
		Trust: []policy.Condition{policy.SourceAccount(stack.AccountID), {
			Test: "ArnLike", Key: "aws:SourceArn", Values: policy.Strings(stack.ARN("ec2", "vpc-flow-log/*")), // the id is not known before the log
		}},
	}, b.opts()...)
	if err != nil {
		return none, err
	}
	document, err := iam.NewPolicy(b.ctx, b.child(suffix), &iam.PolicyArgs{
		Description: pulumi.String("Writing VPC flow logs to their log group"),
		Policy: policy.JSON(
			policy.Statement{
				Effect:    policy.Allow,
				Actions:   []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
				Resources: []pulumi.StringInput{group.Arn, pulumi.Sprintf("%s:*", group.Arn)}, // one stream per network interface
			},
			policy.Statement{
				Effect:    policy.Allow,
				Actions:   []string{"logs:DescribeLogGroups"},
				Resources: policy.Strings(stack.ARN("logs", "log-group:*")), // the action lists groups and takes no single one
			},
		),
		Tags: b.tags(suffix),
	}, b.opts()...)
	if err != nil {
		return none, fmt.Errorf("creating policy of flow logs: %w", err)
	}
	attachment, err := iam.NewRolePolicyAttachment(b.ctx, b.child(suffix), &iam.RolePolicyAttachmentArgs{
		Role:      writer.Name,
		PolicyArn: document.Arn,
	}, b.opts()...)
	if err != nil {
		return none, fmt.Errorf("attaching policy of flow logs: %w", err)
	}
	return pulumi.All(writer.Arn, attachment.ID()).ApplyT(func(values []any) string {
		return values[0].(string)
	}).(pulumi.StringOutput), nil
}
