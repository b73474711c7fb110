package main

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"scalable-backend/internal/authz"
	"scalable-backend/internal/infratest"
	"scalable-backend/internal/plan"
)

const (
	anything = "arn:aws:test:us-east-1:123456789012:thing"
	ofRole   = "arn:aws:iam::123456789012:role/compute-instance-1a2b3c4"
	bucket   = "arn:aws:s3:::storage-data-1a2b3c4"
)

const key = "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"

// planned is the program's graph with the given settings over good ones.
func planned(t *testing.T, settings map[string]string) *infratest.Graph {
	t.Helper()
	g, err := plan.Run(t.Context(), options(settings))
	require.NoError(t, err)
	return infratest.FromPlan(g)
}

func options(settings map[string]string) plan.Options {
	return plan.Options{
		Dir: ".", Program: infratest.Inline(program), Stack: "account", StackFile: "testdata/Pulumi.account.yaml", ConfigOverrides: settings,
	}
}

// policies returns the policies that are attached to a role, by the end of its name.
func policies(t *testing.T, g *infratest.Graph, role string) []authz.Document {
	t.Helper()
	var all []authz.Document
	for _, attached := range g.OfType("aws:iam/rolePolicyAttachment:RolePolicyAttachment") {
		if strings.HasPrefix(attached.Name, role+"-") {
			all = append(all, document(t, g, attached.Name))
		}
	}
	require.NotEmpty(t, all)
	return all
}

func document(t *testing.T, g *infratest.Graph, name string) authz.Document {
	t.Helper()
	text := g.Find(t, "aws:iam/policy:Policy", name).String(t, "policy")
	require.LessOrEqual(t, len(text), 6144, "%s: IAM takes no longer policy", name)
	d, err := authz.Parse(authz.Identity, name, []byte(text))
	require.NoError(t, err)
	return d
}

// may asks for one call. The context is that of a call about the stack dev's own resources, which make roles with the boundary.
func may(t *testing.T, policies []authz.Document, action, arn string, more map[string]string) bool {
	t.Helper()
	context := map[string][]string{
		"aws:RequestedRegion": {"us-east-1"}, "aws:ResourceTag/deployment": {"scalable-backend-dev"},
		"aws:RequestTag/deployment": {"scalable-backend-dev"},
		"iam:PermissionsBoundary":   {"arn:aws:iam::123456789012:policy/github-scalable-backend-boundary"},
	}
	for name, value := range more {
		delete(context, name)
		if value != "" {
			context[name] = []string{value}
		}
	}
	decision, err := authz.Evaluate(authz.Request{
		Principal: authz.Role("arn:aws:iam::123456789012:role/x"), Action: action, Resource: arn, Context: context,
	}, authz.Policies{Identity: policies})
	require.NoError(t, err, action)
	return decision.Allowed
}

