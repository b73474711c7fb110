package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/authz"
)

// What no role may do, and why it would matter.
func TestRolesAreLimited(t *testing.T) {
	t.Parallel()
	g := planned(t, nil)
	const state, secret = "arn:aws:s3:::acme-state/.pulumi/", "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
	const iam, instance = "arn:aws:iam::123456789012:", "arn:aws:ec2:us-east-1:123456789012:instance/i-1"
	foreign := map[string]string{"aws:ResourceTag/deployment": "scalable-backend-prod"}
	untagged := map[string]string{"aws:ResourceTag/deployment": ""}
	for _, c := range []struct {
		role, action, arn string
		context           map[string]string
		allowed           bool
	}{
		{"preview", "s3:GetObject", state + "stacks/scalable-backend/prod.json", nil, true},
		{"preview", "s3:GetObject", state + "stacks/github-oidc/account.json", nil, false},
		{"preview", "s3:PutObject", state + "locks/organization/scalable-backend/dev/a.json", nil, false},
		{"preview", "s3:GetObject", bucket + "/file", nil, false},
		{"preview", "kms:Decrypt", key, nil, true},
		{"preview", "kms:Decrypt", strings.Replace(key, "0123", "4567", 1), nil, false},
		{"preview", "secretsmanager:GetSecretValue", secret + "database-credentials-1-AbCdEf", nil, false},
		{"preview", "secretsmanager:BatchGetSecretValue", "*", nil, false},
		{"preview", "sts:AssumeRole", iam + "role/github-scalable-backend-deploy-dev", nil, false},
		{"drift", "secretsmanager:GetSecretValue", secret + "another-AbCdEf", nil, false},
		{"drift", "s3:GetObject", bucket + "/file", nil, false},
		{"drift", "s3:PutObject", state + "stacks/scalable-backend/dev.json", nil, false},
		{"drift", "logs:FilterLogEvents", anything, nil, false},
		{"drift", "ec2:GetPasswordData", instance, nil, false},

		{"deploy-dev", "s3:PutObject", state + "stacks/scalable-backend/dev.json", nil, true},
		{"deploy-dev", "s3:PutObject", state + "stacks/scalable-backend/dev.json.bak", nil, true},
		{"deploy-dev", "s3:DeleteObject", state + "locks/organization/scalable-backend/dev/1.json", nil, true},
		{"deploy-dev", "s3:PutObject", state + "stacks/scalable-backend/prod.json", nil, false},
		{"deploy-dev", "s3:PutObject", state + "stacks/github-oidc/account.json", nil, false},
		{"deploy-dev", "s3:GetObject", bucket + "/file", nil, false},
		{"deploy-dev", "s3:DeleteBucket", "arn:aws:s3:::acme-state", nil, false},
		{"deploy-dev", "kms:PutKeyPolicy", key, nil, false},
		{"deploy-dev", "kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/b", untagged, false},
		{"deploy-dev", "ec2:CreateVpc", anything, map[string]string{"aws:RequestedRegion": "eu-west-1"}, false},

		// Another stack, and whatever is in the account besides.
		{"deploy-dev", "rds:DeleteDBInstance", anything, foreign, false},
		{"deploy-dev", "secretsmanager:GetSecretValue", secret + "database-credentials-1-AbCdEf", foreign, false},
		{"deploy-dev", "ecr:PutImage", anything, foreign, false},
		{"deploy-dev", "ecr:BatchGetImage", anything, foreign, true}, // promotion
		{"deploy-dev", "ecr:GetDownloadUrlForLayer", anything, foreign, true},
		{"deploy-dev", "ec2:TerminateInstances", instance, nil, true},
		{"deploy-dev", "ec2:TerminateInstances", instance, untagged, false},
		{"deploy-dev", "ec2:RunInstances", instance, untagged, true},
		{"deploy-dev", "ec2:CreateTags", instance, map[string]string{"aws:ResourceTag/deployment": "", "ec2:CreateAction": "RunInstances"}, true},
		{"deploy-dev", "ec2:CreateTags", instance, untagged, false},
		{"deploy-dev", "ecs:ExecuteCommand", anything, nil, false},

		// Ways to become an administrator.
		{"deploy-dev", "iam:CreateRole", ofRole, map[string]string{"iam:PermissionsBoundary": ""}, false},
		{"deploy-dev", "iam:AttachRolePolicy", ofRole, map[string]string{"iam:PermissionsBoundary": iam + "policy/another"}, false},
		{"deploy-dev", "iam:DeleteRolePermissionsBoundary", ofRole, nil, false},
		{"deploy-dev", "iam:UpdateAssumeRolePolicy", ofRole, untagged, false},
		{"deploy-dev", "iam:AttachRolePolicy", iam + "role/github-scalable-backend-deploy-dev", nil, false},
		{"deploy-dev", "iam:CreatePolicyVersion", iam + "policy/github-scalable-backend-boundary", nil, false},
		{"deploy-dev", "iam:CreatePolicyVersion", iam + "policy/github-scalable-backend-deploy-dev-limits", nil, false},
		{"deploy-dev", "iam:CreateUser", iam + "user/a", nil, false},
		{"deploy-dev", "iam:PassRole", iam + "role/admin", map[string]string{"iam:PassedToService": "ec2.amazonaws.com"}, false},
		{"deploy-dev", "iam:PassRole", ofRole, map[string]string{"iam:PassedToService": "lambda.amazonaws.com"}, false},
		{"deploy-dev", "iam:PassRole", ofRole, map[string]string{"iam:PassedToService": "ec2.amazonaws.com"}, true},
		{"deploy-dev", "sts:AssumeRole", ofRole, nil, false},
		{"deploy-dev", "lambda:CreateFunction", anything, nil, false},
	} {
		got := may(t, policies(t, g, c.role), c.action, c.arn, c.context)
		require.Equal(t, c.allowed, got, "%s: %s on %s %v", c.role, c.action, c.arn, c.context)
	}
}

