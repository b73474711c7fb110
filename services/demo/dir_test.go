package demo

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain is also the demo that TestKilledDemo kills.
func TestMain(m *testing.M) {
	parent := os.Getenv("TEST_CLAIM_BELOW")
	if parent == "" {
		os.Exit(m.Run())
	}
	dir, _, err := claimDir(parent)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "big"), nil, 0o400)
	}
	fmt.Printf("%q %v\n", dir, err)
	select {}
}

// What a demo leaves that was killed, the next one removes; what another one is using stays, and so does everything else.
func TestKilledDemo(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "a [temporary directory")
	require.NoError(t, os.Mkdir(parent, 0o700))
	mine, lock, err := claimDir(parent)
	require.NoError(t, err)
	defer lock.Close()
	other := filepath.Join(parent, dirPrefix+"file")
	require.NoError(t, os.WriteFile(other, nil, 0o600))
	require.NoError(t, os.Symlink(mine, filepath.Join(parent, dirPrefix+"link")))

	killed := exec.Command(os.Args[0])
	killed.Env = append(os.Environ(), "TEST_CLAIM_BELOW="+parent)
	out, err := killed.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, killed.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var left, problem string
	_, err = fmt.Sscanf(line, "%q %s", &left, &problem)
	require.NoError(t, err)
	require.Equal(t, "<nil>", problem)

	removed, err := removeLeft(parent)
	require.NoError(t, err)
	require.Empty(t, removed, "both run")
	require.NoError(t, killed.Process.Kill())
	_ = killed.Wait()
	removed, err = removeLeft(parent)
	require.NoError(t, err)
	require.Equal(t, []string{left}, removed)
	require.NoDirExists(t, left)
	require.DirExists(t, mine)
	require.FileExists(t, other)
}

// Demos that begin at the same moment do not take each other's directories away.
func TestDemosBeginTogether(t *testing.T) {
	parent := t.TempDir()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if _, err := removeLeft(parent); err != nil {
					t.Error(err)
				}
				dir, lock, err := claimDir(parent)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(dir); err != nil {
					t.Error("a demo that runs has lost its directory:", err)
				}
				_ = os.Remove(dir)
				_ = lock.Close()
			}
		})
	}
	all.Wait()
}
