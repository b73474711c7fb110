package runner

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/internal/fakeapi"
	"scalable-backend/services/api"
)

// The wall clock jumps two days ahead in the middle of a download. Leases are counted on the monotonic clock, and what is being
// written is not old, whatever its times say.
func TestClockJump(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	f := s.AddFile("x", body(4*part), part)
	release, waiting := holdBucket(s)
	defer release()
	s.AddJob(f, "x")
	dir := t.TempDir()
	b := start(t, s, func(o *Options) { o.Dir, o.Retain = dir, time.Hour })
	b.eventually(func() bool { return waiting.Load() >= 2 }, "the download")
	r := b.runner
	r.sweep(time.Now().Add(48 * time.Hour))
	entries, err := os.ReadDir(filepath.Join(dir, download.PartialDir))
	require.NoError(t, err)
	require.NotEmpty(t, entries, "what a lease is working on stays")
	for _, l := range r.held() {
		l.mu.Lock()
		require.Contains(t, l.sent.String(), "m=+", "the deadline counts on the monotonic clock")
		l.mu.Unlock()
	}
	release()
	b.states(map[api.JobState]int{api.JobStateSucceeded: 1})
	require.Zero(t, s.Jobs[0].Failures)
}

// The job is cancelled when its file has just been published, and its handler works on it: the handler's context ends, and the
// lease is given back for the backend to end the job.
func TestCancelDuringPublish(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	s.TTL = renewals
	s.AddJob(s.AddFile("x", body(10), part), "x")
	published := make(chan string, 1)
	b := start(t, s, func(o *Options) {
		o.Handler = HandlerFunc(func(ctx context.Context, p Published) error {
			published <- p.Path
			<-ctx.Done()
			return ctx.Err()
		})
	})
	file := <-published
	for _, l := range b.runner.held() {
		s.Mu.Lock()
		s.Status[l.LeaseId] = api.LeaseStatusCancel
		s.Mu.Unlock()
	}
	b.eventually(func() bool { return len(b.outcomes(api.OutcomeStatusReleased)) == 1 }, "the outcome")
	require.Empty(t, b.outcomes(api.OutcomeStatusSucceeded))
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, body(10), got, "there whole, or not at all")
}
