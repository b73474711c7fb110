package stack_test

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/opstest"
	"scalable-backend/cmd/ops/stack"
)

const (
	project = "name: scalable-backend\nruntime: go\nconfig:\n  network:\n    type: object\n    default: {}\n"
	prod    = "config:\n  aws:region: eu-central-1\n  aws:allowedAccountIds: [\"012345678901\"]\n  compute:\n    instanceType: m7g.large\n"
	outputs = `{"loadBalancerArn": "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/x/1",
		"logGroups": {"backend": "/b"}, "token": "[secret]", "clusterName": "c"}`
	asked = "pulumi stack output --json --show-secrets=false --non-interactive --stack "
)

func source(t *testing.T, args ...string) *stack.Source {
	t.Helper()
	flags := flag.NewFlagSet("x", flag.ContinueOnError)
	s := stack.Flags(flags)
	require.NoError(t, flags.Parse(args))
	return s
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := opstest.Project(t, "Pulumi.yaml", project, "Pulumi.prod.yaml", prod, "outputs.json", outputs)
	for name, args := range map[string][]string{
		"named":    {"-C", dir, "-stack", "prod"},
		"in full":  {"-C", dir, "-stack", "acme/scalable-backend/prod"},
		"a file":   {"-C", dir, "-stack", "prod", "-outputs", filepath.Join(dir, "outputs.json")},
		"selected": {"-C", dir},
	} {
		b := opstest.NewBench(t, opstest.NewAWS(t))
		if !strings.HasPrefix(name, "a file") {
			b.Programs["pulumi stack --show-name --non-interactive"] = "prod\n"
			b.Programs[asked+"prod"], b.Programs[asked+"acme/scalable-backend/prod"] = outputs, outputs
		}
		s, err := source(t, args...).Load(t.Context(), b.Env)
		require.NoError(t, err, name)
		require.Equal(t, []string{"scalable-backend", "prod"}, []string{s.Project, s.Name})
		region, err := s.Region()
		require.NoError(t, err)
		require.Equal(t, "eu-central-1", region)
		require.Equal(t, []string{"111122223333"}, s.Accounts(), "what is deployed says more than what is allowed")
		require.Equal(t, "m7g.large", s.Config("compute", "instanceType"))
		require.Empty(t, s.Config("compute", "instanceType", "x"))
		require.Empty(t, s.Config("network"))
		require.Equal(t, "/b", s.LogGroup("backend"))
		require.Empty(t, s.LogGroup("agents"))
		require.True(t, s.Agents())
		_, err = s.Output("token")
		require.EqualError(t, err, `the output token of the stack prod: want a text, got "[secret]"`)
		_, err = s.Output("apiUrl")
		require.ErrorContains(t, err, "has no output apiUrl: run pulumi up first")
	}
}

func TestFilesOfAStackWithoutOutputs(t *testing.T) {
	t.Parallel()
	b := opstest.NewBench(t, opstest.NewAWS(t))
	b.Variables["PULUMI_STACK"] = "prod"
	s, err := source(t, "-C", opstest.Project(t, "Pulumi.yaml", project, "Pulumi.prod.yaml", prod)).Files(t.Context(), b.Env)
	require.NoError(t, err)
	require.Equal(t, []string{"012345678901"}, s.Accounts(), "the zero stays")
	require.Empty(t, b.Ran)
}

func TestConfigForms(t *testing.T) {
	t.Parallel()
	b := opstest.NewBench(t, opstest.NewAWS(t))
	dir := opstest.Project(t,
		"Pulumi.yaml", "name: p\nstackConfigDir: stacks\nconfig:\n  aws:region: us-west-2\n  stack:\n    value: {tag: a}\n",
		"Pulumi.empty.yaml", "")
	s, err := source(t, "-C", dir, "-stack", "empty").Files(t.Context(), b.Env)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "stacks", "Pulumi.empty.yaml"), s.File)
	require.Equal(t, []string{"us-west-2", "a"}, []string{s.Config("aws:region"), s.Config("stack", "tag")}, "values for all stacks")

	dir = opstest.Project(t, "Pulumi.yaml", "name: p\n", "Pulumi.x.yaml",
		"config:\n  p:compute: &c\n    minSize: 0x10\n    spot: ~\n  again: *c\n  aws:allowedAccountIds: '[\"012345678901\"]'\n")
	s, err = source(t, "-C", dir, "-stack", "x").Files(t.Context(), b.Env)
	require.NoError(t, err)
	got := []string{s.Config("compute", "minSize"), s.Config("compute", "spot"), s.Config("again", "minSize")}
	require.Equal(t, []string{"0x10", "", "0x10"}, got)
	require.Equal(t, []string{"012345678901"}, s.Accounts())
	_, err = s.Region()
	require.ErrorContains(t, err, "Pulumi.x.yaml: aws:region is not set")
}

func TestLoadFails(t *testing.T) {
	t.Parallel()
	dir := opstest.Project(t, "Pulumi.yaml", project, "Pulumi.prod.yaml", prod, "Pulumi.list.yaml", "- a\n", "Pulumi.bad.yaml", "a: [\n",
		"empty.json", "{}", "bad.json", "[1]")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-C", t.TempDir(), "-stack", "prod"}, "there is no Pulumi.yaml there or above"},
		{[]string{"-C", dir}, "which stack? Give -stack <name> (pulumi is not installed)"},
		{[]string{"-C", dir, "-stack", "prod"}, "the Pulumi CLI is not installed: give the stack's outputs as -outputs <file>"},
		{[]string{"-C", dir, "-stack", "prod/"}, "want the name of a stack"},
		{[]string{"-C", dir, "-stack", "-x"}, "want the name of a stack"},
		{[]string{"-C", dir, "-stack", "list"}, "Pulumi.list.yaml: want a YAML mapping"},
		{[]string{"-C", dir, "-stack", "bad"}, "Pulumi.bad.yaml: yaml:"},
		{[]string{"-C", dir, "-stack", "prod", "-outputs", dir + "/none.json"}, "no such file"},
		{[]string{"-C", dir, "-stack", "prod", "-outputs", dir + "/bad.json"}, "bad.json: want the stack's outputs as a JSON object"},
		{[]string{"-C", dir, "-stack", "prod", "-outputs", dir + "/empty.json"}, "the stack prod has no outputs: run pulumi up first"},
	} {
		_, err := source(t, c.args...).Load(t.Context(), opstest.NewBench(t, opstest.NewAWS(t)).Env)
		require.ErrorContains(t, err, c.want, c.args)
	}
}
