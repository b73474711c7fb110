//go:build images

package imagetest

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/internal/servers"
)

// patience bounds every wait for something that must happen.
const patience = 90 * time.Second

// spec is how a container is run, in runc's words (OCI Runtime Specification).
type spec struct {
	args        []string
	environment map[string]string
	uid, gid    int
	readOnly    bool
	nofile      uint64
	memory      int64            // bytes; 0 is no limit
	pids        int64            // 0 is no limit
	mounts      []map[string]any // besides those that every container has
}

// container is a running program of an image.
type container struct {
	t       *testing.T
	id      string
	state   string // runc's directory
	root    string // of the unpacked image
	process *servers.Process
	cmd     *exec.Cmd

	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps what the program prints.
func (c *container) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(b)
}

func (c *container) log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// unpacked lays an image out in a directory that everyone may enter, as a container's root is.
func unpacked(t *testing.T, i *image) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	require.NoError(t, i.unpack(root))
	return root
}

// start runs an unpacked image until the test ends.
func start(t *testing.T, id, root string, s spec) *container {
	t.Helper()
	bundle := t.TempDir()
	text, err := json.Marshal(runtimeSpec(id, root, s))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(bundle, "config.json"), text, 0o600))
	c := &container{t: t, id: id, state: filepath.Join(bundle, "state"), root: root}
	c.cmd = exec.Command("runc", "--root", c.state, "run", "--bundle", bundle, id)
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.WaitDelay = c, c, 5*time.Second
	c.process, err = servers.StartProcess(c.cmd)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = exec.Command("runc", "--root", c.state, "delete", "--force", id).Run()
		c.process.Stop(syscall.SIGKILL, patience)
		if t.Failed() {
			log := c.log()
			t.Logf("the log of %s:\n%s", id, log[max(0, len(log)-6<<10):])
		}
	})
	return c
}

// await waits until the program has logged a message so many times, and returns the lines.
func (c *container) await(message string, times int) []map[string]any {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var found []map[string]any
		for line := range strings.SplitSeq(c.log(), "\n") {
			var entry map[string]any
			if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == message {
				found = append(found, entry)
			}
		}
		if len(found) >= times {
			return found
		}
		select {
		case <-c.process.Done():
			require.Fail(c.t, c.id+" ended", "before it said %q", message)
		default:
			require.True(c.t, time.Now().Before(deadline), "no %q from %s in %s", message, c.id, patience)
		}
	}
}

// run runs a command in the container and returns what it prints.
func (c *container) run(args ...string) (string, error) {
	out, err := exec.Command("runc", append([]string{"--root", c.state, "exec", c.id}, args...)...).CombinedOutput()
	return string(out), err
}

// signal sends a signal to the program, as docker stop and ECS do.
func (c *container) signal(name string) {
	c.t.Helper()
	require.NoError(c.t, command(c.t.Context(), "", nil, "runc", "--root", c.state, "kill", c.id, name))
}

// ended waits for the program's end and returns its exit code.
func (c *container) ended() int {
	c.t.Helper()
	select {
	case <-c.process.Done():
		return c.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		require.Fail(c.t, c.id+" did not end")
		return 0
	}
}

func runtimeSpec(id, root string, s spec) map[string]any {
	// Whoever runs this may not raise the limit.
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	nofile := min(s.nofile, limit.Max)
	environment := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, key := range slices.Sorted(maps.Keys(s.environment)) {
		environment = append(environment, key+"="+s.environment[key])
	}
	resources := map[string]any{"devices": []any{map[string]any{"allow": false, "access": "rwm"}}}
	if s.memory > 0 {
		resources["memory"] = map[string]any{"limit": s.memory}
	}
	if s.pids > 0 {
		resources["pids"] = map[string]any{"limit": s.pids}
	}
	none := []string{}
	return map[string]any{
		"ociVersion": "1.0.2",
		"process": map[string]any{
			"user": map[string]any{"uid": s.uid, "gid": s.gid}, "args": s.args, "env": environment, "cwd": "/", "noNewPrivileges": true,
			"capabilities": map[string]any{"bounding": none, "effective": none, "inheritable": none, "permitted": none, "ambient": none},
			"rlimits":      []any{map[string]any{"type": "RLIMIT_NOFILE", "soft": nofile, "hard": nofile}},
		},
		"root":     map[string]any{"path": root, "readonly": s.readOnly},
		"hostname": id,
		"mounts":   append(usualMounts(), s.mounts...),
		"linux": map[string]any{
			"cgroupsPath": "/images-test/" + id, "resources": resources,
			// The host's network, as the backend has it on its instance.
			"namespaces":    []any{kind("pid"), kind("ipc"), kind("uts"), kind("mount")},
			"maskedPaths":   []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"},
			"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

func kind(name string) map[string]any { return map[string]any{"type": name} }

// usualMounts are those that Docker and ECS give to every container.
func usualMounts() []map[string]any {
	return []map[string]any{
		mount("/proc", "proc", "proc"),
		mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
		mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
		mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
		mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
		mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
	}
}

func mount(destination, kind, source string, options ...string) map[string]any {
	return map[string]any{"destination": destination, "type": kind, "source": source, "options": options}
}

// volume is an empty directory with the mode and owner of the image's own, as Docker and Fargate make one for a VOLUME.
func volume(t *testing.T, root, path string) (string, map[string]any) {
	t.Helper()
	info, err := os.Stat(filepath.Join(root, path))
	require.NoError(t, err)
	owner := info.Sys().(*syscall.Stat_t)
	dir := t.TempDir()
	require.NoError(t, os.Chown(dir, int(owner.Uid), int(owner.Gid)))
	require.NoError(t, os.Chmod(dir, info.Mode()))
	return dir, mount(path, "bind", dir, "rbind", "rw")
}
