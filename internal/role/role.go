// Package role makes IAM roles, and attaches policies to them. Every role of the program is made here, so that none can miss
// what a stack demands of all of them: the permissions boundary, the tags, and a trust policy for one service.
package role

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/policy"
)

// Args describe a role that one AWS service assumes.
type Args struct {
	Service     string // e.g. "ec2.amazonaws.com"
	Description string // what the role is for
	// Trust limits on whose behalf the service may assume the role; nil for no limit. Only conditions that the service
	// documents: with any other the role cannot be assumed at all.
	Trust []policy.Condition
}

// New creates a role without permissions; policies are attached to it one by one, never inline.
func New(b *component.Builder, suffix string, args Args, opts ...pulumi.ResourceOption) (*iam.Role, error) {
	inputs := &iam.RoleArgs{
		Description:      pulumi.String(args.Description),
		AssumeRolePolicy: policy.AssumeRole(args.Service, args.Trust...),
		Tags:             b.Tags(suffix),
	}
	if boundary := b.Stack.PermissionsBoundaryARN; boundary != "" {
		inputs.PermissionsBoundary = pulumi.String(boundary)
	}
	role, err := iam.NewRole(b.Ctx, b.Name(suffix), inputs, b.Options(opts...)...)
	if err != nil {
		return nil, fmt.Errorf("creating role %s: %w", b.Name(suffix), err)
	}
	return role, nil
}

// NewPolicy creates a policy that can be attached to a role.
func NewPolicy(b *component.Builder, suffix, description string, document pulumi.StringInput) (*iam.Policy, error) {
	created, err := iam.NewPolicy(b.Ctx, b.Name(suffix), &iam.PolicyArgs{
		Description: pulumi.String(description),
		Policy:      document,
		Tags:        b.Tags(suffix),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating policy %s: %w", b.Name(suffix), err)
	}
	return created, nil
}

// NewAttachment gives a role the permissions of a policy. What uses the role depends on the attachment: before it exists, the
// role may do nothing.
func NewAttachment(
	b *component.Builder, suffix string, role *iam.Role, policyARN pulumi.StringInput, opts ...pulumi.ResourceOption,
) (*iam.RolePolicyAttachment, error) {
	attachment, err := iam.NewRolePolicyAttachment(b.Ctx, b.Name(suffix), &iam.RolePolicyAttachmentArgs{
		Role:      role.Name,
		PolicyArn: policyARN,
	}, b.Options(opts...)...)
	if err != nil {
		return nil, fmt.Errorf("attaching policy %s: %w", b.Name(suffix), err)
	}
	return attachment, nil
}
