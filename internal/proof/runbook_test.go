package proof

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shellBlocks matches the shell commands of a page, also those inside a list.
var shellBlocks = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```")

// pages returns the text of every page with commands, by its path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	all := map[string]string{}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		files = append(files, filepath.Join(root, name))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name, err := filepath.Rel(root, file)
		require.NoError(t, err)
		all[name] = string(text)
	}
	return all
}

// What a page tells to paste into a shell is shell. A text in angle brackets stands for what the reader fills in.
func TestDocumentedCommandsAreShell(t *testing.T) {
	t.Parallel()
	blocks := 0
	for name, text := range pages(t) {
		for _, block := range shellBlocks.FindAllStringSubmatch(text, -1) {
			blocks++
			check := exec.Command("bash", "-n")
			check.Stdin = strings.NewReader(regexp.MustCompile(`<[a-z ]+>`).ReplaceAllString(block[1], "X"))
			out, err := check.CombinedOutput()
			require.NoError(t, err, "%s: %s\n%s", name, out, block[1])
		}
	}
	require.Greater(t, blocks, 30)
}

// Every output that a page's commands take is one of a stack, and every group of logs too.
func TestDocumentedOutputsExist(t *testing.T) {
	t.Parallel()
	outputs, groups := map[string]bool{}, map[string]bool{}
	for _, stack := range []string{"dev", "other"} { // some come only with a key that other sets
		g := planned(t, stack)
		for name, value := range g.Outputs {
			outputs[name] = true
			if byName, ok := value.(map[string]any); ok && name == "logGroups" {
				for group := range byName {
					groups[group] = true
				}
			}
		}
	}
	output := regexp.MustCompile(`(?:\bout|pulumi stack output) ([a-z]+[A-Z]\w+)`)
	group := regexp.MustCompile("[(`]logs ([a-z]\\w+)")
	for name, text := range pages(t) {
		for _, m := range output.FindAllStringSubmatch(text, -1) {
			require.True(t, outputs[m[1]], "%s takes the output %q, which no stack has", name, m[1])
		}
		for _, m := range group.FindAllStringSubmatch(text, -1) {
			require.True(t, groups[m[1]], "%s reads the logs %q, which logGroups does not name", name, m[1])
		}
	}
	runbook := pages(t)["docs/runbook.md"]
	require.Greater(t, len(output.FindAllString(runbook, -1)), 40)
	require.Greater(t, len(group.FindAllString(runbook, -1)), 4)
}

// The runbook uses no helper that its first block does not define, and defines none that nothing uses.
func TestRunbookHelpers(t *testing.T) {
	t.Parallel()
	text := section(t, "docs/runbook.md", "## Procedures", "### ")
	runbook := pages(t)["docs/runbook.md"]
	for _, name := range []string{"out", "logs", "instances", "refresh"} {
		require.Contains(t, text, name+"() {")
		require.Regexp(t, "(?m)(\\$\\(|^|`)"+name+"\\b", runbook)
	}
}

// The command that says which images ran finds the one that a planned instance runs in its user data.
func TestRollBackFindsTheImage(t *testing.T) {
	t.Parallel()
	const pattern = "[^' ]*@sha256:[0-9a-f]*"
	require.Contains(t, pages(t)["docs/runbook.md"], `grep --only-matching --max-count 1 "$(out backendRepositoryUrl)`+pattern+`"`)
	g := planned(t, "prod")
	encoded, _ := input(t, only(t, g, "aws:ec2/launchTemplate:LaunchTemplate"), "userData").(string)
	script, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	find := exec.Command("grep", "--only-matching", "--max-count", "1", g.Outputs["backendRepositoryUrl"].(string)+pattern)
	find.Stdin = strings.NewReader(string(script))
	found, err := find.Output()
	require.NoError(t, err)
	require.Equal(t, g.Outputs["backendImage"].(string)+"\n", string(found))
}

// Every link within the documentation leads to a page and a heading that exist.
func TestDocumentedLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([\w./-]*\.md)?(?:#([\w-]+))?\)`)
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	all := pages(t)
	anchors := map[string]map[string]bool{}
	for name, text := range all {
		anchors[name] = map[string]bool{}
		for _, m := range heading.FindAllStringSubmatch(text, -1) {
			anchors[name][anchor(m[1])] = true
		}
	}
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			page := name
			if m[1] != "" {
				page = filepath.Join(filepath.Dir(name), m[1])
			}
			require.Contains(t, anchors, page, "%s: %s", name, m[0])
			require.True(t, m[2] == "" || anchors[page][m[2]], "%s: %s: no such heading", name, m[0])
		}
	}
}

// anchor is what a heading is linked by: GitHub keeps letters, digits, dashes and underscores, and makes dashes of spaces.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127:
			return r
		}
		return -1
	}, strings.ToLower(heading))
}
