package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// README's first steps: the client is installed with its manual pages, and runs in a directory of the user's with paths and exit
// codes as they are there.
func TestInstall(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	install := func(variables ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "make", append([]string{"-s", "-C", "../../..", "install"}, variables...)...)
		cmd.Env = append(os.Environ(), "GOBIN=") // whoever runs this may have one
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	install("PREFIX="+filepath.Join(home, ".local"), "DESTDIR=")
	require.FileExists(t, filepath.Join(home, ".local", "share", "man", "man1", "agent-upload.1"))
	install("PREFIX="+filepath.Join(home, "other"), "DESTDIR=", "GOBIN="+filepath.Join(home, "go", "bin"))
	require.FileExists(t, filepath.Join(home, "go", "bin", "agent"))
	require.NoFileExists(t, filepath.Join(home, "other", "bin", "agent"))

	require.NoError(t, os.Mkdir(filepath.Join(home, "data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, "data", "a.bin"), []byte("a"), 0o600))
	for command, want := range map[string]struct {
		code    int
		printed string
	}{
		"--version":          {0, "agent "},
		"no-such-command":    {2, "no such command"},
		"upload data/a.bin":  {1, "cannot be reached"}, // it was found, or else the error would be about the file
		"upload data/no.bin": {4, "no such file"},
	} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(home, ".local", "bin", "agent"), strings.Fields(command)...)
		cmd.Dir = home
		cmd.Env = []string{"HOME=" + home, "AGENT_API_URL=http://127.0.0.1:1", "AGENT_TOKEN=t", "AGENT_INSECURE_SOURCES=true"}
		var printed bytes.Buffer
		cmd.Stdout, cmd.Stderr = &printed, &printed
		err := cmd.Run()
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exit.ExitCode()
		}
		require.Equal(t, want.code, code, "%s: %s", command, &printed)
		require.Contains(t, printed.String(), want.printed, command)
	}
}
