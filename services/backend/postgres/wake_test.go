package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

func requireWoken(t *testing.T, what string, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(patience):
		t.Fatalf("%s wakes nobody", what)
	}
}

func TestNewWorkWakesThisProcessAndOthers(t *testing.T) {
	t.Parallel()
	called := make(chan struct{}, 100)
	b := setup(t, func(o *Options) { o.OnWake = func() { called <- struct{}{} } })
	other := open(t, b.url)
	ctx, stop := context.WithCancel(t.Context())
	listening, stopped := make(chan struct{}, 100), make(chan struct{})
	go func() {
		defer close(stopped)
		other.Listen(ctx, func() { listening <- struct{}{} })
	}()
	requireWoken(t, "the first connection", listening)

	c := agent(1)
	var l backend.Lease
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"a submission", func() { b.submit(1); l = b.claim(c)[0] }},
		{"a release", func() { _, err := b.finish(l, backend.Outcome{Status: backend.Released}); require.NoError(t, err) }},
		{"giving back", func() { require.NoError(t, b.Abandon(t.Context(), leaseIDs(b.claim(c)))) }},
		{"a heartbeat that misses a lease", func() {
			b.claim(c)
			b.exec(`UPDATE leases SET delivered_at = now() - interval '1 minute'`)
			b.heartbeat(c)
		}},
		{"a retry", func() {
			_, err := b.CancelJob(t.Context(), l.Job.ID)
			require.NoError(t, err)
			_, err = b.RetryJob(t.Context(), l.Job.ID)
			require.NoError(t, err)
		}},
		{"a submission within Once", func() {
			f := b.file()
			_, err := b.Once(t.Context(), key("k", ""), func(ctx context.Context, tx backend.Store) (backend.Response, error) {
				_, err := tx.SubmitJobs(ctx, []backend.NewJob{{FileID: f.ID, MaxAttempts: 1}})
				require.Empty(t, called, "not before the commit")
				return backend.Response{Status: 200}, err
			})
			require.NoError(t, err)
		}},
	} {
		here, there := b.Wake(), other.Wake()
		step.do()
		requireWoken(t, step.what, here)
		requireWoken(t, step.what, there)
		requireWoken(t, step.what, called)
		requireWoken(t, step.what, listening)
	}

	woken := other.Wake()
	b.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN jobs' AND datname = current_database()`)
	requireWoken(t, "a new connection", woken)
	woken = other.Wake()
	b.submit(1)
	requireWoken(t, "a submission after the reconnect", woken)
	stop()
	<-stopped
}

func TestOwnNotificationsWakeOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.quiet = 10 * time.Millisecond // the connection is asked many times, and kept
	ctx, stop := context.WithCancel(t.Context())
	heard, stopped := make(chan struct{}, 100), make(chan struct{})
	go func() {
		defer close(stopped)
		b.Listen(ctx, func() { heard <- struct{}{} })
	}()
	requireWoken(t, "the first connection", heard)
	time.Sleep(5 * b.quiet)
	b.submit(1)
	other := &bundle{Store: open(t, b.url), t: t}
	other.submit(1)
	requireWoken(t, "another process", heard)
	require.Empty(t, heard, "the first submission was this process's own")
	stop()
	<-stopped
}

func TestAFailureThatWaitsWakesNobody(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.RetryBase, o.RetryCap = time.Hour, time.Hour })
	l := b.lease(agent(1))
	woken := b.Wake()
	_, err := b.finish(l, backend.Outcome{Status: backend.Failed})
	require.NoError(t, err)
	select {
	case <-woken:
		t.Fatal("woken for a job that is not due")
	default:
	}
}
