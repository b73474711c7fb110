package backend

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"scalable-backend/services/internal/tracing"
)

// dueAge is how old the answer may be to which a waiter listens: a thousand agents without work ask the database ten times a second
// together, and not a thousand times.
const dueAge = 100 * time.Millisecond

// dueLook is when the next job is due, as it was asked last, for all who wait.
type dueLook struct {
	asking singleflight.Group

	mu    sync.Mutex
	known due
}

// due is an answer of Store.NextDue.
type due struct {
	asked time.Time
	wait  time.Duration
	some  bool
}

// left is how long it is now until the next job is due.
func (d due) left() time.Duration { return max(0, d.wait-time.Since(d.asked)) }

// nextDue asks for the next job that is due, together with all others who want to know.
func (s *Service) nextDue(ctx context.Context) (due, error) {
	s.due.mu.Lock()
	known := s.due.known
	s.due.mu.Unlock()
	if time.Since(known.asked) < dueAge {
		return known, nil
	}
	answer := s.due.asking.DoChan("", func() (any, error) {
		asked := time.Now()
		wait, some, err := s.store.NextDue(context.WithoutCancel(ctx))
		if err != nil {
			return due{}, err
		}
		s.due.mu.Lock()
		defer s.due.mu.Unlock()
		s.due.known = due{asked, wait, some}
		return s.due.known, nil
	})
	select {
	case r := <-answer:
		d, _ := r.Val.(due)
		return d, r.Err
	case <-ctx.Done():
		return due{}, ctx.Err()
	}
}

// awaitWork waits until there is a reason to claim: a signal, or a job that is due, but not before least. It returns false at the
// deadline, and when the service stops. A signal may be lost, so it looks at the queue every second besides.
func (s *Service) awaitWork(ctx context.Context, signal <-chan struct{}, least time.Duration, deadline time.Time) (again bool, err error) {
	for ; time.Until(deadline) > 0; ctx = tracing.Quiet(ctx) { // only the first look is traced
		next, err := s.nextDue(ctx)
		if err != nil {
			return false, err
		}
		pause, claim := recheck, false
		if wait := max(next.left(), least); next.some && wait <= recheck {
			pause, claim = wait, true
		}
		timer := time.NewTimer(min(pause, time.Until(deadline)))
		select {
		case <-timer.C:
			if claim {
				return true, nil
			}
		case <-signal:
			timer.Stop()
			return true, nil
		case <-s.draining:
			timer.Stop()
			return false, nil
		case <-ctx.Done():
			timer.Stop()
			return false, ctx.Err()
		}
	}
	return false, nil
}
