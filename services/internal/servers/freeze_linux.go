package servers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Freeze stops the server and its children in the middle of what they do: connections stay open, and nothing is answered.
func (p *Postgres) Freeze() error { return p.signalAll(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (p *Postgres) Thaw() error { return p.signalAll(syscall.SIGCONT) }

// signalAll signals the server first, so that it starts no child in between.
func (p *Postgres) signalAll(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process == nil {
		return errors.New("the server does not run")
	}
	server := p.process.cmd.Process.Pid
	err := syscall.Kill(server, sig)
	stats, globErr := filepath.Glob("/proc/[0-9]*/stat")
	err = errors.Join(err, globErr)
	for _, path := range stats {
		text, readErr := os.ReadFile(path)
		if readErr != nil {
			continue // it has ended
		}
		// pid (name) state parent ...: the name may hold anything.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != strconv.Itoa(server) {
			continue
		}
		pid, convErr := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if convErr == nil {
			convErr = syscall.Kill(pid, sig)
		}
		if convErr != nil && !errors.Is(convErr, syscall.ESRCH) {
			err = errors.Join(err, fmt.Errorf("signalling %s: %w", path, convErr))
		}
	}
	return err
}
