package runner

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"scalable-backend/services/api"
)

// Why a lease ended before its work did.
var (
	errLost      = errors.New("the lease is lost")
	errCancelled = errors.New("the job was cancelled")
)

// lease is a lease as the agent knows it. It is lost at 5/6 of its TTL, counted on the monotonic clock from the instant at
// which the last accepted request was sent: before the backend can have given it to another agent.
type lease struct {
	api.Lease
	ttl       time.Duration
	heartbeat time.Duration
	done      atomic.Int64 // bytes on disk

	ctx context.Context // of the work; its cause says why it ended
	end context.CancelCauseFunc

	mu      sync.Mutex
	sent    time.Time
	timer   *time.Timer
	renewed chan struct{} // closed and replaced at each renewal
}

func newLease(parent context.Context, l api.Lease, sent time.Time) *lease {
	ctx, end := context.WithCancelCause(parent)
	n := &lease{
		Lease: l, ttl: time.Duration(l.TtlMs) * time.Millisecond, heartbeat: time.Duration(l.HeartbeatMs) * time.Millisecond,
		ctx: ctx, end: end, sent: sent, renewed: make(chan struct{}),
	}
	// The lease's time counts from the beginning of the long poll, which may have taken most of it, although the backend granted
	// the lease just now. So there is at least time for one heartbeat; await lets no work begin before it.
	n.timer = time.AfterFunc(max(time.Until(n.deadline()), n.ttl/3), func() { end(errLost) })
	return n
}

// deadline is when the lease is lost. The caller holds mu, or is the only one who knows the lease.
func (l *lease) deadline() time.Time { return l.sent.Add(l.ttl * 5 / 6) }

// renew counts from a request that the backend accepted.
func (l *lease) renew(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !sent.After(l.sent) || l.ctx.Err() != nil {
		return // a late answer: a newer one was first, or the lease has ended
	}
	l.sent = sent
	l.timer.Reset(time.Until(l.deadline()))
	close(l.renewed)
	l.renewed = make(chan struct{})
}

// held returns nil as long as no other agent can hold the job.
func (l *lease) held() error {
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !time.Now().Before(l.deadline()) {
		return errLost
	}
	return nil
}

// fresh reports whether enough of the lease is left to begin work, and returns a channel that is closed at the next renewal.
func (l *lease) fresh() (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.deadline()) > l.ttl/3, l.renewed
}

// await waits until enough of the lease is left to begin work: until its first renewal, if the long poll took too long.
func (l *lease) await() error {
	for {
		ok, renewed := l.fresh()
		if ok {
			return nil
		}
		select {
		case <-renewed:
		case <-l.ctx.Done():
			return context.Cause(l.ctx)
		}
	}
}

// close ends the lease for good.
func (l *lease) close() {
	l.timer.Stop()
	l.end(nil)
}
