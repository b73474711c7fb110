package policy_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
	"scalable-backend/internal/policy"
)

// resolve returns a policy as it would reach a resource.
func resolve(t *testing.T, build func() pulumi.StringOutput) string {
	t.Helper()
	var text string
	infratest.Run(t, func(*pulumi.Context) error {
		text = infratest.Value[string](t, build())
		return nil
	})
	return text
}

func later(s string) pulumi.StringInput {
	return pulumi.String(s).ToStringOutput().ApplyT(func(s string) string { return s }).(pulumi.StringOutput)
}

func TestJSONKeepsEveryInputInItsPlace(t *testing.T) {
	t.Parallel()
	text := resolve(t, func() pulumi.StringOutput {
		return policy.JSON(
			policy.Statement{
				Sid: "Read", Effect: policy.Allow,
				Principals: []policy.Principal{policy.Service("a.amazonaws.com", "b.amazonaws.com"), policy.AWS(later("arn:aws:iam::1:root"))},
				Actions:    []string{"s3:GetObject"}, Resources: []pulumi.StringInput{later("arn:aws:s3:::b/*"), pulumi.String("arn:aws:s3:::c/*")},
				Conditions: []policy.Condition{
					{Test: "StringEquals", Key: "aws:SourceAccount", Values: []pulumi.StringInput{later("1")}},
					{Test: "StringEquals", Key: "aws:PrincipalArn", Values: policy.Strings("x", "y")},
					{Test: "Bool", Key: "aws:SecureTransport", Values: policy.Strings("true")},
				},
			},
			policy.Statement{
				Effect: policy.Deny, Principals: []policy.Principal{policy.Everyone()},
				Actions: []string{"s3:*"}, Resources: policy.Strings("arn:aws:s3:::b"),
			},
		)
	})
	require.JSONEq(t, `{"Version":"2012-10-17","Statement":[
		{"Sid":"Read","Effect":"Allow",
		 "Principal":{"Service":["a.amazonaws.com","b.amazonaws.com"],"AWS":["arn:aws:iam::1:root"]},
		 "Action":["s3:GetObject"],"Resource":["arn:aws:s3:::b/*","arn:aws:s3:::c/*"],
		 "Condition":{"StringEquals":{"aws:SourceAccount":["1"],"aws:PrincipalArn":["x","y"]},"Bool":{"aws:SecureTransport":["true"]}}},
		{"Effect":"Deny","Principal":"*","Action":["s3:*"],"Resource":["arn:aws:s3:::b"]}]}`, text)
}

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	require.JSONEq(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["ecs-tasks.amazonaws.com"]},
		"Action":["sts:AssumeRole"],"Condition":{"StringEquals":{"aws:SourceAccount":["123456789012"]}}}]}`,
		resolve(t, func() pulumi.StringOutput {
			return policy.AssumeRole("ecs-tasks.amazonaws.com", policy.SourceAccount("123456789012"))
		}))
}

func TestJSONPanicsOnAStatementThatSaysNothing(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { policy.JSON(policy.Statement{Effect: policy.Allow}) })
	require.Panics(t, func() { policy.JSON(policy.Statement{Actions: []string{"s3:GetObject"}}) })
}
