package proof

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// `make setup` tells in a sentence that Go is too old, whatever Go itself says of it, and takes every later one.
func TestSetupChecksTheGoVersion(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), "\ngo ")
	wanted, _, _ := strings.Cut(rest, "\n")
	setup := func(t *testing.T, goCommand string) (string, error) {
		return setUp(t, map[string]string{"go": goCommand, "cc": "exit 0", "initdb": "exit 0", "postgres": "exit 0"}, os.Getenv("PATH"), "test")
	}
	for _, version := range []string{"go" + wanted, "go1.26.10", "go1.27", "go1.27rc1", "go1.100.0", "go2.0.1", "devel +0123456"} {
		out, err := setup(t, "echo "+version)
		require.NoError(t, err, "%s: %s", version, out)
		require.Empty(t, out, version)
	}
	for _, version := range []string{"go1.26.5", "go1.26", "go1.9.7", "go1.25.12"} {
		out, err := setup(t, "echo "+version)
		require.Error(t, err, version)
		require.Contains(t, out, "setup: this is Go "+strings.TrimPrefix(version, "go")+", which is too old: install Go "+wanted)
	}
	out, err := setup(t, "echo 'go: download go"+wanted+": no network' >&2; exit 1")
	require.Error(t, err)
	require.Contains(t, out, "install Go "+wanted+" or later")
	require.Contains(t, out, "no network")
}

// A C compiler is for the race detector, so tests ask for one and the demo does not.
func TestSetupAsksForACompilerForTestsAlone(t *testing.T) {
	t.Parallel()
	tools := t.TempDir()
	for _, name := range []string{"sh", "sed", "dirname", "sort", "head"} {
		path, err := exec.LookPath(name)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(tools, name)))
	}
	commands := map[string]string{"go": "echo go1.100.0", "initdb": "exit 0", "postgres": "exit 0"}
	out, err := setUp(t, commands, tools)
	require.NoError(t, err, out)
	out, err = setUp(t, commands, tools, "test")
	require.Error(t, err)
	require.Contains(t, out, "setup: a C compiler is missing")
	commands["gcc"] = "exit 0"
	out, err = setUp(t, commands, tools, "test")
	require.NoError(t, err, out)
}

// setUp runs the script with these commands before those of the path.
func setUp(t *testing.T, commands map[string]string, path string, args ...string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	for name, script := range commands {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	run := exec.Command("sh", append([]string{filepath.Join(root, "scripts", "setup.sh")}, args...)...)
	run.Env = []string{"PATH=" + bin + string(filepath.ListSeparator) + path}
	out, err := run.CombinedOutput()
	return string(out), err
}
