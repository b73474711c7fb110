package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/cost"
)

const (
	dev  = "../../testdata/dev.json"
	prod = "../../testdata/prod.json"
)

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		status, stdout, stderr := invoke(t, args...)
		require.Zero(t, status)
		require.Empty(t, stderr)
		for name := range commands {
			require.Contains(t, stdout, "plan "+name)
		}
	}
	for name := range commands {
		status, stdout, stderr := invoke(t, name, "-h")
		require.Zero(t, status, name)
		require.Empty(t, stderr, name)
		require.Contains(t, stdout, "usage: plan "+name+" ", name)
		require.Contains(t, stdout, "-stack", name)
	}
}

func TestCommandsFail(t *testing.T) {
	t.Parallel()
	few := filepath.Join(t.TempDir(), "usage.yaml")
	require.NoError(t, os.WriteFile(few, []byte("internetGb: 5\n"), 0o600))
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"no command":              {nil, misused, "plan show"},
		"a misspelt command":      {[]string{"costs"}, misused, `there is no command "costs": want show, diff, cost or graph`},
		"nothing to compare":      {[]string{"diff"}, misused, "want one of: -base REF"},
		"a file and a base":       {[]string{"diff", "-base", "main", dev}, misused, "want one of: -base REF"},
		"three files":             {[]string{"diff", dev, dev, dev}, misused, "want one of: -base REF"},
		"a format":                {[]string{"diff", dev, prod, "-format", "html"}, misused, "want text, markdown or json"},
		"a format without a file": {[]string{"diff", dev, prod, "-format", "text="}, misused, "want text, markdown or json"},
		"a picture":               {[]string{"graph", dev, "-format", "png"}, misused, "want json, readable"},
		"an option as a ref":      {[]string{"diff", "-base", "--output=x"}, failed, "want a git ref"},
		"no such ref":             {[]string{"diff", "-base", "no-such-branch"}, failed, "there is no such commit"},
		"a file that is no graph": {[]string{"diff", dev, "main.go"}, failed, "main.go: reading a graph"},
		"a file and a stack":      {[]string{"cost", "-stack", "dev", dev}, misused, "-stack and -set are for a stack that is planned"},
		"-max without =":          {[]string{"cost", dev, "-max", "900"}, misused, "-max takes its value after an equals sign, -max=900"},
		"-max that is no number":  {[]string{"cost", dev, "-max=much"}, misused, "want a number of USD above 0"},
		"-max of 0":               {[]string{"cost", dev, "-max=0"}, misused, "want a number of USD above 0"},
		"a key of usage":          {[]string{"cost", dev, "-usage", few}, failed, "usage.yaml: reading the usage"},
		"no file of prices":       {[]string{"cost", dev, "-prices", "none.yaml"}, failed, "none.yaml"},
		"another region": {[]string{"cost", "../../testdata/other.json"}, failed,
			`no prices of region "us-west-2": want one of us-east-1`},
		"save and JSON": {[]string{"show", "-stack", "dev", "-save", "x", "-json"}, misused, "-save prints nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := invoke(t, c.args...)
			require.Equal(t, c.status, status, stderr)
			require.Empty(t, stdout)
			require.Contains(t, stderr, c.want)
		})
	}
}

func TestShowIsThePlanWithoutACommand(t *testing.T) {
	t.Parallel()
	for _, more := range [][]string{nil, {"-json"}, {"-json", "-unknown"}} {
		args := append([]string{"-dir", program, "-stack", "dev"}, more...)
		_, want, _ := invoke(t, args...)
		status, got, stderr := invoke(t, append([]string{"show"}, args...)...)
		require.Zero(t, status, stderr)
		require.Equal(t, want, got)
	}
	file := filepath.Join(t.TempDir(), "dev.json")
	status, stdout, stderr := invoke(t, "show", "-dir", program, "-stack", "dev", "-save", file)
	require.Zero(t, status)
	require.Empty(t, stdout+stderr)
	status, stdout, _ = invoke(t, "diff", file, "-dir", program, "-stack", "dev", "-set", "settings.size=4")
	require.Zero(t, status)
	require.Contains(t, stdout, "      settings.size: 3 -> 4\n")
	require.Contains(t, stdout, "Not judged\n  permissions, before: policy of aws:s3/bucketPolicy:BucketPolicy::data-policy",
		"that policy is none of IAM's")
}

