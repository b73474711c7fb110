package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"scalable-backend/services/internal/servers"
)

// startRow is how long a program takes from its start to its first use.
type startRow struct {
	Title string
	Limit time.Duration // the goal
	Times []time.Duration
}

// starts measures both programs: the agent until a byte of its first file has left the origin, the backend until it says that it is ready.
func (r *rig) starts(ctx context.Context, f file, rounds int) ([]startRow, error) {
	agent := startRow{Title: "agent: start to first byte", Limit: 200 * time.Millisecond}
	backend := startRow{Title: "backend: start to ready, database migrated", Limit: time.Second}
	for range rounds {
		took, err := r.agentStart(ctx, f)
		if err != nil {
			return nil, err
		}
		agent.Times = append(agent.Times, took)
		if took, err = r.backendStart(ctx); err != nil {
			return nil, err
		}
		backend.Times = append(backend.Times, took)
	}
	return []startRow{agent, backend}, nil
}

func (r *rig) agentStart(ctx context.Context, f file) (time.Duration, error) {
	out := filepath.Join(r.dir, "first")
	if err := os.RemoveAll(out); err != nil {
		return 0, err
	}
	r.direct.reset(none)
	cmd := exec.CommandContext(ctx, filepath.Join(r.bin, "agent"), "fetch", f.ID, "-o", out)
	cmd.Env = append(os.Environ(), r.agentEnv("direct")...)
	began := time.Now()
	if text, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("agent fetch: %w: %s", err, text)
	}
	first := r.direct.first.Load()
	if first == 0 {
		return 0, errors.New("agent fetch took no byte from the origin")
	}
	return time.Unix(0, first).Sub(began), nil
}

func (r *rig) backendStart(ctx context.Context) (time.Duration, error) {
	addr, err := freeAddress()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(filepath.Join(r.bin, "backend"))
	cmd.Env = append(append(os.Environ(), r.backendEnv(r.s3.Endpoint, "backend")...), "BACKEND_PUBLIC_ADDR="+addr)
	began := time.Now()
	process, err := servers.StartProcess(cmd)
	if err != nil {
		return 0, err
	}
	defer process.Stop(syscall.SIGKILL, time.Second)
	for time.Since(began) < 30*time.Second {
		if r.get(ctx, http.DefaultClient, "http://"+addr+"/readyz") == nil {
			return time.Since(began), nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return 0, errors.New("the backend was not ready within 30 s")
}
