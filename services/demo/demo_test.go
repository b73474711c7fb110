package demo

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
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

	_, err = ParseSettings(map[string]string{"DEMO_FILES": "4", "DEMO_BYTES": "lots", "DEMO_AGENTS": "0", "DEMO_KEEP": "yes"})
	for _, key := range []string{"DEMO_FILES", "DEMO_BYTES", "DEMO_AGENTS", "DEMO_KEEP"} {
		require.ErrorContains(t, err, key)
	}
	_, err = ParseSettings(map[string]string{"DEMO_BYTES": "16MiB"})
	require.ErrorContains(t, err, "DEMO_BYTES")
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
