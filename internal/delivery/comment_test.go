package delivery

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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
	run := func(number, comment string) string {
		s := newSandbox(t, map[string]string{"gh": `case "$*" in
*"/pulls "*) printf '%s' '` + number + `' ;;
*"/comments --jq"*) printf '%s' '` + comment + `' ;;
*body=@*) for a in "$@"; do case $a in body=@*) cat "${a#body=@}" >> "$CALLS" ;; esac; done ;;
esac`})
		require.NoError(t, os.WriteFile(s.dir+"/plan.txt", []byte("== dev\n\nnothing changes\n"), 0o600))
		printed, calls, err := s.bash(t, "scripts/ci/plan-comment.sh plan.txt", map[string]string{
			"REPOSITORY": "o/r", "HEAD_OWNER": "someone", "HEAD_BRANCH": "a b", "HEAD_SHA": strings.Repeat("ab", 20),
		})
		require.NoError(t, err, printed)
		return calls
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
