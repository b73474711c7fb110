package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/policy"
	"scalable-backend/internal/role"
)

// newFlowLogs records accepted and rejected connections of the VPC, and returns the log group's name; "" without FlowLogs.
func (b *builder) newFlowLogs() (pulumi.StringOutput, error) {
	none := pulumi.String("").ToStringOutput()
	if !b.args.FlowLogs {
		return none, nil
	}
	const suffix = "flow-logs"
	group, err := b.NewLogGroup(suffix, component.LogGroup{RetentionDays: b.args.LogRetentionDays, KeyARN: b.args.LogsKeyARN})
	if err != nil {
		return none, err
	}
	role, err := b.newFlowLogRole(suffix, group)
	if err != nil {
		return none, err
	}
	_, err = ec2.NewFlowLog(b.Ctx, b.Name(suffix), &ec2.FlowLogArgs{
		VpcId:              b.vpc.ID(),
		TrafficType:        pulumi.String("ALL"),
		LogDestinationType: pulumi.String("cloud-watch-logs"),
		LogDestination:     group.Arn,
		IamRoleArn:         role,
		Tags:               b.Tags(suffix),
	}, b.Options()...)
	if err != nil {
		return none, fmt.Errorf("creating flow log: %w", err)
	}
	return group.Name, nil
}

// newFlowLogRole returns the ARN of the role that writes the logs, known when its policy is attached. The role cannot create
// log groups, so records that arrive during a destroy do not bring the group back.
func (b *builder) newFlowLogRole(suffix string, group *cloudwatch.LogGroup) (pulumi.StringOutput, error) {
	var none pulumi.StringOutput
	writer, err := role.New(b.Builder, suffix, role.Args{
		Service: "vpc-flow-logs.amazonaws.com", Description: "Writes VPC flow logs",
		Trust: []policy.Condition{policy.SourceAccount(b.Stack.AccountID), {
			// The id is not known before the flow log.
			Test: "ArnLike", Key: "aws:SourceArn", Values: policy.Strings(b.Stack.ARN("ec2", "vpc-flow-log/*")),
		}},
	})
	if err != nil {
		return none, err
	}
	document, err := role.NewPolicy(b.Builder, suffix, "Writing VPC flow logs to their log group", policy.JSON(
		policy.Statement{
			Effect:    policy.Allow,
			Actions:   []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
			Resources: []pulumi.StringInput{group.Arn, pulumi.Sprintf("%s:*", group.Arn)}, // one stream per network interface
		},
		policy.Statement{
			Effect:    policy.Allow,
			Actions:   []string{"logs:DescribeLogGroups"},
			Resources: policy.Strings(b.Stack.ARN("logs", "log-group:*")), // the action lists groups and takes no single one
		},
	))
	if err != nil {
		return none, err
	}
	attachment, err := role.NewAttachment(b.Builder, suffix, writer, document.Arn)
	if err != nil {
		return none, err
	}
	return component.After(writer.Arn, attachment.ID()), nil
}
