package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"scalable-backend/internal/graph"

	"github.com/stretchr/testify/require"
)

const program = "../../internal/plan/testdata/program"

// invoke runs the command and returns its exit status and what it wrote.
func invoke(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, strings.NewReader(""), &out, &errs)
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
			Outputs, Lookups map[string]any
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
		"on a stack without a file": {[]string{"-dir", program, "-stack", "none"}, 1, []string{`stack "none" has no file`}},
		"without a stack":           {[]string{"-dir", program}, 1, []string{"no stack: name one of bad, dev"}},
		"with every problem of a stack": {[]string{"-dir", program, "-stack", "bad", "-json"}, 1,
			[]string{"a is wrong", "b is wrong", "c is wrong"}},
		"on an unknown flag":           {[]string{"-nope"}, 2, []string{"flag provided but not defined: -nope"}},
		"on two ways to print":         {[]string{"-stack", "dev", "-save", "x", "-json"}, 2, []string{"-save prints nothing"}},
		"on half a setting":            {[]string{"-stack", "dev", "-set", "x"}, 2, []string{"want key=value"}},
		"on a graph that is not there": {[]string{"-dir", program, "-stack", "dev", "-diff", "none.json"}, 1, []string{"none.json"}},
		"on a file that is no graph": {[]string{"-dir", program, "-stack", "dev", "-diff", "main.go"}, 1,
			[]string{"main.go: reading a graph"}},
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

func TestPlanPrintsWhatAnUpdateChanges(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "dev.json")
	at := []string{"-dir", program, "-stack", "dev"}
	status, stdout, stderr := invoke(t, append(at, "-save", file)...)
	require.Zero(t, status)
	require.Empty(t, stdout+stderr, "the graph is in the file")

	status, stdout, stderr = invoke(t, append(at, "-diff", file)...)
	require.Zero(t, status)
	require.Empty(t, stderr)
	require.Equal(t, "no difference\n", stdout)

	changed := append(at, "-diff", file, "-set", "settings.size=4", "-set", "token=other")
	status, stdout, _ = invoke(t, changed...)
	require.Zero(t, status)
	require.Contains(t, stdout, "~ aws s3 BucketV2 data-bucket (update)\n")
	require.Contains(t, stdout, "      settings.size: 3 -> 4\n")
	require.Contains(t, stdout, `      token [ignored]: "open" -> "other"`+"\n")

	status, stdout, _ = invoke(t, append(changed, "-json")...)
	require.Zero(t, status)
	var diff graph.Diff
	require.NoError(t, json.Unmarshal([]byte(stdout), &diff))
	require.Equal(t, []string{"aws:s3/bucketV2:BucketV2::data-bucket"}, diff.Keys(graph.Update))
}

func TestPlanReadsTheOtherGraphFromStandardInput(t *testing.T) {
	t.Parallel()
	_, graph, _ := invoke(t, "-dir", program, "-stack", "dev", "-json")
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"-dir", program, "-stack", "dev", "-diff", "-"}, strings.NewReader(graph), &out, &errs)
	require.Zero(t, status, errs.String())
	require.Equal(t, "no difference\n", out.String(), "both forms of a graph are read")
}

func TestPlanLeavesTheFileAloneWhenItFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(file, []byte("what was there"), 0o600))
	status, _, stderr := invoke(t, "-dir", program, "-stack", "bad", "-save", file)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "a is wrong")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "what was there", string(content))
}
