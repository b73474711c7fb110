package runner

import (
	"context"
	"fmt"
	"os"
	"time"
)

const (
	healthEvery = 5 * time.Second
	healthAge   = 30 * time.Second // of a health file beyond which its agent is not alive
	stuckAfter  = 2 * time.Minute  // without a sign of the lease loop: longer than a long poll and any wait between two
)

// Healthy returns nil if the runner that writes a health file is alive.
func Healthy(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("no agent runs here: %w", err)
	}
	if age := time.Since(info.ModTime()); age > healthAge {
		return fmt.Errorf("the agent has shown no sign of life for %v", age.Round(time.Second))
	}
	return nil
}

// health touches the health file for as long as the lease loop moves. Whether the backend answers does not count: restarting
// agents would not help it.
func (r *Runner) health(ctx context.Context) {
	if r.o.HealthFile == "" {
		return
	}
	for ctx.Err() == nil {
		r.doze(ctx, healthEvery)
		if stuck := time.Since(time.Unix(0, r.ticked.Load())); r.stopping() || stuck < stuckAfter {
			if err := r.touchHealth(); err != nil {
				r.o.Log.Error("writing the health file failed", "error", err)
			}
		} else {
			r.o.Log.Error("the lease loop is stuck", "for", stuck)
		}
	}
	_ = os.Remove(r.o.HealthFile)
}

func (r *Runner) stopping() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

func (r *Runner) tick() { r.ticked.Store(time.Now().UnixNano()) }

func (r *Runner) touchHealth() error {
	if r.o.HealthFile == "" {
		return nil
	}
	return os.WriteFile(r.o.HealthFile, []byte(r.id+"\n"), 0o644)
}
