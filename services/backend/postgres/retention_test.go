package postgres

import (
	"context"
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/backend"
)

// The figures of docs/backend.md: go test ./backend/postgres -run TestRetentionBesideWork -v -timeout 2h -args -retain.jobs=2000000
var retainJobs = flag.Int("retain.jobs", 3000, "ended jobs that TestRetentionBesideWork removes, each with a lease and three events")

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

// Retention goes on while jobs are submitted, leased and done. It fails nobody, and the slowest round of work stays far below the
// limit of a request.
func TestRetentionBesideWork(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.StatementTimeout, o.LockTimeout = time.Hour, time.Hour }) // makes and measures the rows
	usual := &bundle{Store: open(t, b.url), t: t, url: b.url}
	b.history(*retainJobs, "succeeded", 31*day)
	b.exec(`ANALYZE`)
	size := `SELECT pg_size_pretty(sum(pg_total_relation_size(c)))
		FROM unnest(ARRAY['jobs', 'leases', 'job_events']::regclass[]) c`
	t.Logf("%d rows, %s", 5**retainJobs, scalar[string](b, size))
	ctx, stop := context.WithCancel(t.Context())
	var work errgroup.Group
	var rounds []time.Duration
	work.Go(func() error {
		for ctx.Err() == nil {
			began := time.Now()
			l := usual.lease(agent(1))
			if _, err := usual.finish(l, success(l)); err != nil {
				return err
			}
			rounds = append(rounds, time.Since(began))
		}
		return nil
	})
	began, batches := time.Now(), []time.Duration{}
	for more := true; more; {
		start := time.Now()
		removed, err := usual.Retain(t.Context(), backend.Retention{Ended: 30 * day})
		require.NoError(t, err)
		batches, more = append(batches, time.Since(start)), removed.More
	}
	took := time.Since(began)
	stop()
	require.NoError(t, work.Wait())
	slices.Sort(batches)
	slices.Sort(rounds)
	at := func(list []time.Duration, percent int) time.Duration {
		return list[min(len(list)-1, len(list)*percent/100)].Round(100 * time.Microsecond)
	}
	t.Logf("removed in %s; a batch p50 %s p99 %s max %s; %d rounds of work beside it p50 %s p99 %s max %s", took.Round(time.Millisecond),
		at(batches, 50), at(batches, 99), at(batches, 100), len(rounds), at(rounds, 50), at(rounds, 99), at(rounds, 100))
	b.exec(`VACUUM jobs, leases, job_events`)
	t.Logf("afterwards, vacuumed: %s", scalar[string](b, size))
	require.Equal(t, len(rounds), scalar[int](b, `SELECT count(*) FROM jobs`))
	require.Less(t, at(rounds, 99), usual.CallTimeout)
}
