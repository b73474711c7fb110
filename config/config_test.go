package config

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const testProject = "scalable-backend"

// raw returns a stack's configuration as the engine passes it. Keys without a namespace are the project's.
func raw(pairs ...string) map[string]string {
	values := map[string]string{"aws:region": "us-east-1"}
	for i := 0; i < len(pairs); i += 2 {
		key := pairs[i]
		if !strings.Contains(key, ":") {
			key = testProject + ":" + key
		}
		values[key] = pairs[i+1]
	}
	return values
}

// production returns the minimum of settings for a production stack, plus more pairs.
func production(pairs ...string) map[string]string {
	values := raw("aws:allowedAccountIds", `["111122223333"]`,
		"database", `{"multiAz": true}`,
		"compute", `{"minSize": 3, "desiredCapacity": 3, "domainName": "files.corp.io", "certificateArn": "`+
			certificateOf("us-east-1", "111122223333")+`"}`,
		"monitoring", `{"alertEmails": ["a@corp.io"]}`)
	maps.Copy(values, raw(pairs...))
	return values
}

func certificateOf(region, account string) string {
	return "arn:aws:acm:" + region + ":" + account + ":certificate/01234567-89ab-cdef-0123-456789abcdef"
}

func problemsOf(t require.TestingT, err error) []problem {
	if err == nil {
		return nil
	}
	var invalid *Error
	require.True(t, errors.As(err, &invalid), "want an Error, got %v", err)
	return invalid.problems
}

// TestDefaults checks only some defaults: all are in docs/configuration.md, which TestConfigurationReference compares.
func TestDefaults(t *testing.T) {
	c, err := Parse(testProject, "staging", raw())
	require.NoError(t, err)
	require.Equal(t, testProject, c.Project)
	require.Equal(t, "staging", c.Stack)
	require.Equal(t, "us-east-1", c.Region)
	require.True(t, c.Database.DeletionProtection, "data must be protected by default")
	require.Empty(t, c.Compute.AllowedCIDRs, "the load balancer must be closed by default")
	require.Equal(t, "arm64", c.Compute.Architecture)
	require.False(t, c.HTTPS())
	require.Equal(t, "aws", c.Partition())

	// Pulumi.yaml sets empty objects for keys that a stack leaves out; they must give the same defaults.
	empty := raw()
	for _, tier := range tiers(schema(&Config{})) {
		empty[testProject+":"+tier] = "{}"
	}
	again, err := Parse(testProject, "staging", empty)
	require.NoError(t, err)
	require.Equal(t, c, again)
}

func TestReadsValues(t *testing.T) {
	c, err := Parse("renamed", "dev", map[string]string{
		"aws:region": "cn-north-1", "aws:profile": "me", "other:compute": "untouched",
		"renamed:compute": `{"maxSize": "20", "spot": "true", "amiId": "ami-0123456789abcdef0", "certificateArn": "",
			"instanceType": "c7i.xlarge"}`,
		"renamed:database": `{"engineVersion": 16, "deletionProtection": false, "maxAllocatedStorage": 0}`,
		"renamed:network":  `{"interfaceEndpoints": ["ecr.api", "logs"], "nat": "instance"}`,
		"renamed:images": `{"backend": "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/renamed/dev/backend@sha256:` +
			strings.Repeat("a", 64) + `"}`,
	})
	require.NoError(t, err)
	require.Equal(t, 20, c.Compute.MaxSize, "a text that is an integer")
	require.True(t, c.Compute.Spot, "a text that is a boolean")
	require.Equal(t, "x86_64", c.Compute.Architecture)
	require.Equal(t, "16", c.Database.EngineVersion, "a version that --path stored as a number")
	require.Zero(t, c.Database.MaxAllocatedStorage)
	require.True(t, c.Disposable)
	require.Equal(t, []string{"ecr.api", "logs"}, c.Network.InterfaceEndpoints)
	require.Equal(t, "aws-cn", c.Partition())
	require.Equal(t, "aws-us-gov", partition("us-gov-west-1"))
}

func TestStackKinds(t *testing.T) {
	for stack, want := range map[string]bool{
		"prod": true, "production": true, "eu-prod": true, "prod.eu": true, "Prod": true, "product": false, "preprod": false, "dev": false,
	} {
		c, err := Parse(testProject, stack, production())
		require.NoError(t, err)
		require.Equal(t, want, c.Production, stack)
		require.False(t, c.Disposable, "deletion protection is the default")
	}
}

