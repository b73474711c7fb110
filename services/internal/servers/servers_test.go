package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// A directory may be deeper than what fits the path of a socket, 103 bytes on macOS and 107 on Linux.
func TestPostgresInADeepDirectory(t *testing.T) {
	t.Parallel()
	p, err := StartPostgres(t.Context(), filepath.Join(reachable(t), strings.Repeat("d", 120)))
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Remove()) }()
	require.NoError(t, p.CreateDatabase(t.Context(), "backend"))
	conn, err := pgx.Connect(t.Context(), p.URL("backend"))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var directories string
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW unix_socket_directories").Scan(&directories))
	require.Empty(t, directories)
}

// Where an address is missing, the error says which, and how to get it. 192.0.2.1 is for documentation: no machine has it.
func TestListenSaysWhichAddressIsMissing(t *testing.T) {
	t.Parallel()
	l, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = Listen("192.0.2.1:0")
	require.ErrorContains(t, err, "this machine has no address 192.0.2.1")
	require.ErrorContains(t, err, "ip address add 127.0.0.1/8 dev lo")
	_, err = Listen("127.0.0.1:-1")
	require.NotContains(t, err.Error(), "this machine")
}

// A shell that does not exec its program leaves that behind when it is stopped.
func TestWhatAProcessLeavesBehindEndsWithIt(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	cmd := exec.Command("sh", "-c", `sleep 1000 & echo $! > "$0.new" && mv "$0.new" "$0"; wait`, file)
	cmd.Stdout = os.Stderr
	p, err := StartProcess(cmd)
	require.NoError(t, err)
	defer p.Stop(syscall.SIGKILL, time.Minute)
	var pid int
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(file)
		if err == nil {
			_, err = fmt.Sscan(string(text), &pid)
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, syscall.Kill(pid, 0))
	p.Stop(syscall.SIGTERM, time.Minute)
	require.Equal(t, -1, p.ExitCode())
	require.Eventually(t, func() bool { return gone(pid) }, time.Minute, 10*time.Millisecond)
}

// gone tells whether a process has ended. One that nobody has waited for is still listed, as a zombie.
func gone(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err != nil || strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

// reachable is a directory that another user may go through: as root, PostgreSQL runs as one.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "servers-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}