func TestCost(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := invoke(t, "cost", prod)
	require.Zero(t, status, stderr)
	for _, want := range []string{"prod in us-east-1: about ", "budget: 2500 USD", "The biggest lines", "database-instance",
		"A TB delivered", "What would cost less"} {
		require.Contains(t, stdout, want)
	}
	usage := filepath.Join(t.TempDir(), "usage.yaml")
	require.NoError(t, os.WriteFile(usage, []byte("agents: 1000\nbusyShare: 1\n"), 0o600))
	status, stdout, stderr = invoke(t, "cost", "-json", "-usage", usage, prod)
	require.Zero(t, status, stderr)
	var e cost.Estimate
	require.NoError(t, json.Unmarshal([]byte(stdout), &e))
	require.Greater(t, e.USD, 1900.0)
}

// The gate prints the estimate and says why it fails. Its limit is the stack's budget.
func TestCostGate(t *testing.T) {
	t.Parallel()
	status, _, stderr := invoke(t, "cost", "-max", dev)
	require.Zero(t, status, stderr)
	require.Empty(t, stderr)
	status, stdout, stderr := invoke(t, "cost", "-max=100", dev)
	require.Equal(t, tooMuch, status)
	require.Contains(t, stdout, "The biggest lines")
	require.Regexp(t, `^the estimate of dev, 1\d\d\.\d\d USD a month, is above 100.00\n$`, stderr)

	graph, err := os.ReadFile(dev)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "dev.json")
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(graph), `"limitAmount": "150"`, `"limitAmount": "90"`, 1)), 0o600))
	status, _, stderr = invoke(t, "cost", "-max", file)
	require.Equal(t, tooMuch, status)
	require.Contains(t, stderr, "is above 90.00")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(graph), "aws:budgets/budget:Budget", "aws:iam/role:Role")), 0o600))
	status, _, stderr = invoke(t, "cost", "-max", file)
	require.Equal(t, failed, status)
	require.Contains(t, stderr, "the stack has no budget: want -max=<USD>")
}

func TestDiffOfFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	status, stdout, stderr := invoke(t, "diff", dev, prod, "-format", "markdown", "-format", "text="+dir+"/plan.txt",
		"-format", "json="+dir+"/plan.json")
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "#### `prod`: ")
	require.Contains(t, stdout, "- `everybody (0.0.0.0/0)` can newly reach `aws lb LoadBalancer compute-alb` on `tcp 443`\n")
	text, err := os.ReadFile(dir + "/plan.txt")
	require.NoError(t, err)
	require.Contains(t, string(text), "USD a month (+")
	var object struct{ Stacks []map[string]any }
	content, err := os.ReadFile(dir + "/plan.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &object))
	require.NotEmpty(t, object.Stacks[0]["security"])
	require.Empty(t, object.Stacks[0]["unjudged"], "a graph of a file is read whole")
}

func TestGraph(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(dev)
	require.NoError(t, err)
	status, stdout, stderr := invoke(t, "graph", dev, "-format", "readable")
	require.Zero(t, status, stderr)
	require.JSONEq(t, string(content), stdout)
	status, stdout, stderr = invoke(t, "graph", dev, "-format", "dot")
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, `"aws:ec2/subnet:Subnet::network-backend-a" -> "aws:ec2/vpc:Vpc::network-vpc";`)
}

