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
	// A long poll may have used up the time that counts from its beginning, although the backend granted the lease just now:
	// there is time for a heartbeat to tell, see await.
	n.timer = time.AfterFunc(max(time.Until(n.deadline()), n.ttl/3), func() { end(errLost) })
	return n
}

// deadline wants mu, or to be alone.
func (l *lease) deadline() time.Time { return l.sent.Add(l.ttl * 5 / 6) }

// renew counts from a request that the backend accepted.
func (l *lease) renew(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !sent.After(l.sent) || l.ctx.Err() != nil {
		return // an answer that came late, or too late
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

// fresh reports whether so much of the lease is left that work may begin.
func (l *lease) fresh() (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.deadline()) > l.ttl/3, l.renewed
}

// await waits until enough of the lease is left.
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
