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

// A file system is mounted below the output directory: a file cannot be published there by a rename. That is said before a byte is
// fetched, also where both are mounts of one disk.
func TestFetchBelowAMountPoint(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.backend(nil)
	o := s.upload(1000)
	for name, mount := range map[string]string{"another disk": "true", "the same disk": `umount "$0" && mount --bind "$0/.." "$0"`} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			dir := filepath.Join(out, "f")
			require.NoError(t, os.Mkdir(dir, 0o755))
			// The file's name is f: here it is a directory, and so the name of a file below it is chosen by a job.
			job := s.submit(o, "f/below/"+filepath.Base(out))
			command := mount + ` && exec "$1" run`
			cmd := onSmallDisk(t, 4<<10, dir, command, binary(t, "agent"))
			env := s.agentEnv(t.TempDir())
			env["AGENT_OUTPUT_DIR"] = out
			p := launch(t, "agent", cmd, env)
			ended := p.await("lease ended", 1)
			require.Equal(t, "failed", ended["outcome"])
			require.Contains(t, ended["detail"], "the destination is on another file system than the output directory: f is a mount point")
			require.Zero(t, ended["fetched"])
			_, err := s.client().CancelJob(t.Context(), job.Id)
			require.NoError(t, err)
		})
	}
}
