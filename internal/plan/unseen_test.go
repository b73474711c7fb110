package plan

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// environments is a project with a stack that takes values from environments, and with a local file of this text, unless it is "".
func environments(t *testing.T, stack, local string) Options {
	t.Helper()
	o := options()
	o.StackFile = stackFile(t, stack)
	if local != "" {
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(o.StackFile), "Pulumi.dev.local.yaml"), []byte(local), 0o600))
	}
	return o
}

const shared = "environment: [team/shared, team/dev]\n"

// A plan of a stack with environments says what it cannot see, whether it comes to an end or not.
func TestUnseenEnvironments(t *testing.T) {
	t.Parallel()
	g, err := Run(t.Context(), environments(t, shared+"config: {settings: {size: 3}, token: open}", ""))
	require.NoError(t, err)
	require.Equal(t, &Unseen{File: "Pulumi.dev.yaml", Local: "Pulumi.dev.local.yaml", Environments: []string{"team/shared", "team/dev"},
		Keys: g.Unseen.Keys}, g.Unseen)
	require.Contains(t, g.Unseen.Keys, "aws:region")
	require.NotContains(t, g.Unseen.Keys, "settings")
	require.Equal(t, []string{g.Unseen.String()}, g.Warnings)
	for _, want := range []string{"Pulumi.dev.yaml: environment team/shared, team/dev cannot be opened",
		"These keys have no value here: aws:region",
		"-set key=value", "Pulumi.dev.local.yaml"} {
		require.Contains(t, g.Unseen.String(), want)
	}

	o := environments(t, shared+"config: {}", "")
	o.ConfigOverrides = map[string]string{"behaviour": "fail"}
	_, err = Run(t.Context(), o)
	var unseen *UnseenError
	require.ErrorAs(t, err, &unseen)
	require.ErrorContains(t, err, "a is wrong")
	require.ErrorContains(t, err, "Pulumi.dev.local.yaml")
	require.NotContains(t, unseen.Unseen.Keys, "behaviour", "-set gives it")

	// A definition of the file's own, which needs a login all the same.
	g, err = Run(t.Context(), environments(t, "environment: {values: {pulumiConfig: {token: open}}}\nconfig: {settings: {size: 3}}", ""))
	require.NoError(t, err)
	require.Equal(t, []string{definedHere}, g.Unseen.Environments)
}

// Every form of `environment:` that the CLI reads, and one that it does not.
func TestNamesOfEnvironments(t *testing.T) {
	t.Parallel()
	const rest = "\nconfig: {settings: {size: 3}, token: open}"
	for text, want := range map[string][]string{
		"environment: [team/shared@3, yaml]":                                {"team/shared@3", "yaml"},
		"environment: {imports: [team/shared]}":                             {"team/shared", definedHere},
		"environment: {imports: [team/shared], values: {a: 1}}":             {"team/shared", definedHere},
		"environment: {imports: team/shared}":                               {definedHere}, // faulty, which a login would show
		"environment: {values: {pulumiConfig: {token: {fn::secret: abc}}}}": {definedHere},
	} {
		o := environments(t, text+rest, "")
		s, err := load(o.Dir, o)
		require.NoError(t, err, text)
		require.Equal(t, want, s.unseen.Environments, text)
	}
	for _, none := range []string{"environment: []", "environment:", "environment: null"} {
		o := environments(t, none+rest, "")
		s, err := load(o.Dir, o)
		require.NoError(t, err, none)
		require.Nil(t, s.unseen, none)
	}
	o := environments(t, "environment: team/shared"+rest, "")
	_, err := load(o.Dir, o)
	require.ErrorContains(t, err, "reading Pulumi.dev.yaml: environment: want a list of environments")
}

// Values of the local file stand in for those of the environments: what the stack's file and -set say wins, within objects, too.
func TestLocalFileStandsInForEnvironments(t *testing.T) {
	t.Parallel()
	const local = "config: {settings: {size: 9, color: blue}, token: local, aws:region: eu-central-1}"
	o := environments(t, shared+"config: {settings: {size: 3}}", local)
	s, err := load(o.Dir, o)
	require.NoError(t, err)
	require.JSONEq(t, `{"size":3,"color":"blue"}`, s.values["program:settings"])
	require.Equal(t, "local", s.values["program:token"])
	require.Equal(t, "eu-central-1", s.values["aws:region"])
	require.NotContains(t, s.unseen.Keys, "aws:region")
	o.ConfigOverrides = map[string]string{"token": "set"}
	s, err = load(o.Dir, o)
	require.NoError(t, err)
	require.Equal(t, "set", s.values["program:token"])

	// Without environments the CLI would not see the local file, and so the plan does not.
	o = environments(t, "config: {settings: {size: 3}, token: open}", local)
	s, err = load(o.Dir, o)
	require.NoError(t, err)
	require.Nil(t, s.unseen)
	require.Equal(t, "open", s.values["program:token"])

	_, err = Run(t.Context(), environments(t, shared, "config: ["))
	require.ErrorContains(t, err, "reading Pulumi.dev.local.yaml")
}

func TestStacksLeaveLocalFilesOut(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a [project")
	require.NoError(t, os.Mkdir(dir, 0o700))
	for _, name := range []string{"Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.dev.local.yaml", "Pulumi.local.yaml", "Pulumi.locals.yaml"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.Equal(t, []string{"dev", "locals"}, Stacks(dir))
}
