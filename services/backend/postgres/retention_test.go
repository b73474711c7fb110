package postgres

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/backend"
)

// The figures of docs/backend.md:
// go test ./backend/postgres -run TestRetentionBesideWork -v -timeout 2h -args -retain.jobs=2000000 -retain.for=4m -retain.pause=100ms
var (
	retainJobs  = flag.Int("retain.jobs", 3000, "ended jobs of TestRetentionBesideWork, each with a lease and three events")
	retainFor   = flag.Duration("retain.for", 4*time.Second, "how long it removes them, at most")
	retainPause = flag.Duration("retain.pause", 0, "its pause between two batches")
)

// history makes ended jobs with their leases and events, that long ago.
func (b *bundle) history(jobs int, state string, age time.Duration) backend.File {
	b.t.Helper()
	f := b.file()
	b.exec(`
		INSERT INTO jobs (id, file_id, dest, dest_hash, priority, max_attempts, state, grants, created_at, updated_at)
		SELECT gen_random_uuid(), $1, 'd' || n, sha256(convert_to('d' || n, 'UTF8')), 0, 5, $4, 1, now() - $3::interval, now() - $3::interval
		FROM generate_series(1, $2::int) n`, f.ID, jobs, age, state)
	b.exec(`
		INSERT INTO leases (lease_id, job_id, "grant", agent, caller, granted_at, leased_until, ended_at, "end")
		SELECT gen_random_uuid(), id, 1, gen_random_uuid(), 'caller', created_at, created_at, updated_at,
			CASE WHEN state = 'succeeded' THEN 'succeeded' ELSE 'failed' END
		FROM jobs WHERE file_id = $1`, f.ID)
	b.exec(`
		INSERT INTO job_events (at, job_id, kind, state)
		SELECT created_at, id, kind, state FROM jobs, unnest(ARRAY['submitted', 'granted', 'ended']) kind WHERE file_id = $1`, f.ID)
	return f
}

func (b *bundle) retain(r backend.Retention) (sum backend.Removed) {
	b.t.Helper()
	for {
		removed, err := b.Retain(b.t.Context(), r)
		require.NoError(b.t, err)
		sum.Jobs, sum.Leases = sum.Jobs+removed.Jobs, sum.Leases+removed.Leases
		sum.Events, sum.Files = sum.Events+removed.Events, sum.Files+removed.Files
		if !removed.More {
			return sum
		}
	}
}

const day = 24 * time.Hour

func TestRetention(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.history(retentionBatch+1, "succeeded", 31*day)
	b.history(2, "cancelled", 31*day)
	b.history(3, "succeeded", 29*day)
	b.history(4, "dead", 31*day)
	b.history(5, "dead", 91*day)
	active := b.submit(2)
	b.exec(`UPDATE jobs SET created_at = now() - interval '1 year', updated_at = now() - interval '1 year' WHERE id = $1`, active[0].ID)
	b.exec(`UPDATE totals SET succeeded = 1000, dead = 9, bytes_delivered = 77 WHERE shard = 0`)
	before, err := b.Stats(t.Context())
	require.NoError(t, err)

	require.Zero(t, b.retain(backend.Retention{}), "nothing is removed without limits")
	want := backend.Removed{Jobs: retentionBatch + 8, Leases: retentionBatch + 8, Events: 3 * (retentionBatch + 8)}
	require.Equal(t, want, b.retain(backend.Retention{Ended: 30 * day, Dead: 90 * day}))
	require.Equal(t, 3+4+2, scalar[int](b, `SELECT count(*) FROM jobs`))
	after, err := b.Stats(t.Context())
	require.NoError(t, err)
	before.OldestQueued, after.OldestQueued = 0, 0
	require.Equal(t, before, after, "what was counted stays counted")

	_, err = b.DeleteFile(t.Context(), old.ID, "")
	require.NoError(t, err)
	kept := b.submit(1)[0]
	require.Zero(t, b.retain(backend.Retention{Ended: 30 * day}).Files)
	b.exec(`UPDATE files SET deleted_at = now() - interval '31 days' WHERE id IN ($1, $2)`, old.ID, kept.FileID)
	require.Equal(t, 1, b.retain(backend.Retention{Ended: 30 * day}).Files, "a file that a job tells of stays")
	require.Zero(t, scalar[int](b, `SELECT count(*) FROM uploads WHERE file_id = $1`, old.ID))
	_, err = b.pool.Exec(t.Context(), `DELETE FROM job_events`)
	require.Error(t, err, "nothing else removes an event")
}

