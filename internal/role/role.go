// Package role makes IAM roles. Every role of the program is made here, so that none can miss what a stack demands of all of
// them: the permissions boundary, the tags, and a trust policy for one service.
package role

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/policy"
	"scalable-backend/internal/stack"
)

// Args describe a role that one AWS service assumes.
type Args struct {
	Stack       stack.Info
	Tier        string // for the tags
	Service     string // e.g. "ec2.amazonaws.com"
	Description string
	// Trust limits on whose behalf the service may assume the role. Only conditions that the service documents: with any
	// other the role cannot be assumed at all.
	Trust []policy.Condition
}

// New creates a role without permissions; policies are attached to it one by one, never inline.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*iam.Role, error) {
	inputs := &iam.RoleArgs{
		Description:      pulumi.String(args.Description),
		AssumeRolePolicy: policy.AssumeRole(args.Service, args.Trust...),
		Tags:             args.Stack.Tags(args.Tier, name),
	}
	if boundary := args.Stack.PermissionsBoundaryARN; boundary != "" {
		inputs.PermissionsBoundary = pulumi.String(boundary)
	}
	role, err := iam.NewRole(ctx, name, inputs, opts...)
	if err != nil {
		return nil, fmt.Errorf("creating role %s: %w", name, err)
	}
	return role, nil
}