// Tags keep the case of their names, and numbers and booleans in them become strings.
func TestGovernance(t *testing.T) {
	c, err := Parse(testProject, "dev", raw("stack", `{"permissionsBoundaryArn": "arn:aws:iam::111122223333:policy/team/limits",
		"tags": {"cost-centre": 4711, "Owner of it": "a@b.io", "critical": true}}`))
	require.NoError(t, err)
	require.Equal(t, "arn:aws:iam::111122223333:policy/team/limits", c.Governance.PermissionsBoundaryARN)
	require.Equal(t, map[string]string{"cost-centre": "4711", "Owner of it": "a@b.io", "critical": "true"}, c.Governance.Tags)
	require.Empty(t, c.Placeholders())

	c, err = Parse(testProject, "dev", raw("stack", `{"permissionsBoundaryArn": "arn:aws:iam::aws:policy/PowerUserAccess", "tags": {}}`))
	require.NoError(t, err)
	require.Nil(t, c.Governance.Tags)

	c, err = Parse(testProject, "dev", raw("stack", `{"permissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary"}`))
	require.NoError(t, err)
	require.Len(t, c.Placeholders(), 1)
	require.Contains(t, c.Placeholders()[0], "stack.permissionsBoundaryArn")
}

func TestRejectsTags(t *testing.T) {
	many := strings.Builder{}
	for i := range 41 {
		fmt.Fprintf(&many, `,"k%d": "v"`, i)
	}
	for _, r := range []rejected{
		{name: "no map", values: raw("stack", `{"tags": ["a"]}`), want: map[string]string{
			"stack.tags": "it is not a map pulumi config rm --path stack.tags --stack dev && " +
				`pulumi config set --path 'stack.tags["team"]' payments`}},
		{name: "too many", values: raw("stack", `{"tags": {`+many.String()[1:]+`}}`),
			want: map[string]string{"stack.tags": "it has more than 40"}},
		{name: "names and values",
			values: raw("stack",
				`{"tags": {"project": "x", "name": "x", "AWS:x": "x", "a&b": "x", " a": "x", "a": "", "b": "ü", "c": null, "d": {}, "e": 1.5,
			"`+strings.Repeat("k", 129)+`": "x"}}`), want: map[string]string{
				`stack.tags["project"]`: "every resource has a tag project already", `stack.tags["name"]`: "every resource has a tag Name already",
				`stack.tags["AWS:x"]`: "AWS's own pulumi config rm --path 'stack.tags[\"AWS:x\"]'",
				`stack.tags["a&b"]`:   "the name has to be", `stack.tags[" a"]`: "the name has to be",
				`stack.tags["a"]`: "the value has to be", `stack.tags["b"]`: "the value has to be", `stack.tags["c"]`: "it is not text",
				`stack.tags["d"]`: "it is not text",
				`stack.tags["` + strings.Repeat("k", 129) + `"]`: "the name has to be 1 to 128"}},
		{name: "capitals only", values: raw("stack", `{"tags": {"Team": "x", "team": "y"}}`),
			want: map[string]string{`stack.tags["team"]`: `capitals only pulumi config rm --path 'stack.tags["team"]'`}},
		{name: "a secret", values: raw("stack", `{"tags": {"team": "[secret]"}}`), secrets: []string{testProject + ":stack"},
			want: map[string]string{
				`stack.tags["team"]`: "no setting of this program is a secret"}},
		{name: "replicas", values: raw("database", `{"replicas": 3}`), want: map[string]string{"database.replicas": "an integer from 0 to 2"}},
		{name: "boundary", values: raw("stack", `{"permissionsBoundaryArn": "limits"}`),
			want: map[string]string{"stack.permissionsBoundaryArn": "want the ARN of an IAM policy"}},
	} {
		r.check(t)
	}
}

func TestFiveMistakesAreFiveProblems(t *testing.T) {
	_, err := Parse(testProject, "dev", raw(
		"network", `{"cidr": "10.20.0.0"}`,
		"compute", `{"maxSiz": 20, "cpuTarget": "sixty"}`,
		"fargate", `{"cpu": 512}`,
		"frontend", `{}`))
	require.EqualError(t, err, strings.TrimSpace(`
the configuration of stack "dev" has 5 problems:
  1. compute.cpuTarget = "sixty": want an integer from 10 to 90
     pulumi config set --path compute.cpuTarget 60 --stack dev
  2. compute.maxSiz = 20: unknown key; did you mean compute.maxSize?
     pulumi config rm --path compute.maxSiz --stack dev && pulumi config set --path compute.maxSize 20 --stack dev
  3. fargate.memory = 512 (the default): want 1024 to 4096 MiB in steps of 1024 with fargate.cpu 512
     pulumi config set --path fargate.memory 1024 --stack dev
  4. frontend = "{}": unknown key; the keys are network, database, compute, fargate, images, api, monitoring, stack
     pulumi config rm frontend --stack dev
  5. network.cidr = "10.20.0.0": want a private IPv4 range from /16 to /23; "10.20.0.0" is not a CIDR range, want one such as 10.20.0.0/16
     pulumi config set --path network.cidr 10.20.0.0/16 --stack dev`))
}

