package demo

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"scalable-backend/services/agent/config"
)

func TestSizesAddUpAndHoldTheEdgeCases(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(len(edgeSizes)+1, 500).Draw(t, "files")
		total := rapid.Int64Range(edgeBytes+int64(n), 1<<32).Draw(t, "bytes")
		got := sizes(n, total, rapid.Uint64().Draw(t, "seed"))
		require.Len(t, got, n)
		require.Equal(t, edgeSizes, got[:len(edgeSizes)])
		sum := int64(0)
		for _, s := range got[len(edgeSizes):] {
			require.Positive(t, s)
			sum += s
		}
		require.Equal(t, total, sum+edgeBytes)
	})
}

func TestParseSettings(t *testing.T) {
	s, err := ParseSettings(nil)
	require.NoError(t, err)
	require.Equal(t, Settings{Files: 200, Bytes: 1 << 30, Agents: 3}, s)

	s, err = ParseSettings(map[string]string{"DEMO_FILES": "10", "DEMO_BYTES": "64MiB", "DEMO_AGENTS": "2", "DEMO_KEEP": "1"})
	require.NoError(t, err)
	require.Equal(t, Settings{Files: 10, Bytes: 64 << 20, Agents: 2, Keep: true}, s)
	s, err = ParseSettings(map[string]string{"DEMO_BACKEND": " sh  own.sh "})
	require.NoError(t, err)
	require.Equal(t, []string{"sh", "own.sh"}, s.Backend)

	_, err = ParseSettings(map[string]string{
		"DEMO_FILES": "4", "DEMO_BYTES": "lots", "DEMO_AGENTS": "0", "DEMO_KEEP": "yes", "DEMO_BACKEND": "no-such-program-1 own.sh",
	})
	for _, key := range []string{"DEMO_FILES", "DEMO_BYTES", "DEMO_AGENTS", "DEMO_KEEP", "DEMO_BACKEND"} {
		require.ErrorContains(t, err, key)
	}
	_, err = ParseSettings(map[string]string{"DEMO_BYTES": "16MiB"})
	require.ErrorContains(t, err, "DEMO_BYTES")
}

// The exports work when they are pasted as they are printed, and a command of a shell with nothing else takes them.
func TestExports(t *testing.T) {
	d := &demo{publicURL: "http://127.0.0.1:40123", adminToken: "demo-" + rand.Text()}
	var out strings.Builder
	newDisplay(&out).print(d.exports())
	shell := exec.Command("sh", "-eu", "-c", out.String()+"env")
	shell.Env = []string{"PATH=" + os.Getenv("PATH")}
	printed, err := shell.Output()
	require.NoError(t, err)
	env := map[string]string{}
	for line := range strings.Lines(string(printed)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.HasPrefix(name, "AGENT_") {
			env[name] = value
		}
	}
	require.Equal(t, map[string]string{
		"AGENT_API_URL": d.publicURL, "AGENT_TOKEN": d.adminToken, "AGENT_INSECURE_SOURCES": "true",
	}, env)
	_, err = config.ParseClient(env)
	require.NoError(t, err)
}

// The summary fits a terminal of 80 columns and loses no word, however large its numbers are.
func TestSummaryFitsATerminal(t *testing.T) {
	const long = "pause: agent-16 by SIGSTOP for 1234.5 s (a lease lasts 6s) with 1000 leases; 1000 jobs taken over, the last one done " +
		"12345.6 s after"
	text := summary([][2]string{
		{"download", "12345 MB/s in 12345.6 s, all of the following included"},
		{"survived", long + "\nawake, it found 1000 leases lost and published nothing under them"}, {"digests verified", "1 of 1"},
	})
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), 80, line)
		require.Equal(t, strings.TrimRight(line, " \n"), strings.TrimSuffix(line, "\n"), "nothing at the end of a line")
	}
	require.Contains(t, strings.Join(strings.Fields(text), " "), long)
	require.Contains(t, text, "\n  survived           pause: agent-16 by SIGSTOP for 1234.5 s (a lease lasts 6s)\n"+
		"                       with 1000 leases;")
	require.Contains(t, text, "\n                     awake, it found")
	require.Contains(t, text, "\n  digests verified   1 of 1\n")
}

// Each way in which an output can be wrong is found.
func TestVerifyOutput(t *testing.T) {
	source, out := t.TempDir(), t.TempDir()
	files, err := makeFiles(source, Settings{Files: 6, Bytes: edgeBytes + 1000}, func(int64) {})
	require.NoError(t, err)
	copyAll := func(dir string) {
		for _, f := range files {
			data, err := os.ReadFile(filepath.Join(source, f.name))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, f.name), data, 0o600))
		}
	}
	copyAll(out)
	v, err := verifyOutput(files, []string{out, filepath.Join(out, "missing")})
	require.NoError(t, err)
	require.Equal(t, verification{verified: len(files), copies: len(files)}, v)

	require.NoError(t, os.Remove(filepath.Join(out, files[1].name)))
	require.NoError(t, os.WriteFile(filepath.Join(out, files[4].name), []byte("other"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(out, "stray"), nil, 0o600))
	v, err = verifyOutput(files, []string{out})
	require.NoError(t, err)
	require.Equal(t, len(files)-2, v.verified)
	require.Len(t, v.problems, 4, "stray, wrong digest, and two files published by no agent: %v", v.problems)
}
