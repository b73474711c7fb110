package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every `agent …` command in the documentation exists, with its flags, and takes that many arguments.
func TestDocumentedCommandsExist(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```")
	line := regexp.MustCompile(`(?m)^ *agent ([^#|\n]*)`)
	inline := regexp.MustCompile("`agent ([^`]*)`")
	seen := 0
	for _, page := range []string{"README.md", "docs/runbook.md"} {
		text, err := os.ReadFile("../../../" + page)
		require.NoError(t, err)
		var commands []string
		for _, b := range block.FindAllStringSubmatch(string(text), -1) {
			for _, m := range line.FindAllStringSubmatch(b[1], -1) {
				commands = append(commands, m[1])
			}
		}
		for _, m := range inline.FindAllStringSubmatch(block.ReplaceAllString(string(text), ""), -1) {
			commands = append(commands, m[1])
		}
		for _, command := range commands {
			seen++
			root := (&app{}).root()
			c, rest, err := root.Find(strings.Fields(command))
			require.NoError(t, err, "%s: agent %s", page, command)
			require.NotEqual(t, root, c, "%s: agent %s", page, command)
			require.NoError(t, c.ParseFlags(rest), "%s: agent %s", page, command)
			require.NoError(t, c.ValidateArgs(c.Flags().Args()), "%s: agent %s", page, command)
		}
	}
	require.Greater(t, seen, 15)
}
