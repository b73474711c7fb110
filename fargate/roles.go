package fargate

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/policy"
	"scalable-backend/internal/role"
)

// roles are two: ECS starts a task with the execution role, the agent itself has the task role only.
type roles struct {
	execution, task *iam.Role
	attachments     []pulumi.Resource
}

func (t *tier) newRoles(logs *cloudwatch.LogGroup) (*roles, error) {
	r := &roles{}
	var err error
	if r.execution, err = t.newRole("execution", "Starts the agents' tasks: image and logs"); err != nil {
		return nil, err
	}
	if r.task, err = t.newRole("task", "What an agent calls"); err != nil {
		return nil, err
	}
	err = t.attach(r, r.execution, "execution", "Pulls the agents' image and writes their logs", policy.JSON(
		policy.Statement{
			Sid:       "PullImage",
			Effect:    policy.Allow,
			Actions:   []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
			Resources: []pulumi.StringInput{t.args.RepositoryARN},
		},
		policy.Statement{
			Sid:       "RegistryLogin",
			Effect:    policy.Allow,
			Actions:   []string{"ecr:GetAuthorizationToken"},
			Resources: policy.Strings("*"), // the action has no resource: the token is the account's
		},
		policy.Statement{
			Sid:       "Logs",
			Effect:    policy.Allow,
			Actions:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources: []pulumi.StringInput{pulumi.Sprintf("%s:*", logs.Arn)}, // every stream of this one group
		},
	))
	if err != nil {
		return nil, err
	}
	return r, nil
}

// newRole makes a role that ECS assumes for tasks of this account and region only.
func (t *tier) newRole(suffix, description string) (*iam.Role, error) {
	return role.New(t.ctx, t.name+"-"+suffix, role.Args{
		Stack: t.args.Stack, Tier: "fargate", Service: "ecs-tasks.amazonaws.com", Description: description,
		Trust: []policy.Condition{
			policy.SourceAccount(t.args.Stack.AccountID),
			// Any cluster: the task's own ARN is not known when the role is made.
			{Test: "ArnLike", Key: "aws:SourceArn", Values: policy.Strings(t.args.Stack.ARN("ecs", "*"))},
		},
	}, t.child)
}

func (t *tier) attach(r *roles, role *iam.Role, suffix, description string, document pulumi.StringInput) error {
	p, err := iam.NewPolicy(t.ctx, t.name+"-"+suffix, &iam.PolicyArgs{
		Description: pulumi.String(description),
		Policy:      document,
		Tags:        t.tags(suffix),
	}, t.child)
	if err != nil {
		return fmt.Errorf("creating policy %s of the agents: %w", suffix, err)
	}
	attached, err := iam.NewRolePolicyAttachment(t.ctx, t.name+"-"+suffix, &iam.RolePolicyAttachmentArgs{
		Role:      role.Name,
		PolicyArn: p.Arn,
	}, t.child)
	if err != nil {
		return fmt.Errorf("attaching policy %s of the agents: %w", suffix, err)
	}
	r.attachments = append(r.attachments, attached)
	return nil
}

// allowTask lets an agent call its methods of the API and, with persistent storage, use its access point. That is all: files
// come by presigned URLs, which need no permission of the agent's.
func (t *tier) allowTask(r *roles, files *files) error {
	document := pulumi.All(t.args.MethodARNs, files.fileSystemARN, files.accessPointARN).
		ApplyT(func(values []any) (string, error) {
			return taskPolicy(values[0].([]string), values[1].(string), values[2].(string))
		}).(pulumi.StringOutput)
	return t.attach(r, r.task, "task", "Calls the API's agent methods", document)
}

// taskPolicy is the task role's policy; fileSystem and accessPoint are empty without persistent storage.
func taskPolicy(methods []string, fileSystem, accessPoint string) (string, error) {
	if len(methods) == 0 {
		return "", errors.New("fargate.Args.MethodARNs: want at least one method")
	}
	document := policy.Document{Version: policy.Version, Statement: []policy.ResolvedStatement{{
		Sid: "CallAPI", Effect: policy.Allow, Action: []string{"execute-api:Invoke"}, Resource: methods,
	}}}
	if fileSystem != "" {
		document.Statement = append(document.Statement, policy.ResolvedStatement{
			Sid:      "Files",
			Effect:   policy.Allow,
			Action:   []string{"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"},
			Resource: []string{fileSystem},
			Condition: map[string]map[string][]string{
				"StringEquals": {"elasticfilesystem:AccessPointArn": {accessPoint}},
			},
		})
	}
	text, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("encoding policy of the agents: %w", err)
	}
	return string(text), nil
}