// TestSecretsAreRefusedAndNotPrinted: the engine passes decrypted secrets and the names of the top-level keys that contain them.
func TestSecretsAreRefusedAndNotPrinted(t *testing.T) {
	values := raw("monitoring", `{"alertEmails": ["hunter2"], "mmm": "hunter2", "waf": "hunter2"}`, "token", "hunter2", "aws:region",
		"hunter2")
	secrets := []string{testProject + ":monitoring", testProject + ":token", "aws:region"}
	_, err := Parse(testProject, "dev", values, secrets...)
	require.ErrorContains(t, err, "monitoring = (secret): want a plain value: no setting of this program is a secret")
	require.ErrorContains(t, err, "token = (secret): unknown key")
	require.NotContains(t, err.Error(), "hunter2")
	require.Len(t, problemsOf(t, err), 6)

	for _, r := range []rejected{
		{name: "valid otherwise", values: raw("compute", `{"maxSize": "20"}`), secrets: []string{testProject + ":compute"},
			want: map[string]string{"compute": "want a plain value"}},
		// Without the encryption key the values are "[secret]".
		{name: "blinded", values: raw("compute", `{"maxSize": "[secret]", "cpuTarget": 50}`, "monitoring",
			`{"alertEmails": ["a@b.io", "[secret]"]}`),
			secrets: []string{testProject + ":compute", testProject + ":monitoring"}, want: map[string]string{
				"compute.maxSize":           "pulumi config set --plaintext --path compute.maxSize 3",
				"monitoring.alertEmails[1]": "want a plain value",
			}},
	} {
		r.check(t)
	}
}

func TestPlaceholders(t *testing.T) {
	c, err := Parse(testProject, "prod", production("aws:allowedAccountIds", `["123456789012"]`,
		"compute", `{"minSize": 3, "desiredCapacity": 3, "domainName": "backend.example.com", "certificateArn": "`+
			certificateOf("eu-west-1", documentationAccount)+`"}`,
		"monitoring", `{"alertEmails": ["a@corp.io", "ops@example.com"]}`))
	require.NoError(t, err, "region and account of documentation values must not be compared")
	left := c.Placeholders()
	require.Len(t, left, 4)
	for i, want := range []string{"aws:allowedAccountIds[0] is still 123456789012", "compute.domainName is still backend.example.com",
		"compute.certificateArn is still arn:",
		"monitoring.alertEmails[1] is still ops@example.com"} {
		require.Contains(t, left[i], want)
		require.Contains(t, left[i], "pulumi config set ")
	}
	own, err := Parse(testProject, "prod", production())
	require.NoError(t, err)
	require.Empty(t, own.Placeholders())
}

// The runbook's address ends before the fragment, which every alarm adds.
func TestRunbookURL(t *testing.T) {
	longest := "https://wiki.example.com/" + strings.Repeat("a", maxRunbookURL-len("https://wiki.example.com/"))
	for _, good := range []string{
		"https://wiki.example.com", "https://wiki.example.com/", "https://git.example.com:8443/a%20b/blob/main/docs/runbook.md",
		"https://wiki.example.com/x/~team/(run)-book_1.html", "https://xn--bcher-kva.example/runbook", "https://10.0.0.1/runbook", longest,
	} {
		require.NoError(t, validRunbookURL(good), good)
	}
	for _, bad := range []string{
		"", "wiki.example.com", "docs/runbook.md", "//wiki.example.com/x", "http://wiki.example.com", "HTTPS://wiki.example.com", "https://",
		"https:///runbook", "https://wiki..example.com", "https://.example.com", "https://wiki.example.com.", "https://user@wiki.example.com/",
		"https://u:p@wiki.example.com/", "https://wiki.example.com/#", "https://wiki.example.com/x#y", "https://wiki.example.com/?",
		"https://wiki.example.com/?id=7", "https://wiki.example.com?x", "https://wiki.example.com/a b", "https://wiki.example.com/%zz",
		"https://wiki.example.com/bücher", "https://bücher.example", "https://wiki.example.com/\n", "https://wiki.example.com/x\n",
		" https://wiki.example.com", "https://wiki.example.com:/x", "https://wiki.example.com:0/x", "https://wiki.example.com:65536/x",
		`https://wiki.example.com/"x`, "https://wiki.example.com/<x>", "https://[::1]/x", `https://wiki.example.com\x`, longest + "a",
	} {
		require.Error(t, validRunbookURL(bad), bad)
	}
}
