package fargate

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/container"
	"scalable-backend/internal/policy"
	"scalable-backend/internal/role"
)

// roles are two: with the execution role ECS starts a task, and the task role is all that the agent itself has.
type roles struct {
	execution, task *iam.Role
	attachments     []pulumi.Resource
}

// newRoles creates both roles, and the permissions of the execution role.
func (b *builder) newRoles(logs *cloudwatch.LogGroup) (*roles, error) {
	r := &roles{}
	var err error
	if r.execution, err = b.newRole("execution", "Starts the agents' tasks: image and logs"); err != nil {
		return nil, err
	}
	if r.task, err = b.newRole("task", "What an agent calls"); err != nil {
		return nil, err
	}
	statements := []policy.Statement{
		{
			Sid:       "PullImage",
			Effect:    policy.Allow,
			Actions:   []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
			Resources: []pulumi.StringInput{b.args.RepositoryARN},
		},
		{
			Sid:       "RegistryLogin",
			Effect:    policy.Allow,
			Actions:   []string{"ecr:GetAuthorizationToken"},
			Resources: policy.Strings("*"), // the action has no resource: the token is the account's
		},
		{
			Sid:       "Logs",
			Effect:    policy.Allow,
			Actions:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resources: []pulumi.StringInput{pulumi.Sprintf("%s:*", logs.Arn)}, // every stream of this one group
		},
	}
	if arns := container.SecretARNs(b.args.Program.Secrets); len(arns) > 0 {
		statements = append(statements, policy.Statement{
			Sid:       "ProgramSecrets",
			Effect:    policy.Allow,
			Actions:   []string{"secretsmanager:GetSecretValue"},
			Resources: policy.Strings(arns...),
		})
	}
	err = b.newPermissions(r, r.execution, "execution", "Pulls the agents' image and writes their logs", policy.JSON(statements...))
	if err != nil {
		return nil, err
	}
	return r, nil
}

// newRole creates a role that ECS assumes for tasks of this account and region only.
func (b *builder) newRole(suffix, description string) (*iam.Role, error) {
	return role.New(b.Builder, suffix, role.Args{
		Service: "ecs-tasks.amazonaws.com", Description: description,
		Trust: []policy.Condition{
			policy.SourceAccount(b.Stack.AccountID),
			// Any cluster: the task's own ARN is not known when the role is created.
			{Test: "ArnLike", Key: "aws:SourceArn", Values: policy.Strings(b.Stack.ARN("ecs", "*"))},
		},
	})
}

// newPermissions creates a policy and attaches it to a role.
func (b *builder) newPermissions(r *roles, to *iam.Role, suffix, description string, document pulumi.StringInput) error {
	created, err := role.NewPolicy(b.Builder, suffix, description, document)
	if err != nil {
		return err
	}
	attachment, err := role.NewAttachment(b.Builder, suffix, to, created.Arn)
	if err != nil {
		return err
	}
	r.attachments = append(r.attachments, attachment)
	return nil
}

// newTaskPermissions lets an agent call its methods of the API and, with PersistentStorage, use its access point. That is all:
// files come by presigned URLs, for which an agent needs no permission.
func (b *builder) newTaskPermissions(r *roles, files *files) error {
	document := pulumi.All(b.args.MethodARNs, files.fileSystemARN, files.accessPointARN).
		ApplyT(func(values []any) (string, error) {
			return taskPolicy(values[0].([]string), values[1].(string), values[2].(string))
		}).(pulumi.StringOutput)
	return b.newPermissions(r, r.task, "task", "Calls the API's agent methods", document)
}

// taskPolicy is the task role's policy; fileSystem and accessPoint are "" without PersistentStorage.
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
