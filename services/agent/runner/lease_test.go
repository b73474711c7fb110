package runner

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/internal/fakeapi"
	"scalable-backend/services/api"
)

func TestRunHeartbeatsKeepLeases(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	s.TTL = renewals
	f := s.AddFile("x", body(3*part), part)
	release, _ := holdBucket(s)
	s.AddJob(f, "x")
	b := start(t, s)
	b.eventually(func() bool { s.Mu.Lock(); defer s.Mu.Unlock(); return len(s.Beats) >= 5 }, "heartbeats well beyond the TTL")
	release()
	b.states(map[api.JobState]int{api.JobStateSucceeded: 1})
	require.Zero(t, s.Jobs[0].Failures)
	require.Equal(t, 1, s.Jobs[0].Grants)
}

// The backend does not answer heartbeats: the agent gives the lease up by itself, publishes nothing and reports nothing.
func TestRunGivesUpUnrenewedLease(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	s.TTL = 600 * time.Millisecond
	f := s.AddFile("x", body(3*part), part)
	var mu sync.Mutex
	broken, release := true, make(chan struct{})
	s.Hook = func(op string, w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		down := broken
		mu.Unlock()
		switch {
		case down && strings.Contains(op, "heartbeats"):
			w.WriteHeader(http.StatusBadGateway)
			return true
		case down && strings.HasPrefix(op, "GET /bucket"):
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		return false
	}
	s.AddJob(f, "x")
	b := start(t, s)
	b.eventually(func() bool { s.Mu.Lock(); defer s.Mu.Unlock(); return s.Jobs[0].Failures >= 1 }, "the lease expires")
	require.Empty(t, b.outcomes(api.OutcomeStatusSucceeded))
	_, err := os.Stat(filepath.Join(b.dir, "files/x"))
	require.ErrorIs(t, err, os.ErrNotExist)
	mu.Lock()
	broken = false
	mu.Unlock()
	s.Mu.Lock()
	s.TTL = time.Minute // from now on
	s.Mu.Unlock()
	close(release)
	b.states(map[api.JobState]int{api.JobStateSucceeded: 1})
}

func TestRunStatuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[api.LeaseStatus]api.OutcomeStatus{
		api.LeaseStatusLost:   "",
		api.LeaseStatusCancel: api.OutcomeStatusReleased,
		api.LeaseStatusDrain:  api.OutcomeStatusSucceeded,
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			s := fakeapi.New(t)
			s.TTL = renewals
			f := s.AddFile("x", body(3*part), part)
			release, _ := holdBucket(s)
			defer release()
			s.AddJob(f, "x")
			b := start(t, s)
			b.eventually(func() bool {
				s.Mu.Lock()
				defer s.Mu.Unlock()
				if len(s.Beats) == 0 {
					return false
				}
				s.Status[s.Beats[0].Leases[0].LeaseId] = status
				// After that one more job, which shows whether the agent goes on.
				return true
			}, "a heartbeat")
			var before int
			b.eventually(func() bool {
				s.Mu.Lock()
				defer s.Mu.Unlock()
				before = len(s.Beats)
				return before >= 3 || status != api.LeaseStatusDrain
			}, "more heartbeats")
			if status == api.LeaseStatusDrain {
				release()
			}
			if want != "" {
				b.eventually(func() bool { return len(b.outcomes(want)) == 1 }, "the outcome")
			} else {
				b.eventually(func() bool { s.Mu.Lock(); defer s.Mu.Unlock(); return s.Jobs[0].Failures == 1 }, "nothing renews the lease")
				for _, reported := range []api.OutcomeStatus{api.OutcomeStatusSucceeded, api.OutcomeStatusFailed, api.OutcomeStatusReleased} {
					require.Empty(t, b.outcomes(reported))
				}
			}
			if status == api.LeaseStatusCancel {
				entries, err := os.ReadDir(filepath.Join(b.dir, "files", download.PartialDir))
				require.NoError(t, err)
				require.Empty(t, entries, "nobody will go on from there")
			}
		})
	}
}

func TestLeaseDeadline(t *testing.T) {
	t.Parallel()
	granted := api.Lease{TtlMs: 60_000, HeartbeatMs: 20_000}
	l := newLease(t.Context(), granted, time.Now().Add(-49*time.Second))
	defer l.close()
	require.NoError(t, l.held())
	ok, _ := l.fresh()
	require.False(t, ok, "too little is left to begin")
	l.renew(time.Now().Add(-60 * time.Second))
	require.NoError(t, l.held(), "an older request changes nothing")
	late := newLease(t.Context(), granted, time.Now().Add(-51*time.Second))
	defer late.close()
	require.ErrorIs(t, late.held(), errLost, "5/6 of the TTL from the sending of the request")
	late.renew(time.Now())
	require.NoError(t, late.held())
	require.NoError(t, late.await())
	late.end(errLost)
	late.renew(time.Now().Add(time.Second))
	require.ErrorIs(t, late.held(), errLost, "what is lost stays lost")
}
