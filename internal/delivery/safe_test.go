// Package delivery tests the workflows: what they may do, and each of their steps, run on this machine with stand-ins for the programs that
// speak to GitHub and AWS.
package delivery

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// root is the repository, relative to this directory, where the tests run.
const root = "../.."

// workflow is what the tests read of a file in .github/workflows.
type workflow struct {
	On          any               `yaml:"on"`
	Env         map[string]string `yaml:"env"`
	Permissions map[string]string `yaml:"permissions"`
	Concurrency any               `yaml:"concurrency"`
	Jobs        map[string]job    `yaml:"jobs"`
}

type job struct {
	If          string            `yaml:"if"`
	Environment string            `yaml:"environment"`
	Permissions map[string]string `yaml:"permissions"`
	Timeout     int               `yaml:"timeout-minutes"`
	Env         map[string]string `yaml:"env"`
	Steps       []step            `yaml:"steps"`
}

type step struct {
	ID   string            `yaml:"id"`
	Uses string            `yaml:"uses"`
	Run  string            `yaml:"run"`
	With map[string]any    `yaml:"with"`
	Env  map[string]string `yaml:"env"`
}

// action is what the tests read of an action of this repository.
type action struct {
	Runs struct {
		Steps []step `yaml:"steps"`
	} `yaml:"runs"`
}

// files returns the texts of the files that a pattern matches, by name: of an action, its directory's.
func files(t *testing.T, pattern string) map[string]string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	texts := map[string]string{}
	for _, file := range found {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name := filepath.Base(file)
		if name == "action.yml" {
			name = "./.github/actions/" + filepath.Base(filepath.Dir(file))
		}
		texts[name] = string(text)
	}
	return texts
}

func workflows(t *testing.T) map[string]workflow {
	return parsed[workflow](t, ".github/workflows/*.yml")
}

func actions(t *testing.T) map[string]action {
	return parsed[action](t, ".github/actions/*/action.yml")
}

func parsed[T any](t *testing.T, pattern string) map[string]T {
	t.Helper()
	all := map[string]T{}
	for name, text := range files(t, pattern) {
		var one T
		require.NoError(t, yaml.Unmarshal([]byte(text), &one), name)
		all[name] = one
	}
	return all
}

// writes is what a job may change, besides reading.
var writes = map[string]string{
	"plan-comment.yml comment": "pull-requests",
	"preview.yml preview":      "id-token pull-requests",
	"deploy.yml dev":           "id-token",
	"deploy.yml prod":          "id-token",
	"drift.yml drift":          "id-token issues",
	"release.yml publish":      "attestations contents id-token",
}

// Actions are named by commit, which nobody can move, with the version beside it; nothing can write but what must; no workflow has a
// secret, runs what others name, or trusts a trigger that gives others' code more than a pull request has.
func TestWorkflowsAreSafe(t *testing.T) {
	t.Parallel()
	texts := files(t, ".github/workflows/*.yml")
	for name, w := range workflows(t) {
		require.NotContains(t, texts[name], "pull_request_target", name)
		require.NotContains(t, texts[name], "secrets.", "%s: credentials come by OpenID Connect, for an hour", name)
		require.NotContains(t, texts[name], "self-hosted", name)
		require.Equal(t, name == "plan-comment.yml", strings.Contains(texts[name], "workflow_run"), "%s: it has the rights of main", name)
		require.NotNil(t, w.Permissions, "%s: without permissions the token may do what the repository's settings say", name)
		require.NotNil(t, w.Concurrency, name)
		versioned(t, name, texts[name])
		for name, j := range jobs(name, w) {
			require.Positive(t, j.Timeout, "%s may run for six hours", name)
			for _, set := range []map[string]string{w.Permissions, j.Permissions} {
				for scope, access := range set {
					may := access == "read" || slices.Contains(strings.Fields(writes[name]), scope)
					require.True(t, may, "%s: %s: %s", name, scope, access)
				}
			}
			safeSteps(t, name, j.Steps)
		}
	}
	for name, a := range actions(t) {
		versioned(t, name, files(t, ".github/actions/*/action.yml")[name])
		safeSteps(t, name, a.Runs.Steps)
	}
}

