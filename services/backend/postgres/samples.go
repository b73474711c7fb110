package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

// sampleKey names, with sweeperClass, the lock of whoever takes a sample.
const sampleKey = 2

// takeSample stores one sample. Attempts are counted by the events between the two samples before: by now all transactions that were
// about to write one of these have ended.
const takeSample = `
	INSERT INTO samples (queued, leased, succeeded, dead, cancelled, oldest_queued_s, agents, files_ready, files_pending, bytes_stored,
		bytes_delivered, attempts, failed, last_event)
	SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, ended.attempts, ended.failed, coalesce((SELECT max(id) FROM job_events), 0)
	FROM (
		SELECT count(*) AS attempts, count(*) FILTER (WHERE kind <> 'succeeded') AS failed
		FROM job_events, (SELECT min(last_event) AS low, max(last_event) AS high
			FROM (SELECT last_event FROM samples ORDER BY at DESC LIMIT 2) two) seen
		WHERE id > seen.low AND id <= seen.high AND kind IN ('succeeded', 'failed', 'expired')) ended`

// TakeSample implements backend.SampleStore.
func (s *Store) TakeSample(ctx context.Context, interval time.Duration) (taken bool, err error) {
	err = s.atomicallyWithin(ctx, choreLimit, func(tx *Store) error {
		taken = false
		var due bool
		// The lock first: what is read after it is newer than the sample of whoever had it before.
		err := tx.tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1, $2)`, sweeperClass, sampleKey).Scan(&due)
		if err != nil || !due {
			return err
		}
		// A tenth of the interval is for the clocks of those who ask.
		err = tx.tx.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM samples WHERE at > now() - $1::interval)`, interval*9/10).Scan(&due)
		if err != nil || !due {
			return err
		}
		n, err := tx.Stats(ctx)
		if err != nil {
			return err
		}
		if _, err := tx.tx.Exec(ctx, takeSample, n.Queued, n.Leased, n.Succeeded, n.Dead, n.Cancelled, n.OldestQueued.Seconds(), n.AgentsSeen,
			n.FilesReady, n.FilesPending, n.BytesStored, n.BytesDelivered); err != nil {
			return err
		}
		taken = true
		_, err = tx.tx.Exec(ctx, `DELETE FROM samples WHERE at < now() - $1::interval`, backend.SamplesKept)
		return err
	})
	return taken && err == nil, err
}

// ListSamples implements backend.SampleStore.
func (s *Store) ListSamples(ctx context.Context) (samples []backend.Sample, now time.Time, err error) {
	scan := func(row pgx.Row, n *backend.Sample) error {
		var oldest float64
		err := row.Scan(&n.At, &n.Queued, &n.Leased, &n.Succeeded, &n.Dead, &n.Cancelled, &oldest, &n.AgentsSeen,
			&n.FilesReady, &n.FilesPending, &n.BytesStored, &n.BytesDelivered, &n.Attempts, &n.Failed)
		n.OldestQueued = time.Duration(oldest * float64(time.Second))
		return err
	}
	err = s.do(ctx, func(q querier) error {
		if err := q.QueryRow(ctx, `SELECT now()`).Scan(&now); err != nil {
			return err
		}
		samples, err = all(ctx, q, scan, `
			SELECT at, queued, leased, succeeded, dead, cancelled, oldest_queued_s, agents, files_ready, files_pending, bytes_stored,
				bytes_delivered, attempts, failed
			FROM samples WHERE at > now() - $1::interval ORDER BY at`, backend.SamplesKept)
		return err
	})
	return samples, now, err
}
