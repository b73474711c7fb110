package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"scalable-backend/services/internal/servers"
)

// service is a running backend or agent. Its log goes to a file.
type service struct {
	name    string
	log     string
	process *servers.Process
}

// startService runs a program of this repository with exactly the given environment.
func startService(dir, name, bin string, args []string, env map[string]string, stdout io.Writer) (*service, error) {
	s := &service{name: name, log: filepath.Join(dir, name+".log")}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the child has its own
	cmd := exec.Command(bin, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, "HOME=" + dir}
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if stdout != nil {
		cmd.Stdout = stdout
	}
	if s.process, err = servers.StartProcess(cmd); err != nil {
		return nil, err
	}
	return s, nil
}

// addresses waits until a backend has logged where both of its doors listen.
func (s *service) addresses(ctx context.Context) (public, gateway string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for {
		doors, err := listening(s.log)
		if err != nil {
			return "", "", err
		}
		if doors["public"] != "" && doors["gateway"] != "" {
			return doors["public"], doors["gateway"], nil
		}
		select {
		case <-s.process.Done():
			return "", "", s.failure("ended early")
		case <-ctx.Done():
			return "", "", s.failure("has not logged within a minute where it listens (a program of your own is started by DEMO_BACKEND)")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func listening(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written to it
	doors := map[string]string{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry struct{ Msg, Door, Addr string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "listening" {
			doors[entry.Door] = entry.Addr
		}
	}
	return doors, lines.Err()
}

func (s *service) failure(what string) error {
	text, _ := os.ReadFile(s.log)
	if len(text) == 0 {
		return fmt.Errorf("%s %s; its log is empty", s.name, what)
	}
	const limit = 4 << 10
	if len(text) > limit {
		text = text[len(text)-limit:]
	}
	return fmt.Errorf("%s %s; its log ends:\n%s", s.name, what, text)
}

// stop asks the service to end and waits.
func (s *service) stop(patience time.Duration) { s.process.Stop(syscall.SIGTERM, patience) }

// stopAll stops services side by side.
func stopAll(services []*service) {
	var all sync.WaitGroup
	for _, s := range services {
		all.Go(func() { s.stop(patience) })
	}
	all.Wait()
}

// ended returns an error if the service is no longer running.
func (s *service) ended() error {
	select {
	case <-s.process.Done():
		return s.failure("ended by itself")
	default:
		return nil
	}
}

// firstFailure reports the first service that ended by itself.
func firstFailure(services []*service) error {
	var errs []error
	for _, s := range services {
		errs = append(errs, s.ended())
	}
	return errors.Join(errs...)
}
