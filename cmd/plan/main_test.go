package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const program = "../../internal/plan/testdata/program"

// invoke runs the command and returns its exit status and what it wrote.
func invoke(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestPlanPrintsTheTree(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := invoke(t, "-dir", program, "-stack", "dev")
	require.Zero(t, status)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "program (stack dev)")
	require.Contains(t, stdout, "Outputs\n")
}

func TestPlanPrintsTheSameJSONEveryTime(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-json"}, {"-json", "-unknown"}} {
		args = append(args, "-dir", program, "-stack", "dev")
		status, first, stderr := invoke(t, args...)
		require.Zero(t, status)
		require.Empty(t, stderr)
		_, second, _ := invoke(t, args...)
		require.Equal(t, first, second)

		decoder := json.NewDecoder(strings.NewReader(first))
		decoder.DisallowUnknownFields()
		var graph struct {
			Project, Stack string
			Resources      []struct {
				Type, Name, Parent                         string
				Custom, Remote, Protect, RetainOnDelete    bool
				DeleteBeforeReplace                        bool
				Inputs                                     map[string]any
				IgnoreChanges, ReplaceOnChanges, DependsOn []string
				ImportID                                   string
				PropertyDependencies                       map[string][]string
			}
			Outputs map[string]any
		}
		require.NoError(t, decoder.Decode(&graph), "the form of the JSON is a promise")
		require.False(t, decoder.More(), "one object and nothing after it")
		require.NotEmpty(t, graph.Resources)
	}
}

func TestPlanFails(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		args   []string
		status int
		want   []string
	}{
		"on a stack without a file":     {[]string{"-dir", program, "-stack", "none"}, 1, []string{`stack "none" has no file`}},
		"without a stack":               {[]string{"-dir", program}, 1, []string{"no stack: name one of bad, dev"}},
		"with every problem of a stack": {[]string{"-dir", program, "-stack", "bad", "-json"}, 1, []string{"a is wrong", "b is wrong", "c is wrong"}},
		"on an unknown flag":            {[]string{"-nope"}, 2, []string{"flag provided but not defined: -nope"}},
		"on an argument without a flag": {[]string{"-stack", "dev", "extra"}, 2, []string{`unexpected argument "extra"`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := invoke(t, c.args...)
			require.Equal(t, c.status, status)
			require.Empty(t, stdout, "a failed plan prints nothing that could be taken for one")
			for _, want := range c.want {
				require.Contains(t, stderr, want)
			}
		})
	}
}

func TestPlanLinksNoProvider(t *testing.T) {
	t.Parallel()
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	for _, pkg := range strings.Fields(string(output)) {
		for _, unwanted := range []string{"pulumi-aws", "pulumi-awsx", "aws-sdk-go", "pulumi-random"} {
			require.NotContains(t, pkg, unwanted)
		}
	}
}
