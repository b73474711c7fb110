package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/policy"
)

// issuer is GitHub's, of github.com. A GitHub Enterprise Server has its own.
const issuer = "token.actions.githubusercontent.com"

func program(ctx *pulumi.Context) error {
	s, err := read(ctx)
	if err != nil {
		return err
	}
	caller, err := aws.GetCallerIdentity(ctx, &aws.GetCallerIdentityArgs{})
	if err != nil {
		return fmt.Errorf("asking AWS for the account: %w", err)
	}
	a := account{settings: s, partition: strings.Split(caller.Arn, ":")[1], id: caller.AccountId}
	m := maker{ctx: ctx, account: a, variables: pulumi.StringMap{}}
	if err := m.newProvider(); err != nil {
		return err
	}
	limit, err := m.newPolicy("boundary", "The most that a role of a stack can be given", boundary())
	if err != nil {
		return err
	}
	if err := m.newReaders(); err != nil {
		return err
	}
	for _, stack := range s.stacks {
		if err := m.newDeployment(stack); err != nil {
			return err
		}
	}
	ctx.Export("boundaryArn", limit.Arn)
	ctx.Export("variables", m.variables)
	return nil
}

// maker makes the resources.
type maker struct {
	ctx       *pulumi.Context
	account   account
	provider  pulumi.StringInput // ARN
	variables pulumi.StringMap   // of the repository
}

// name is a physical name: the account can have roles for other projects too.
func (m *maker) name(suffix string) string { return "github-" + m.account.project + "-" + suffix }

func (m *maker) tags(suffix string) pulumi.StringMap {
	return pulumi.StringMap{
		"Name": pulumi.String(m.name(suffix)), "project": pulumi.String(m.account.project), "managed-by": pulumi.String("pulumi"),
	}
}

func (m *maker) newProvider() error {
	if m.account.providerARN != "" {
		m.provider = pulumi.String(m.account.providerARN)
		return nil
	}
	// Without thumbprints: AWS checks GitHub's certificate against its own list of authorities.
	provider, err := iam.NewOpenIdConnectProvider(m.ctx, "github", &iam.OpenIdConnectProviderArgs{
		Url:           pulumi.String("https://" + issuer),
		ClientIdLists: pulumi.ToStringArray([]string{audience}),
		Tags:          m.tags("provider"),
	}, pulumi.Protect(true))
	if err != nil {
		return fmt.Errorf("creating the identity provider: %w", err)
	}
	m.provider = provider.Arn
	return nil
}

// audience is what configure-aws-credentials asks a token for.
const audience = "sts.amazonaws.com"

// newRole makes a role for the workflow runs whose token has the subject, and attaches each policy to it.
func (m *maker) newRole(suffix, description, subject string, seconds int, policies map[string][]policy.Statement) (*iam.Role, error) {
	role, err := iam.NewRole(m.ctx, suffix, &iam.RoleArgs{
		Name:        pulumi.String(m.name(suffix)),
		Description: pulumi.String(description),
		AssumeRolePolicy: policy.JSON(policy.Statement{
			Effect:     policy.Allow,
			Principals: []policy.Principal{{Kind: "Federated", Values: []pulumi.StringInput{m.provider}}},
			Actions:    []string{"sts:AssumeRoleWithWebIdentity", "sts:TagSession"},
			Conditions: []policy.Condition{
				when("StringEquals", issuer+":aud", audience),
				when("StringEquals", issuer+":sub", "repo:"+m.account.repository+":"+subject),
			},
		}),
		MaxSessionDuration: pulumi.Int(seconds),
		Tags:               m.tags(suffix),
	})
	if err != nil {
		return nil, fmt.Errorf("creating role %s: %w", suffix, err)
	}
	for _, part := range slices.Sorted(maps.Keys(policies)) {
		made, err := m.newPolicy(suffix+part, description+": "+strings.TrimPrefix(part, "-"), policies[part])
		if err != nil {
			return nil, err
		}
		attached := &iam.RolePolicyAttachmentArgs{Role: role.Name, PolicyArn: made.Arn}
		if _, err := iam.NewRolePolicyAttachment(m.ctx, suffix+part, attached); err != nil {
			return nil, fmt.Errorf("attaching policy %s: %w", suffix+part, err)
		}
	}
	return role, nil
}

func (m *maker) newPolicy(suffix, description string, statements []policy.Statement) (*iam.Policy, error) {
	made, err := iam.NewPolicy(m.ctx, suffix, &iam.PolicyArgs{
		Name: pulumi.String(m.name(suffix)), Description: pulumi.String(description), Policy: policy.JSON(statements...), Tags: m.tags(suffix),
	})
	if err != nil {
		return nil, fmt.Errorf("creating policy %s: %w", suffix, err)
	}
	return made, nil
}

// newReaders makes the roles of previews and of the check for drift.
func (m *maker) newReaders() error {
	reads := func(statements []policy.Statement) map[string][]policy.Statement {
		return map[string][]policy.Statement{"-reads": statements}
	}
	preview, err := m.newRole("preview", "Previews of pull requests", "pull_request", 3600, reads(m.account.preview()))
	if err != nil {
		return err
	}
	drift, err := m.newRole("drift", "The check for drift, on main", "ref:refs/heads/main", 3600, reads(m.account.drift()))
	if err != nil {
		return err
	}
	for _, stack := range m.account.stacks {
		m.variables[variable("PREVIEW_ROLE", stack)], m.variables[variable("DRIFT_ROLE", stack)] = preview.Arn, drift.Arn
	}
	return nil
}

// newDeployment makes the role of one stack's deployments, for jobs with the environment of that name.
func (m *maker) newDeployment(stack string) error {
	// By name: a policy that waits for the boundary's ARN would be no text in a preview.
	limit := m.account.iam("policy") + m.name("boundary")
	role, err := m.newRole("deploy-"+stack, "Deployments of "+stack, "environment:"+stack, 7200, map[string][]policy.Statement{
		"-services": m.account.deployServices(stack), "-roles": m.account.deployRoles(stack, limit),
		"-limits": m.account.deployLimits(stack), "-state": m.account.writeState(stack),
	})
	if err != nil {
		return err
	}
	m.variables[variable("DEPLOY_ROLE", stack)] = role.Arn
	return nil
}

// variable is a repository variable, as scripts/ci/settings.sh reads it.
func variable(prefix, stack string) string {
	return prefix + "_" + strings.ToUpper(strings.ReplaceAll(stack, "-", "_"))
}
