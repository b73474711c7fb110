package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

const leaseColumns = `l.lease_id, l."grant", ` + jobColumns + `, ` + fileColumns

func leaseFields(l *backend.Lease, f *fileRow) []any {
	return append(append([]any{&l.ID, &l.Attempt}, jobFields(&l.Job)...), f.columns()...)
}

func scanLease(row pgx.Row, l *backend.Lease) (err error) {
	var f fileRow
	if err := row.Scan(leaseFields(l, &f)...); err != nil {
		return err
	}
	l.File, err = f.file()
	return err
}

// firstRunAt reads one row of the index for each priority that is queued.
const firstRunAt = `
	WITH RECURSIVE head AS (
		(SELECT priority, run_at FROM jobs WHERE state = 'queued' ORDER BY priority DESC, run_at, id LIMIT 1)
		UNION ALL
		SELECT next.priority, next.run_at FROM head, LATERAL (
			SELECT priority, run_at FROM jobs WHERE state = 'queued' AND priority < head.priority
			ORDER BY priority DESC, run_at, id LIMIT 1) next)
	SELECT min(run_at) FROM head`

// NextDue implements backend.JobStore.
func (s *Store) NextDue(ctx context.Context) (wait time.Duration, some bool, err error) {
	err = s.do(ctx, func(q querier) error {
		var due *time.Duration
		err := q.QueryRow(ctx, `SELECT (`+firstRunAt+`) - now()`).Scan(&due)
		if some = due != nil; some {
			wait = max(0, *due)
		}
		return err
	})
	return wait, some, err
}

// renew moves the end of the listed leases of an agent. Those to be cancelled are not renewed: an agent that does not stop by
// itself loses them.
const renew = `
	WITH listed AS (SELECT * FROM unnest($3::uuid[], $4::bigint[]) AS p (lease_id, bytes_done)),
	locked AS MATERIALIZED (
		SELECT j.id, l.lease_id, j.cancel_requested, listed.bytes_done
		FROM listed JOIN leases l USING (lease_id) JOIN jobs j ON j.id = l.job_id
		WHERE l.agent = $1 AND l.caller = $2 AND l.ended_at IS NULL
		ORDER BY j.id FOR UPDATE OF j),
	renewed AS (
		UPDATE leases l
		SET renewed_at = now(), leased_until = CASE WHEN cancel_requested THEN leased_until ELSE now() + $5::interval END
		FROM locked WHERE l.lease_id = locked.lease_id AND l.ended_at IS NULL
		RETURNING l.lease_id, l.job_id, locked.cancel_requested, locked.bytes_done),
	moved AS (
		UPDATE jobs SET bytes_done = renewed.bytes_done, updated_at = now() FROM renewed
		WHERE jobs.id = renewed.job_id AND jobs.bytes_done <> renewed.bytes_done)
	SELECT lease_id, cancel_requested FROM renewed`

// Heartbeat implements backend.JobStore.
func (s *Store) Heartbeat(ctx context.Context, c backend.Claim, progress []backend.Progress) ([]backend.LeaseStatus, error) {
	ids, bytesDone := make([]uuid.UUID, len(progress)), make([]int64, len(progress))
	for i, p := range progress {
		ids[i], bytesDone[i] = p.LeaseID, p.BytesDone
	}
	known := make(map[uuid.UUID]backend.LeaseStatus, len(progress))
	err := s.do(ctx, func(q querier) error {
		clear(known)
		var batch pgx.Batch
		s.seen(&batch, []backend.Claim{c})
		batch.Queue(renew, c.AgentID, c.Caller, ids, bytesDone, s.LeaseTTL)
		batch.Queue(endUnlisted, s.endArgs(unlisted, nil, c.AgentID, c.Caller, ids)...)
		results := q.SendBatch(ctx, &batch)
		defer results.Close()
		if _, err := results.Exec(); err != nil {
			return err
		}
		rows, err := results.Query()
		if err != nil {
			return err
		}
		var id uuid.UUID
		var cancel bool
		if _, err := pgx.ForEachRow(rows, []any{&id, &cancel}, func() error {
			known[id] = backend.LeaseOK
			if cancel {
				known[id] = backend.LeaseCancel
			}
			return nil
		}); err != nil {
			return err
		}
		_, err = s.finishEnding(ctx, q, results)
		return err
	})
	if err != nil {
		return nil, err
	}
	statuses := make([]backend.LeaseStatus, len(progress))
	for i, p := range progress {
		statuses[i] = backend.LeaseLost
		if status, ok := known[p.LeaseID]; ok {
			statuses[i] = status
		}
	}
	return statuses, nil
}

// GetLease implements backend.JobStore.
func (s *Store) GetLease(ctx context.Context, id uuid.UUID, caller string) (l backend.Lease, err error) {
	err = s.do(ctx, func(q querier) error {
		var ended bool
		l, err = one(ctx, q, func(row pgx.Row, l *backend.Lease) (err error) {
			var f fileRow
			if err := row.Scan(append(leaseFields(l, &f), &ended)...); err != nil {
				return err
			}
			l.File, err = f.file()
			return err
		}, "lease", `
			SELECT `+leaseColumns+`, l.ended_at IS NOT NULL
			FROM leases l JOIN jobs j ON j.id = l.job_id JOIN files f ON f.id = j.file_id
			WHERE l.lease_id = $1 AND l.caller = $2`, id, caller)
		if err == nil && ended {
			return backend.Errorf(backend.Gone, "the lease has ended")
		}
		return err
	})
	return l, err
}
