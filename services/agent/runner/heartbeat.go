package runner

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"scalable-backend/services/api"
)

// heartbeats renews all leases together, until ctx ends. A heartbeat that fails is repeated soon: there is time for several before
// a lease is lost.
func (r *Runner) heartbeats(ctx context.Context) {
	var last time.Time
	for ctx.Err() == nil {
		leases := r.held()
		if len(leases) == 0 {
			select {
			case <-r.beat:
			case <-ctx.Done():
			}
			continue
		}
		ttl, interval, urgent := shortest(leases)
		urgent = r.untold.Swap(false) || urgent
		if wait := time.Until(last.Add(interval)); wait > 0 && !urgent {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-r.beat: // there are new leases
			case <-ctx.Done():
			}
			timer.Stop()
			continue
		}
		last = time.Now()
		if err := r.heartbeat(ctx, leases, last); err != nil && ctx.Err() == nil {
			wait := min(max(ttl/48+rand.N(ttl/48+1), retryAfter(err)), ttl/6)
			r.o.Log.Warn("heartbeat failed", "error", err, "leases", len(leases), "wait", wait.String())
			last = last.Add(wait - interval)
			r.doze(ctx, wait)
		} else if urgent {
			r.doze(ctx, ttl/48) // the answer may have left the lease out: do not ask again at once
		}
	}
}

func (r *Runner) doze(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// shortest returns the shortest TTL and heartbeat interval of at least one lease, and whether one waits for its first renewal.
func shortest(leases []*lease) (ttl, interval time.Duration, urgent bool) {
	ttl, interval = time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for _, l := range leases {
		ttl, interval = min(ttl, l.ttl), min(interval, l.heartbeat)
		if ok, _ := l.fresh(); !ok {
			urgent = true
		}
	}
	return ttl, max(interval, 10*time.Millisecond), urgent
}

// held lists the leases, in a stable order.
func (r *Runner) held() []*lease {
	r.mu.Lock()
	defer r.mu.Unlock()
	leases := make([]*lease, 0, len(r.leases))
	for _, l := range r.leases {
		leases = append(leases, l)
	}
	slices.SortFunc(leases, func(a, b *lease) int { return strings.Compare(a.LeaseId, b.LeaseId) })
	return leases
}

func (r *Runner) heartbeat(ctx context.Context, leases []*lease, sent time.Time) error {
	h := api.Heartbeat{Leases: make([]api.LeaseProgress, 0, len(leases))}
	if r.o.Name != "" {
		h.Name = &r.o.Name
	}
	if r.o.Version != "" {
		h.Version = &r.o.Version
	}
	byID := make(map[string]*lease, len(leases))
	for _, l := range leases {
		h.Leases = append(h.Leases, api.LeaseProgress{LeaseId: l.LeaseId, BytesDone: max(0, l.done.Load())})
		byID[l.LeaseId] = l
	}
	timeout, _, _ := shortest(leases)
	answer, err := r.o.API.Heartbeat(ctx, r.id, h, max(timeout/12, 100*time.Millisecond))
	if err != nil {
		return err
	}
	for _, a := range answer.Leases {
		l := byID[a.LeaseId]
		if l == nil {
			continue
		}
		switch a.Status {
		case api.LeaseStatusOk:
			l.renew(sent)
		case api.LeaseStatusDrain:
			l.renew(sent)
			r.pauseFor(l.heartbeat)
		case api.LeaseStatusCancel:
			l.end(errCancelled)
		case api.LeaseStatusLost:
			l.end(errLost)
		default:
			r.o.Log.Error("the backend answered a heartbeat with a status that this agent does not know", "status", a.Status)
			l.end(errLost)
		}
	}
	return nil
}

// wantBeat wakes the heartbeat loop, so that it looks at the leases again.
func (r *Runner) wantBeat() {
	select {
	case r.beat <- struct{}{}:
	default:
	}
}