func jobs(name string, w workflow) map[string]job {
	all := map[string]job{}
	for id, j := range w.Jobs {
		all[name+" "+id] = j
	}
	return all
}

func versioned(t *testing.T, name, text string) {
	t.Helper()
	others := regexp.MustCompile(`uses: [^.]`).FindAllString(text, -1)
	require.Len(t, regexp.MustCompile(`uses: \S+ # v\d+\.\d+\.\d+\n`).FindAllString(text, -1), len(others),
		"%s: each action needs its version in a comment", name)
}

func safeSteps(t *testing.T, name string, steps []step) {
	t.Helper()
	pinned := regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40}$`)
	for _, s := range steps {
		require.True(t, s.Uses == "" || strings.HasPrefix(s.Uses, "./.github/actions/") || pinned.MatchString(s.Uses),
			"%s: %s: want a commit of 40 digits", name, s.Uses)
		if strings.HasPrefix(s.Uses, "actions/checkout@") {
			require.Equal(t, false, s.With["persist-credentials"], "%s: a later step could push with the token that checkout leaves", name)
			require.NotContains(t, s.With, "ref", "%s: it takes what the trigger says", name)
		}
		if strings.HasPrefix(s.Uses, "actions/setup-go@") && strings.HasPrefix(name, "release.yml") {
			require.Equal(t, false, s.With["cache"], "%s: what a pull request left in a cache must not get into a release", name)
		}
		require.NotContains(t, s.Run, "${{", "%s: what others name would be run as a script: pass it in env", name)
	}
}

// One commit of an action everywhere.
func TestActionsHaveOneVersion(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, text := range joined(files(t, ".github/workflows/*.yml"), files(t, ".github/actions/*/action.yml")) {
		for _, use := range regexp.MustCompile(`uses: (\S+)@(\S+ # \S+)`).FindAllStringSubmatch(text, -1) {
			if before, ok := seen[use[1]]; ok {
				require.Equal(t, before, use[2], "%s: %s", name, use[1])
			}
			seen[use[1]] = use[2]
		}
	}
	require.Contains(t, seen, "actions/checkout")
}

func joined(sets ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, set := range sets {
		maps.Copy(all, set)
	}
	return all
}

// Who gets a role: a job that asks for one is for own branches, for main, or behind an environment.
func TestRolesAreForTheRepositorysOwnCode(t *testing.T) {
	t.Parallel()
	asks := map[string]string{}
	for name, w := range workflows(t) {
		for name, j := range jobs(name, w) {
			if slices.ContainsFunc(j.Steps, func(s step) bool { return s.Uses == "./.github/actions/stack" }) {
				require.Equal(t, "write", j.Permissions["id-token"], name)
				asks[name] = j.Environment
				first := w.Jobs["settings"].If
				require.True(t, first == "github.ref == 'refs/heads/main'" ||
					strings.HasPrefix(first, "github.event.pull_request.head.repo.full_name == github.repository && "), "%s: %s", name, first)
			}
		}
	}
	require.Equal(t, map[string]string{
		"preview.yml preview": "", "drift.yml drift": "", "deploy.yml dev": "dev", "deploy.yml prod": "prod",
	}, asks)
}

// Dependabot looks at every module and every pinned list.
func TestDependabotKnowsEveryModule(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, ".github/dependabot.yml"))
	require.NoError(t, err)
	var d struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directory   string   `yaml:"directory"`
			Directories []string `yaml:"directories"`
		} `yaml:"updates"`
	}
	require.NoError(t, yaml.Unmarshal(text, &d))
	known := map[string][]string{}
	for _, u := range d.Updates {
		known[u.Ecosystem] = append(append(known[u.Ecosystem], u.Directories...), u.Directory)
	}
	modules := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == ".cache" || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.Name() == "go.mod":
			directory, err := filepath.Rel(root, filepath.Dir(path))
			require.NoError(t, err)
			require.Contains(t, known["gomod"], filepath.Join("/", directory), "add it to .github/dependabot.yml")
			modules++
		}
		return nil
	}))
	require.Greater(t, modules, 4)
	require.Contains(t, known["pip"], "/.github/emulator")
}
