package proof

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// workflow is what the tests read of a file in .github/workflows.
type workflow struct {
	On          any               `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Concurrency any               `yaml:"concurrency"`
	Jobs        map[string]struct {
		Permissions map[string]string `yaml:"permissions"`
		Timeout     int               `yaml:"timeout-minutes"`
		Steps       []struct {
			Uses string         `yaml:"uses"`
			Run  string         `yaml:"run"`
			With map[string]any `yaml:"with"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

func workflows(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(root + "/.github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		texts[filepath.Base(file)] = string(text)
	}
	return texts
}

// Actions are named by commit, which nobody can move, with the version beside it; nothing can write but what must.
func TestWorkflowsAreSafe(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40}$`)
	versioned := regexp.MustCompile(`uses: \S+ # v\d+\.\d+\.\d+\n`)
	writes := map[string]string{"plan-comment.yml": "pull-requests"}
	for name, text := range workflows(t) {
		var w workflow
		require.NoError(t, yaml.Unmarshal([]byte(text), &w), name)
		require.NotContains(t, text, "pull_request_target", name)
		require.NotNil(t, w.Permissions, "%s: without permissions the token may do what the repository's settings say", name)
		require.NotNil(t, w.Concurrency, name)
		require.Len(t, versioned.FindAllString(text, -1), strings.Count(text, "uses: "), "%s: each action needs its version in a comment", name)
		for job, j := range w.Jobs {
			require.Positive(t, j.Timeout, "%s: job %s may run for six hours", name, job)
			for _, set := range []map[string]string{w.Permissions, j.Permissions} {
				for scope, access := range set {
					require.True(t, access == "read" || scope == writes[name], "%s: job %s: %s: %s", name, job, scope, access)
				}
			}
			for _, step := range j.Steps {
				require.True(t, step.Uses == "" || pinned.MatchString(step.Uses), "%s: %s: want a commit of 40 digits", name, step.Uses)
				if strings.HasPrefix(step.Uses, "actions/checkout@") {
					require.Equal(t, false, step.With["persist-credentials"], "%s: a later step could push with the token that checkout leaves", name)
				}
				require.NotContains(t, step.Run, "${{", "%s: what others name would be run as a script: pass it in env", name)
			}
		}
	}
}

// A text cannot end its block, call anybody by @name, or be longer than a comment may be.
func TestFence(t *testing.T) {
	t.Parallel()
	fenced := func(text string) string {
		file := filepath.Join(t.TempDir(), "plan.txt")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		out, err := exec.CommandContext(t.Context(), root+"/scripts/ci/fence.sh", file).Output()
		require.NoError(t, err)
		return string(out)
	}
	got := fenced("one\n~~~~~~~~~~~~~~~~\n  ~~~~~~~~~~~~~~\n    ~~~~\n@team \x1b[31mred\x00\n")
	require.Equal(t, "~~~~~~~~~~~~text\none\n ~ ~~~~~~~~~~~~~~\n   ~ ~~~~~~~~~~~~\n    ~~~~\n@team [31mred\n\n~~~~~~~~~~~~\n", got)
	long := fenced(strings.Repeat("0123456789\n", 10_000))
	require.Less(t, len(long), 65_536-1_000, "the comment needs room for its frame")
	require.Contains(t, long, "~~~~~~~~~~~~\n\nThe rest is cut")
}

// The comment is edited where there is one, and goes only to the pull request whose newest commit was planned.
func TestPlanComment(t *testing.T) {
	t.Parallel()
	const gh = `#!/bin/sh
printf '%s\n' "$*" >> "$CALLS"
case "$*" in
*"/pulls "*) printf '%s' "$NUMBER" ;;
*"/comments --jq"*) printf '%s' "$COMMENT" ;;
*body=@*) for a in "$@"; do case $a in body=@*) cat "${a#body=@}" >> "$CALLS" ;; esac; done ;;
esac
`
	run := func(number, comment string) string {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(dir+"/gh", []byte(gh), 0o700))
		require.NoError(t, os.WriteFile(dir+"/plan.txt", []byte("== dev\n\nnothing changes\n"), 0o600))
		command := exec.CommandContext(t.Context(), root+"/scripts/ci/plan-comment.sh", dir+"/plan.txt")
		command.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "CALLS="+dir+"/calls", "NUMBER="+number, "COMMENT="+comment,
			"REPOSITORY=o/r", "HEAD_OWNER=someone", "HEAD_BRANCH=a b", "HEAD_SHA="+strings.Repeat("ab", 20))
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
		calls, err := os.ReadFile(dir + "/calls")
		require.NoError(t, err)
		return string(calls)
	}
	created := run("7", "")
	require.Contains(t, created, "head=someone:a b")
	require.Contains(t, created, "--method POST repos/o/r/issues/7/comments")
	require.Contains(t, created, "\n~~~~~~~~~~~~text\n== dev\n")
	edited := run("7", "41\n42")
	require.Contains(t, edited, "--method PATCH repos/o/r/issues/comments/41")
	require.NotContains(t, edited, "POST")
	require.NotContains(t, run("", ""), "body=")
}
