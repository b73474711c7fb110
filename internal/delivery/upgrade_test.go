package delivery

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the newest versions change is shown, and a replacement fails the check. The tree stays as it is, and nothing is left.
func TestUpgradeCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		get, diff string
		fails     bool
		printed   []string
		calls     int // of the program
	}{
		"nothing newer": {":", ":", false, []string{"github.com/pulumi/pulumi/sdk/v3: v1 is the newest", "nothing to check"}, 0},
		"no change": {
			"echo newer >> go.mod; echo v2 > version", "echo 'dev: nothing changes'", false,
			[]string{"pulumi-aws/sdk/v6: v1 -> v2", "dev: nothing changes"}, 4,
		},
		"a replacement": {
			"echo newer >> go.mod", "printf 'dev: 1 resource replaced\\n\\nReplaced or deleted\\n  a b c (replace): x\\n'", true,
			[]string{"a b c (replace)", "upgrade-check: something would be replaced or deleted"}, 4,
		},
		"does not compile": {"echo newer >> go.mod", "echo 'undefined: ec2.Vpc' >&2; exit 1", true, []string{"undefined: ec2.Vpc"}, 2},
		"one is not to be had": {
			`case "$*" in *awsx*) echo 403 Forbidden; exit 1 ;; esac; echo newer >> go.mod`, "echo 'dev: nothing changes'", false,
			[]string{"pulumi-awsx/sdk/v2: v1 is kept: the newest version could not be asked for: 403 Forbidden"}, 4,
		},
		"no network": {"echo no route; exit 1", ":", true, []string{"upgrade-check: no newest version could be asked for"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t, map[string]string{"go": `case "$*" in
"list -m"*) [ -f version ] && cat version || echo v1 ;;
get*) ` + c.get + ` ;;
"-C "*" run ./cmd/plan show"*) ! grep newer "$2/go.mod" || exit 9 ;;
"run ./cmd/plan diff"*) grep -q newer go.mod || exit 9
	for a in "$@"; do case $a in text=*) { ` + c.diff + `
} > "${a#text=}" ;; esac; done ;;
esac`})
			require.NoError(t, os.Remove(filepath.Join(s.dir, "scripts")))
			require.NoError(t, os.CopyFS(filepath.Join(s.dir, "scripts"), os.DirFS(filepath.Join(root, "scripts"))))
			require.NoError(t, os.WriteFile(filepath.Join(s.dir, "go.sum"), nil, 0o600))
			before, err := os.ReadFile(filepath.Join(s.dir, "go.mod"))
			require.NoError(t, err)
			temporary := t.TempDir()
			printed, calls, err := s.bash(t, "sh scripts/upgrade-check.sh", map[string]string{"TMPDIR": temporary})
			require.Equal(t, c.fails, err != nil, printed)
			for _, text := range c.printed {
				require.Contains(t, printed, text)
			}
			require.Equal(t, c.calls, strings.Count(calls, " run ./cmd/plan "), calls)
			after, err := os.ReadFile(filepath.Join(s.dir, "go.mod"))
			require.NoError(t, err)
			require.Equal(t, string(before), string(after))
			left, err := os.ReadDir(temporary)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// It ends when its time is over, whatever it is doing, and takes what it started with it.
func TestUpgradeCheckIsBounded(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, map[string]string{"go": `case "$*" in
"list -m"*) echo v1 ;;
get*) echo newer >> go.mod ;;
*run*) echo $$ > "$FAKES/process"; exec sleep 60 ;;
esac`})
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "go.sum"), nil, 0o600))
	temporary := t.TempDir()
	printed, _, err := s.bash(t, "sh scripts/upgrade-check.sh", map[string]string{"TMPDIR": temporary, "UPGRADE_SECONDS": "1"})
	require.Error(t, err)
	require.Contains(t, printed, "upgrade-check: stopped")
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left)
	_, _, err = s.bash(t, `! kill -0 "$(cat "$FAKES/process")" 2> /dev/null`, nil)
	require.NoError(t, err, "what it started still runs")
}