// smallProgram compiles in a moment: two trees of it are compiled anew in each run.
var smallProgram = map[string]string{
	"Pulumi.yaml":     "name: program\nruntime: go\n",
	"Pulumi.dev.yaml": "config:\n  aws:region: eu-west-1\n  size: 3\n",
	"main.go": `package main

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		size, _ := ctx.GetConfig("program:size")
		inputs := pulumi.Map{"settings": pulumi.Map{"size": pulumi.String(size)}}
		return ctx.RegisterResource("aws:s3/bucketV2:BucketV2", "data-bucket", inputs, &pulumi.CustomResourceState{})
	})
}
`,
}

// repository is a git repository with the test program in a directory of it.
func repository(t *testing.T) (project string, commit func()) {
	t.Helper()
	top := t.TempDir()
	project = filepath.Join(top, "infra")
	require.NoError(t, os.MkdirAll(project, 0o700))
	for name, text := range smallProgram {
		require.NoError(t, os.WriteFile(filepath.Join(project, name), []byte(text), 0o600))
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("../..", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(project, name), text, 0o600))
	}
	run := func(dir, name string, args ...string) {
		command := exec.CommandContext(t.Context(), name, args...)
		command.Dir = dir
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	run(project, "go", "mod", "edit", "-dropreplace=scalable-backend/services", "-droprequire=scalable-backend/services")
	run(top, "git", "init", "-q", "-b", "main")
	return project, func() {
		run(top, "git", "add", "-A")
		run(top, "git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false", "commit", "-q", "-m", "x")
	}
}

// A branch is compared with a ref, and the repository stays as it is.
func TestDiffOfRefs(t *testing.T) {
	t.Parallel()
	project, commit := repository(t)
	require.NoError(t, os.MkdirAll(filepath.Join(project, "internal", "rules"), 0o700))
	waivers := filepath.Join(project, "internal", "rules", "waivers.yaml")
	require.NoError(t, os.WriteFile(waivers, []byte("- {rule: a, resource: b, stacks: [dev], reason: c}\n"), 0o600))
	commit()
	require.NoError(t, os.WriteFile(waivers, []byte("- {rule: a, resource: d, stacks: [dev], reason: c}\n"), 0o600))
	edit := func(name, from, to string) {
		text, err := os.ReadFile(filepath.Join(project, name))
		require.NoError(t, err)
		require.Contains(t, string(text), from)
		require.NoError(t, os.WriteFile(filepath.Join(project, name), []byte(strings.Replace(string(text), from, to, 1)), 0o600))
	}
	edit("Pulumi.dev.yaml", "size: 3", "size: 4")
	state, err := exec.CommandContext(t.Context(), "git", "-C", project, "status", "--porcelain").Output()
	require.NoError(t, err)
	status, stdout, stderr := invoke(t, "diff", "-base", "main", "-dir", project, "-stack", "dev")
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "      settings.size: \"3\" -> \"4\"\n")
	require.Contains(t, stdout, "  new waiver: resource d, rule a, stacks dev: c\n  dropped waiver: resource b, rule a, stacks dev\n")
	after, err := exec.CommandContext(t.Context(), "git", "-C", project, "status", "--porcelain").Output()
	require.NoError(t, err)
	require.Equal(t, string(state), string(after))
	trees, err := exec.CommandContext(t.Context(), "git", "-C", project, "worktree", "list").Output()
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(trees), "\n"))

	// A stack that the base does not have has nothing to be compared with; one that this tree cannot plan is an error.
	require.NoError(t, os.Rename(filepath.Join(project, "Pulumi.dev.yaml"), filepath.Join(project, "Pulumi.next.yaml")))
	status, stdout, stderr = invoke(t, "diff", "-base", "main", "-dir", project, "-stack", "next")
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "next: there is nothing to compare with\n  main cannot be planned: stack \"next\" has no file")
	status, stdout, stderr = invoke(t, "diff", "-base", "main", "-dir", project, "-stack", "absent")
	require.Equal(t, failed, status)
	require.Empty(t, stdout)
	require.Contains(t, stderr, `stack "absent" has no file`)
}