// Retention goes on while jobs are submitted, leased and done. No call fails, and the slowest round of work stays far below the
// limit of a request.
func TestRetentionBesideWork(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.StatementTimeout, o.LockTimeout, o.CallTimeout = time.Hour, time.Hour, time.Hour })
	usual := &bundle{Store: open(t, b.url), t: t, url: b.url} // b only makes and measures the rows
	b.history(*retainJobs, "succeeded", 31*day)
	b.exec(`ANALYZE`)
	size := `SELECT pg_size_pretty(sum(pg_total_relation_size(c)))
		FROM unnest(ARRAY['jobs', 'leases', 'job_events']::regclass[]) c`
	t.Logf("%d rows, %s", 5**retainJobs, scalar[string](b, size))
	alone := usual.workUntil(func(work context.Context) { <-work.Done() }, *retainFor/4)
	var batches []time.Duration
	var sum backend.Removed
	late := 0
	beside := usual.workUntil(func(work context.Context) {
		for more := true; more && work.Err() == nil; {
			start := time.Now()
			removed, err := usual.Retain(t.Context(), backend.Retention{Ended: 30 * day})
			if backend.CodeOf(err) == backend.Unavailable { // a batch has its own limit; nothing of it is done
				late++
				continue
			}
			require.NoError(t, err)
			batches, more = append(batches, time.Since(start)), removed.More
			sum.Jobs, sum.Leases, sum.Events = sum.Jobs+removed.Jobs, sum.Leases+removed.Leases, sum.Events+removed.Events
			if more { // as the server does it
				time.Sleep(*retainPause)
			}
		}
	}, *retainFor)
	slices.Sort(batches)
	t.Logf("work alone: %s; beside retention: %s", alone, beside)
	t.Logf("removed %d rows in %s; a batch %s; %d batches were given up", sum.Jobs+sum.Leases+sum.Events,
		beside.took.Round(time.Second), percentiles(batches), late)
	b.exec(`VACUUM jobs, leases, job_events`)
	t.Logf("afterwards, vacuumed: %s", scalar[string](b, size))
	require.Equal(t, *retainJobs-sum.Jobs+len(alone.rounds)+len(beside.rounds), scalar[int](b, `SELECT count(*) FROM jobs`))
	require.Less(t, beside.rounds[len(beside.rounds)*99/100], Options{}.withDefaults().CallTimeout)
}

// worked is what a worker did: sorted times of its rounds, each a job that was submitted, leased and done.
type worked struct {
	rounds []time.Duration
	took   time.Duration
}

func (w worked) String() string {
	return fmt.Sprintf("%.0f rounds a second, a round %s", float64(len(w.rounds))/w.took.Seconds(), percentiles(w.rounds))
}

func percentiles(sorted []time.Duration) string {
	at := func(percent int) time.Duration {
		return sorted[min(len(sorted)-1, len(sorted)*percent/100)].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("p50 %s p99 %s max %s", at(50), at(99), at(100))
}

// workUntil works while do is under way, which is to end with its context, after limit.
func (b *bundle) workUntil(do func(work context.Context), limit time.Duration) (w worked) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), limit)
	defer cancel()
	began := time.Now()
	stopped := make(chan struct{})
	var work errgroup.Group
	work.Go(func() error {
		for first := true; ; first = false {
			select {
			case <-stopped:
				if !first {
					return nil
				}
			default:
			}
			round := time.Now()
			l := b.lease(agent(1))
			if _, err := b.finish(l, success(l)); err != nil {
				return err
			}
			w.rounds = append(w.rounds, time.Since(round))
		}
	})
	do(ctx)
	close(stopped)
	require.NoError(b.t, work.Wait())
	w.took = time.Since(began)
	slices.Sort(w.rounds)
	return w
}
