package runner

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

const (
	tickEvery  = 10 * time.Second // the lease loop shows that it is alive at least so often
	spacePause = 30 * time.Second // between looks for space
)

// leaseLoop asks for as many leases as there is room for, one request at a time, until ctx ends.
func (r *Runner) leaseLoop(ctx context.Context) {
	failures := client.FullJitter(500*time.Millisecond, 30*time.Second)
	for ctx.Err() == nil {
		r.tick()
		room := r.room()
		if room == 0 {
			r.sleep(ctx, tickEvery, r.freed)
			continue
		}
		if wait := r.pause(); wait > 0 {
			r.sleep(ctx, wait, nil)
			continue
		}
		if !r.enoughSpace() {
			r.pauseFor(spacePause)
			continue
		}
		sent := time.Now()
		leases, err := r.o.API.Lease(ctx, r.request(room))
		switch {
		case ctx.Err() != nil && err != nil: // the backend takes back leases whose client has gone
		case err != nil:
			wait := max(failures.NextBackOff(), retryAfter(err))
			r.o.Log.Warn("leasing failed", "error", err, "wait", wait.String())
			r.sleep(ctx, wait, nil)
			continue
		}
		failures.Reset()
		begun := 0
		for _, l := range leases {
			if r.begin(l, sent) {
				begun++
			}
		}
		if begun > 0 {
			continue
		}
		if len(leases) > 0 { // until a heartbeat tells that they arrived, the backend grants them again instead of waiting for work
			r.untold.Store(true)
			r.wantBeat()
		}
		if time.Since(sent) < time.Second { // the backend did not wait for work: do not ask again at once
			r.sleep(ctx, time.Second/2+rand.N(time.Second), nil)
		}
	}
}

func (r *Runner) request(room int) api.LeaseRequest {
	r.mu.Lock()
	wait := r.o.Wait
	if r.ttl > 0 {
		wait = min(wait, r.ttl/3) // so that most of a lease's time is left when it arrives
	}
	r.mu.Unlock()
	seconds := int(wait / time.Second)
	q := api.LeaseRequest{AgentId: r.id, Max: room, WaitS: &seconds}
	if r.o.Name != "" {
		q.Name = &r.o.Name
	}
	if r.o.Version != "" {
		q.Version = &r.o.Version
	}
	return q
}

// begin starts the work on a lease, and reports whether it is a new one. One that is known already was granted again, because the
// backend has not heard of it yet.
func (r *Runner) begin(granted api.Lease, sent time.Time) bool {
	r.mu.Lock()
	if known := r.leases[granted.LeaseId]; known != nil {
		r.mu.Unlock()
		known.renew(sent)
		return false
	}
	l := newLease(r.traced(granted), granted, sent)
	r.leases[l.LeaseId] = l
	r.ttl = l.ttl
	r.mu.Unlock()
	r.wantBeat() // its interval may be shorter than that of the others
	r.busy.Go(func() {
		defer r.forget(l)
		r.do(l)
	})
	return true
}

func (r *Runner) forget(l *lease) {
	l.close()
	r.mu.Lock()
	delete(r.leases, l.LeaseId)
	r.mu.Unlock()
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// room is how many more leases the agent may take.
func (r *Runner) room() int { return max(0, r.o.MaxLeases-r.count()) }

func (r *Runner) pause() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Until(r.paused)
}

func (r *Runner) pauseFor(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if until := time.Now().Add(d); until.After(r.paused) {
		r.paused = until
	}
}

// sleep waits for d, or until ctx ends or wake receives.
func (r *Runner) sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	for end := time.Now().Add(d); ; {
		r.tick()
		left := time.Until(end)
		if left <= 0 {
			return
		}
		timer := time.NewTimer(min(left, tickEvery))
		select {
		case <-timer.C:
			continue
		case <-wake:
		case <-ctx.Done():
		}
		timer.Stop()
		return
	}
}

// retryAfter is how long an answer asks to wait.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return min(e.RetryAfter, 5*time.Minute)
	}
	return 0
}
