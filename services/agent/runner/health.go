package runner

import (
	"context"
	"fmt"
	"os"
	"time"
)

const (
	healthEvery = 5 * time.Second
	healthAge   = 30 * time.Second // an agent whose health file is older is not alive
	stuckAfter  = 2 * time.Minute  // a lease loop without progress for so long is stuck: no request or wait takes longer
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

// health writes the health file as long as the lease loop makes progress. A backend that does not answer does not make an agent
// unhealthy, because restarting agents would not help.
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
			r.o.Log.Error("the lease loop is stuck", "without_progress", stuck.Round(time.Second).String())
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
