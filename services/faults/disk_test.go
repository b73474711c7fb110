package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
)

// onSmallDisk runs a shell command with a tmpfs of so many KiB at dir, in a mount namespace of its own.
func onSmallDisk(t *testing.T, kib int, dir, command string, args ...string) *exec.Cmd {
	t.Helper()
	flags := []string{"--mount"}
	if os.Geteuid() != 0 {
		flags = append(flags, "--map-root-user")
	}
	probe := append(append([]string(nil), flags...), "mount", "-t", "tmpfs", "none", dir)
	if out, err := exec.Command("unshare", probe...).CombinedOutput(); err != nil {
		t.Fatalf("This test needs a small file system and may not mount one: %v\n%s\nRun the tests as root (in a container: with "+
			"CAP_SYS_ADMIN), or allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, and on Ubuntu "+
			"kernel.apparmor_restrict_unprivileged_userns=0), and have util-linux's unshare and mount on the PATH.", err, out)
	}
	script := fmt.Sprintf(`mount -t tmpfs -o size=%dk none "$0" && %s`, kib, command)
	return exec.Command("unshare", append(append(flags, "sh", "-c", script, dir), args...)...)
}

// A person's download to a full disk fails with a word about it and leaves nothing behind, whether space is reserved first (a
// large file) or found missing by writing (a small one).
func TestFetchToAFullDisk(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.backend(nil)
	for size, disk := range map[int]int{part + 1: 3 << 10, 900 << 10: 512} {
		o := s.upload(size)
		dir := t.TempDir()
		cmd := onSmallDisk(
			t,
			disk,
			dir,
			`"$1" fetch "$2" --output "$0"; code=$?; find "$0" -type f -printf "left behind: %p\n"; exit $code`,
			binary(t, "agent"),
			o.Id,
		)
		p := launch(t, "fetch", cmd, s.agentEnv(t.TempDir()))
		require.Equal(t, 1, p.ended())
		p.mu.Lock()
		text := p.text.String()
		p.mu.Unlock()
		require.Contains(t, text, "no space left for the file")
		require.NotContains(t, text, "left behind")
	}
}

// An agent whose disk is too small leases nothing, says so, and burns no attempt: the job is left for another one.
func TestAgentOnAFullDiskLeasesNothing(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.backend(nil)
	o := s.upload(part)
	job := s.submit(o, "f")
	dir := t.TempDir()
	full := launch(t, "agent", onSmallDisk(t, 2<<10, dir, `exec "$1" run`, binary(t, "agent")), s.agentEnv(dir))
	full.await("no space left: leasing stops", 1)
	job = s.job(job.Id)
	require.Equal(t, api.JobStateQueued, job.State)
	require.Zero(t, job.Grants)
	other := t.TempDir()
	s.agent(other, nil).await("lease ended", 1)
	delivered(t, other, "f", o)
	require.Zero(t, s.succeeded(job.Id).Failures)
	_, err := os.Lstat(filepath.Join("/proc", fmt.Sprint(full.cmd.Process.Pid), "root", dir, "files", "f"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
