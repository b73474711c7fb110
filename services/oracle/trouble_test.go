package oracle

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"time"
)

// line is an agent's way to the gateway.
type line struct {
	next http.Handler
	cut  atomic.Int32
}

// The ways in which a line is cut. Requests that are under way when it is cut lose their answers too.
const (
	whole       = iota
	lostRequest // the gateway never hears of it
	lostAnswer  // it is done, and the agent never hears of that
	silent      // nothing comes and nothing ends
)

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch l.cut.Load() {
	case lostRequest:
		panic(http.ErrAbortHandler)
	case silent:
		for l.cut.Load() == silent && r.Context().Err() == nil {
			time.Sleep(20 * time.Millisecond)
		}
		panic(http.ErrAbortHandler)
	case lostAnswer:
		l.next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	recorder := httptest.NewRecorder()
	l.next.ServeHTTP(recorder, r)
	if l.cut.Load() != whole {
		panic(http.ErrAbortHandler)
	}
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes())
}

// between draws a duration.
func between(rng *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(rng.Int64N(int64(to-from)))
}

// rest waits, and reports whether there is time for more.
func rest(ctx context.Context, d time.Duration, end time.Time) bool {
	select {
	case <-time.After(min(d, max(0, time.Until(end)))):
		return time.Now().Before(end) && ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// troubleAgent harms one agent again and again, and leaves it well.
func (s *system) troubleAgent(ctx context.Context, a *agentSlot, rng *rand.Rand, end time.Time) error {
	for rest(ctx, between(rng, 500*time.Millisecond, 4*time.Second), end) {
		var err error
		switch rng.IntN(5) {
		case 0, 1:
			err = s.kill(ctx, a, rng)
		case 2:
			s.counts.pauses.Add(1)
			pause := between(rng, leaseTTL/4, 3*leaseTTL)
			s.t.Logf("%s is paused for %s", a.name, pause.Round(time.Millisecond))
			if err = a.process.Signal(syscall.SIGSTOP); err == nil {
				rest(ctx, pause, time.Now().Add(pause))
				err = a.process.Signal(syscall.SIGCONT)
			}
		case 3:
			s.counts.cuts.Add(1)
			cut, how := between(rng, leaseTTL/4, 3*leaseTTL), lostRequest+rng.Int32N(3)
			s.t.Logf("%s is cut off for %s (%d)", a.name, cut.Round(time.Millisecond), how)
			a.line.cut.Store(how)
			rest(ctx, cut, time.Now().Add(cut))
			a.line.cut.Store(whole)
		case 4:
			s.counts.terms.Add(1)
			s.t.Logf("%s is stopped and started", a.name)
			a.process.Stop(syscall.SIGTERM, patience)
			err = s.startAgent(a)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		select {
		case <-a.process.Done():
			return fmt.Errorf("%s ended by itself, see %s", a.name, s.log(a.name))
		default:
		}
	}
	return nil
}

// kill ends an agent without a word. Another comes in its place, on the same disk or on a new machine.
func (s *system) kill(ctx context.Context, a *agentSlot, rng *rand.Rand) error {
	s.counts.kills.Add(1)
	fresh, down := rng.IntN(3) == 0, between(rng, 0, leaseTTL)
	s.t.Logf("%s is killed; back in %s, disk lost: %v", a.name, down.Round(time.Millisecond), fresh)
	a.process.Stop(syscall.SIGKILL, patience)
	rest(ctx, down, time.Now().Add(down))
	if fresh {
		for i := range s.slots {
			if s.slots[i] == a {
				s.newMachine(i)
			}
		}
	}
	return s.startAgent(a)
}

// troubleBackends restarts the backends, one at a time.
func (s *system) troubleBackends(ctx context.Context, rng *rand.Rand, end time.Time) error {
	for rest(ctx, between(rng, 2*time.Second, 8*time.Second), end) {
		b, sig, down := s.backends[rng.IntN(2)], syscall.SIGTERM, between(rng, 0, 2*time.Second)
		if rng.IntN(2) == 0 {
			sig = syscall.SIGKILL
		}
		s.counts.backends.Add(1)
		s.t.Logf("%s gets %s, back in %s", b.name, sig, down.Round(time.Millisecond))
		b.process.Stop(sig, patience)
		rest(ctx, down, time.Now().Add(down))
		if err := s.startBackend(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// troubleDatabase restarts PostgreSQL; now and then it is away for longer than a lease lasts.
func (s *system) troubleDatabase(ctx context.Context, rng *rand.Rand, end time.Time) error {
	for rest(ctx, between(rng, 4*time.Second, 14*time.Second), end) {
		down := between(rng, 0, leaseTTL*3/2)
		s.counts.databases.Add(1)
		s.t.Logf("PostgreSQL is stopped, back in %s", down.Round(time.Millisecond))
		s.postgres.Stop()
		rest(ctx, down, time.Now().Add(down))
		if err := s.postgres.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}