// registered are the types of AWS's resources in the golden graphs, which are all that the program has.
func registered(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, name := range []string{"dev", "prod", "other"} {
		text, err := os.ReadFile("../../testdata/" + name + ".json")
		require.NoError(t, err)
		var g struct {
			Resources []struct {
				Type string `json:"type"`
			} `json:"resources"`
		}
		require.NoError(t, json.Unmarshal(text, &g))
		for _, r := range g.Resources {
			if strings.HasPrefix(r.Type, "aws:") {
				all = append(all, r.Type)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A deployment may make, change and remove every type of resource; the check for drift may read it, and change nothing; a preview may do
// neither. A new type needs its calls in testdata/calls.yaml, and its service in services.go.
func TestEveryTypeCanBeDeployed(t *testing.T) {
	t.Parallel()
	g := planned(t, nil)
	deploy, drift, preview := policies(t, g, "deploy-dev"), policies(t, g, "drift"), policies(t, g, "preview")
	types := registered(t)
	text, err := os.ReadFile("testdata/calls.yaml")
	require.NoError(t, err)
	var calls map[string]struct{ On, Writes, Reads string }
	require.NoError(t, yaml.Unmarshal(text, &calls))
	for _, token := range types {
		c, ok := calls[token]
		require.True(t, ok, "%s: say in testdata/calls.yaml what the provider calls for it", token)
		arn := cmp.Or(c.On, anything)
		for _, action := range strings.Fields(c.Writes) {
			require.True(t, may(t, deploy, action, arn, nil), "a deployment may not call %s for %s", action, token)
			require.True(t, action == "route53:GetChange" || !may(t, drift, action, arn, nil), "the check for drift may call %s", action)
			require.False(t, may(t, preview, action, arn, nil), "a preview may call %s", action)
		}
		for _, action := range strings.Fields(c.Reads) {
			require.True(t, may(t, drift, action, arn, nil), "the check for drift may not call %s for %s", action, token)
			require.True(t, may(t, deploy, action, arn, nil), "a deployment may not call %s for %s", action, token)
		}
	}
	require.Len(t, calls, len(types), "testdata/calls.yaml has types that no stack has")
}

// What the program looks up before it plans, a preview may.
func TestPreviewMayLookUp(t *testing.T) {
	t.Parallel()
	preview := policies(t, planned(t, nil), "preview")
	actions := map[string]string{
		"aws:ec2/getAmi:getAmi": "ec2:DescribeImages", "aws:ec2/getEips:getEips": "ec2:DescribeAddresses",
		"aws:ec2/getVpcs:getVpcs":                             "ec2:DescribeVpcs",
		"aws:index/getAvailabilityZones:getAvailabilityZones": "ec2:DescribeAvailabilityZones",
		"aws:index/getCallerIdentity:getCallerIdentity":       "sts:GetCallerIdentity",
		"aws:rds/getInstances:getInstances":                   "rds:DescribeDBInstances",
		"aws:rds/getInstance:getInstance":                     "rds:ListTagsForResource",
		"aws:route53/getZone:getZone":                         "route53:GetHostedZone",
		"aws:servicequotas/getServiceQuota:getServiceQuota":   "servicequotas:GetServiceQuota",
	}
	for _, name := range []string{"dev", "prod", "other"} {
		text, err := os.ReadFile("../../testdata/" + name + ".json")
		require.NoError(t, err)
		var g struct {
			Lookups map[string]any `json:"lookups"`
		}
		require.NoError(t, json.Unmarshal(text, &g))
		require.NotEmpty(t, g.Lookups)
		for lookup := range g.Lookups {
			require.Contains(t, actions, lookup)
		}
	}
	for lookup, action := range actions {
		require.True(t, may(t, preview, action, "*", nil), lookup)
	}
}

// Who may take which role: subject and audience are compared as a whole, without wildcards.
func TestTrust(t *testing.T) {
	t.Parallel()
	g := planned(t, map[string]string{"repository": "acme@123/backend@456", "stacks[0]": "dev", "stacks[1]": "eu-prod"})
	subjects := map[string]string{}
	for _, r := range g.OfType("aws:iam/role:Role") {
		var trust struct {
			Statement []struct {
				Effect    string
				Action    []string
				Principal map[string][]string
				Condition map[string]map[string][]string
			}
		}
		require.NoError(t, json.Unmarshal([]byte(r.String(t, "assumeRolePolicy")), &trust))
		require.Len(t, trust.Statement, 1)
		s := trust.Statement[0]
		require.Equal(t, []string{"Federated"}, keys(s.Principal))
		require.Len(t, s.Condition, 1)
		require.Equal(t, []string{"sts.amazonaws.com"}, s.Condition["StringEquals"][issuer+":aud"])
		require.Len(t, s.Condition["StringEquals"][issuer+":sub"], 1)
		subjects[r.String(t, "name")] = s.Condition["StringEquals"][issuer+":sub"][0]
	}
	require.Equal(t, map[string]string{
		"github-scalable-backend-preview":        "repo:acme@123/backend@456:pull_request",
		"github-scalable-backend-drift":          "repo:acme@123/backend@456:ref:refs/heads/main",
		"github-scalable-backend-deploy-dev":     "repo:acme@123/backend@456:environment:dev",
		"github-scalable-backend-deploy-eu-prod": "repo:acme@123/backend@456:environment:eu-prod",
	}, subjects)
}

func keys(m map[string][]string) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}

// There can be one provider an account: another project may have made it.
func TestProvider(t *testing.T) {
	t.Parallel()
	const provider = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
	made := planned(t, nil).Only(t, provider)
	require.Equal(t, "https://"+issuer, made.String(t, "url"))
	planned(t, map[string]string{"providerArn": "arn:aws:iam::123456789012:oidc-provider/" + issuer}).RequireNone(t, provider)
}

// One error names every setting that is wrong.
func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for key, c := range map[string]struct{ value, want string }{
		"repository":  {"backend", "github-oidc:repository: want owner/name or owner@id/name@id, got \"backend\""},
		"project":     {"Scalable Backend", "github-oidc:project: want"},
		"stateBucket": {"storage-state", "want a name that does not begin as the stacks' buckets do, with storage-"},
		"stateKeyArn": {"alias/state", "github-oidc:stateKeyArn: want the ARN of a KMS key, not of an alias"},
		"providerArn": {"arn:aws:iam::123456789012:oidc-provider/example.com", "github-oidc:providerArn: want"},
		"stacks[0]":   {"../prod", "github-oidc:stacks: want names"},
		"regions[0]":  {"us-east-1a", "github-oidc:regions: want regions of AWS"},
	} {
		_, err := plan.Run(t.Context(), options(map[string]string{key: c.value}))
		require.ErrorContains(t, err, c.want, key)
	}
	for _, repository := range []string{"acme/*", "acme/backend:ref", "acme@1/backend", "acme*/backend"} {
		_, err := plan.Run(t.Context(), options(map[string]string{"repository": repository}))
		require.ErrorContains(t, err, "github-oidc:repository: want", repository)
	}
	_, err := plan.Run(t.Context(), options(map[string]string{"repository": "a", "project": "B", "stateBucket": ""}))
	for _, key := range []string{"repository", "project", "stateBucket"} {
		require.ErrorContains(t, err, "github-oidc:"+key)
	}
}

// What the stacks' roles are named after, and the variables' names, are those of the other parts.
func TestVariables(t *testing.T) {
	t.Parallel()
	g, err := plan.Run(t.Context(), options(nil))
	require.NoError(t, err)
	variables, ok := g.Outputs["variables"].(map[string]any)
	require.True(t, ok, g.Outputs)
	for _, name := range []string{
		"PREVIEW_ROLE_DEV", "PREVIEW_ROLE_PROD", "DRIFT_ROLE_DEV", "DRIFT_ROLE_PROD", "DEPLOY_ROLE_DEV", "DEPLOY_ROLE_PROD",
	} {
		require.Contains(t, variables, name)
	}
	require.Len(t, variables, 6)
	require.Equal(t, "DEPLOY_ROLE_EU_PROD", variable("DEPLOY_ROLE", "eu-prod"))
}
