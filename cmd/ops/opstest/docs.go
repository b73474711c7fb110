package opstest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shown is an output on a page of docs: a line that names its golden file, and the block.
var shown = regexp.MustCompile("(?s)<!-- output: (\\S+) -->\n```\n.*?```\n")

// Shown holds the outputs on a page against their golden files, which are named from the directory of cmd/ops; `go test -update` writes
// them again. It returns how many there are.
func Shown(t testing.TB, page, directory string) int {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	found := 0
	got := shown.ReplaceAllStringFunc(string(text), func(block string) string {
		found++
		name := shown.FindStringSubmatch(block)[1]
		golden, err := os.ReadFile(filepath.Join(directory, filepath.FromSlash(name)))
		require.NoError(t, err, "%s shows it", page)
		return fmt.Sprintf("<!-- output: %s -->\n```\n%s```\n", name, golden)
	})
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(got), 0o644))
		return found
	}
	require.Equal(t, got, string(text), "%s shows something else than the golden files; make golden", page)
	return found
}

// Permissions are the IAM actions that a page's table names for a command, without the services: a row that begins with | `rollout` |.
func Permissions(t testing.TB, page, command string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	var out []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || strings.TrimSpace(cells[1]) != "`"+command+"`" {
			continue
		}
		for _, action := range regexp.MustCompile("`[a-z0-9-]+:([A-Za-z]+)`").FindAllStringSubmatch(cells[2], -1) {
			out = append(out, action[1])
		}
	}
	slices.Sort(out)
	return out
}