// Each role of the program is given no more than the boundary lets through, to a service that a role may be handed to.
func TestTheBoundaryIsWideEnough(t *testing.T) {
	t.Parallel()
	limit := []authz.Document{document(t, planned(t, nil), "boundary")}
	for _, action := range []string{"iam:CreateRole", "iam:PassRole", "sts:AssumeRole", "lambda:InvokeFunction"} {
		require.False(t, may(t, limit, action, "*", nil), action)
	}
	allowed := 0
	for _, name := range []string{"dev", "prod", "other"} {
		text, err := os.ReadFile("../../testdata/" + name + ".json")
		require.NoError(t, err)
		var g struct {
			Resources []struct {
				Type, Name string
				Inputs     map[string]any
			}
		}
		require.NoError(t, json.Unmarshal(text, &g))
		for _, r := range g.Resources {
			for _, statement := range statements(r.Inputs["policy"]) {
				if r.Type == "aws:iam/policy:Policy" {
					for _, action := range statement["Action"].([]any) {
						allowed++
						require.True(t, may(t, limit, action.(string), "*", nil), "%s: %s: %s", name, r.Name, action)
					}
				}
			}
			if r.Type == "aws:iam/role:Role" {
				for _, statement := range statements(r.Inputs["assumeRolePolicy"]) {
					service := fmt.Sprint(statement["Principal"].(map[string]any)["Service"].([]any)[0])
					require.Contains(t, trusted, service, "%s: %s", name, r.Name)
				}
			}
		}
	}
	require.Greater(t, allowed, 30)
}

// statements are those of a policy in a golden graph.
func statements(policy any) (all []map[string]any) {
	text, _ := policy.(map[string]any)
	document, _ := text["(json)"].(map[string]any)
	list, _ := document["Statement"].([]any)
	for _, s := range list {
		all = append(all, s.(map[string]any))
	}
	return all
}
