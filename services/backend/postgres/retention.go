package postgres

import (
	"context"
	"time"

	"scalable-backend/services/backend"
)

// retentionBatch is how many jobs, or files, one transaction of retention removes. Its locks are on rows that nobody changes any
// more, and it lasts some hundred milliseconds, so no request waits for it.
const retentionBatch = 1000

// removeJobs removes ended jobs with their leases and events. Jobs that another transaction holds are left for the next time.
// $1 is the time that an ended job is kept, $2 the most jobs.
func removeJobs(states string) string {
	return `
	WITH old AS MATERIALIZED (
		SELECT id FROM jobs
		WHERE state IN (` + states + `) AND created_at < now() - $1::interval AND updated_at < now() - $1::interval
		ORDER BY created_at, id LIMIT $2 FOR UPDATE SKIP LOCKED),
	events AS (DELETE FROM job_events WHERE job_id IN (SELECT id FROM old) RETURNING 1),
	ended AS (DELETE FROM leases WHERE job_id IN (SELECT id FROM old) RETURNING 1),
	gone AS (DELETE FROM jobs WHERE id IN (SELECT id FROM old) RETURNING 1)
	SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM ended), (SELECT count(*) FROM events)`
}

var (
	removeDone = removeJobs(`'succeeded', 'cancelled'`)
	removeDead = removeJobs(`'dead'`)
)

// removeFiles removes deleted files that no job tells of any more, with their uploads.
const removeFiles = `
	WITH old AS MATERIALIZED (
		SELECT id FROM files f
		WHERE deleted_at < now() - $1::interval AND NOT EXISTS (SELECT FROM jobs j WHERE j.file_id = f.id)
		ORDER BY deleted_at LIMIT $2 FOR UPDATE SKIP LOCKED),
	uploads AS (DELETE FROM uploads WHERE file_id IN (SELECT id FROM old) RETURNING 1),
	gone AS (DELETE FROM files WHERE id IN (SELECT id FROM old) RETURNING 1)
	SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM uploads)`

// Retain implements backend.JobStore. The totals of Stats do not change: they count what has ended, kept or not.
func (s *Store) Retain(ctx context.Context, r backend.Retention) (removed backend.Removed, err error) {
	err = s.atomicallyWithin(ctx, choreLimit, func(tx *Store) error {
		removed = backend.Removed{}
		if _, err := tx.tx.Exec(ctx, `SET LOCAL backend.retention = 'on'`); err != nil {
			return err
		}
		for _, part := range []struct {
			statement string
			kept      time.Duration
		}{{removeDone, r.Ended}, {removeDead, r.Dead}} {
			if part.kept <= 0 {
				continue
			}
			var jobs, leases, events int
			if err := tx.tx.QueryRow(ctx, part.statement, part.kept, retentionBatch).Scan(&jobs, &leases, &events); err != nil {
				return err
			}
			removed.Jobs, removed.Leases, removed.Events = removed.Jobs+jobs, removed.Leases+leases, removed.Events+events
			removed.More = removed.More || jobs == retentionBatch
		}
		if r.Ended <= 0 {
			return nil
		}
		var uploads int
		err := tx.tx.QueryRow(ctx, removeFiles, r.Ended, retentionBatch).Scan(&removed.Files, &uploads)
		removed.More = removed.More || removed.Files == retentionBatch
		return err
	})
	return removed, err
}
