package faults

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/internal/servers"
)

// patience bounds every wait for something that must happen: generous, for machines that do other things as well.
const patience = 90 * time.Second

// program is a running backend or agent.
type program struct {
	t       *testing.T
	name    string
	process *servers.Process
	cmd     *exec.Cmd

	mu    sync.Mutex
	lines []map[string]any // its log
	text  bytes.Buffer     // all that it wrote
	more  chan struct{}    // closed and replaced at each line
}

// launch runs a command with exactly the given environment until the test ends. A data race that it reports fails the test.
func launch(t *testing.T, name string, cmd *exec.Cmd, env map[string]string) *program {
	t.Helper()
	p := &program{t: t, name: name, cmd: cmd, more: make(chan struct{})}
	dir := t.TempDir()
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir}
	for key, value := range env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	cmd.WaitDelay = 5 * time.Second
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(reader)
	}()
	var err error
	p.process, err = servers.StartProcess(cmd)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = p.process.Signal(syscall.SIGCONT) // it may have been stopped
		p.process.Stop(syscall.SIGTERM, 20*time.Second)
		_ = writer.Close()
		<-read
		if t.Failed() || bytes.Contains(p.text.Bytes(), []byte("DATA RACE")) {
			t.Errorf("the log of %s:\n%s", name, tail(p.text.String(), 6<<10))
		}
	})
	return p
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func (p *program) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line map[string]any
		p.mu.Lock()
		p.text.Write(lines.Bytes())
		p.text.WriteByte('\n')
		if json.Unmarshal(lines.Bytes(), &line) == nil {
			p.lines = append(p.lines, line)
			close(p.more)
			p.more = make(chan struct{})
		}
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, r)
}

// said returns the log's lines with a message.
func (p *program) said(message string) (found []map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		if line["msg"] == message {
			found = append(found, line)
		}
	}
	return found
}

// await waits until the program has logged a message so many times, and returns the last.
func (p *program) await(message string, times int) map[string]any {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		more := p.more
		p.mu.Unlock()
		if found := p.said(message); len(found) >= times {
			return found[times-1]
		}
		select {
		case <-more:
		case <-p.process.Done():
			require.Fail(p.t, p.name+" ended", "before it said %q", message)
		case <-deadline:
			require.Fail(p.t, p.name+" is silent", "no %q in %s", message, patience)
		}
	}
}

func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.process.Signal(s))
}

// ended waits until the program has ended and returns its exit code; -1 when a signal ended it.
func (p *program) ended() int {
	p.t.Helper()
	select {
	case <-p.process.Done():
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		require.Fail(p.t, p.name+" did not end")
		return 0
	}
}

func (p *program) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	p.ended()
}

// binary is the path of a built program.
func binary(t *testing.T, name string) string {
	t.Helper()
	dir, err := programs()
	require.NoError(t, err)
	return filepath.Join(dir, name)
}
