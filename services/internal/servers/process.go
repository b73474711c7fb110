// Package servers starts private copies of the servers that the services need, PostgreSQL and an S3-compatible store, on free
// loopback ports. Tests and the demo use it. Every server lives in a directory of its own and ends with its process.
package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// startLimit is how long a server may take until it answers: seconds, but not on a machine that does much else.
const startLimit = 2 * time.Minute

// Process is a child that dies with this process, even if this one is killed. What it has started ends when it does, as in a
// container.
type Process struct {
	cmd    *exec.Cmd
	output tail
	done   chan struct{} // closed once the child has been waited for
	err    error         // the child's end; read after done
}

// StartProcess starts cmd in a process group of its own. What it prints is kept for errors, unless cmd has its own Stdout.
// The kernel's parent-death signal follows the thread that forked, so that thread is kept for as long as the child lives
// (prctl(2), PR_SET_PDEATHSIG).
func StartProcess(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.Stderr = &p.output, &p.output
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	dieWithParent(cmd.SysProcAttr)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it started and left behind
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	return p, nil
}

// Signal sends a signal to the child.
func (p *Process) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// ExitCode is how the program ended, once it has; -1 when a signal ended it.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop sends sig and, if the child does not end in time, SIGKILL to its whole group.
func (p *Process) Stop(sig syscall.Signal, patience time.Duration) {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

// Await polls ready until it returns nil, the child ends, or the time is up.
func (p *Process) Await(ctx context.Context, limit time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		if last = ready(ctx); last == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended early (%w); its last words:\n%s", p.cmd.Path, errors.Join(p.err), p.output.String())
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready in %s: %w; its last words:\n%s", p.cmd.Path, limit, last, p.output.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// tail keeps the last 16 KiB of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const limit = 16 << 10
	t.buf = append(t.buf, b...)
	if extra := len(t.buf) - limit; extra > 0 {
		t.buf = bytes.Clone(t.buf[extra:])
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

// writeSecret writes a file that only its owner reads.
func writeSecret(path, text string, own func(string) error) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return own(path)
}
