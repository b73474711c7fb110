package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

// seenAgain divides the lease time: an agent that was seen less than LeaseTTL / seenAgain ago is not written to its row again.
const seenAgain = 6

// seen notes that an agent is alive, at most every LeaseTTL / seenAgain: waiters claim every second.
func (s *Store) seen(batch *pgx.Batch, c backend.Claim) {
	batch.Queue(`
		INSERT INTO agents (id, caller, name, version)
		SELECT $1::uuid, $2::text, $3::text, $4::text WHERE NOT EXISTS (
			SELECT FROM agents WHERE id = $1 AND caller = $2 AND name = $3 AND version = $4 AND last_seen > now() - $5::interval)
		ON CONFLICT (id, caller) DO UPDATE SET name = excluded.name, version = excluded.version, last_seen = excluded.last_seen`,
		c.AgentID, c.Caller, c.Name, c.Version, s.LeaseTTL/seenAgain)
}

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

// redeliver renews the leases that the agent does not seem to know of, and returns them.
const redeliver = `
	WITH locked AS MATERIALIZED (
		SELECT j.id, l.lease_id FROM leases l JOIN jobs j ON j.id = l.job_id
		WHERE l.agent = $1 AND l.caller = $2 AND l.ended_at IS NULL AND l.renewed_at IS NULL
		ORDER BY j.id FOR UPDATE OF j LIMIT $3),
	l AS (
		UPDATE leases l SET leased_until = now() + $4::interval, delivered_at = now() FROM locked
		WHERE l.lease_id = locked.lease_id AND l.ended_at IS NULL AND l.renewed_at IS NULL
		RETURNING l.*)
	SELECT ` + leaseColumns + ` FROM l JOIN jobs j ON j.id = l.job_id JOIN files f ON f.id = j.file_id
	ORDER BY l.granted_at, j.id`

// maxDigests bounds the bytes of part digests in one answer to a claim, which carries them in hexadecimal: API Gateway takes
// answers of 10 MB. A file has 10,000 parts at most, so there is always room for one.
const maxDigests = 100_000 * 32

// grant leases due jobs, as many as there is room for their digests. Jobs that somebody else is just taking are passed over, and
// so is a job behind another one of the same destination: behind any that is leased, and behind any older one that is queued. So
// jobs of one destination are done in the order in which they were submitted, and the newest version is what is there in the end.
const grant = `
	WITH due AS MATERIALIZED (
		SELECT id, file_id, priority, run_at FROM jobs WHERE state = 'queued' AND run_at <= now()
			AND NOT EXISTS (
				SELECT FROM jobs other
				WHERE other.dest_hash = jobs.dest_hash AND other.state IN ('queued', 'leased') AND other.id <> jobs.id
					AND (other.state = 'leased' OR (other.created_at, other.id) < (jobs.created_at, jobs.id)))
		ORDER BY priority DESC, run_at, id FOR UPDATE SKIP LOCKED LIMIT $3),
	fitting AS MATERIALIZED (
		SELECT id FROM (
			SELECT due.id, sum(octet_length(f.part_sha256)) OVER (ORDER BY due.priority DESC, due.run_at, due.id) AS digests
			FROM due JOIN files f ON f.id = due.file_id) sized
		WHERE digests <= $5),
	j AS (
		UPDATE jobs SET state = 'leased', grants = grants + 1, bytes_done = 0, updated_at = now() FROM fitting
		WHERE jobs.id = fitting.id RETURNING jobs.*),
	l AS (
		INSERT INTO leases (lease_id, job_id, "grant", agent, caller, leased_until)
		SELECT gen_random_uuid(), id, grants, $1, $2, now() + $4::interval FROM j RETURNING *),
	told AS (
		INSERT INTO job_events (job_id, kind, state, lease_id, detail)
		SELECT job_id, 'granted', 'leased', lease_id, jsonb_build_object('agent', agent, 'grant', "grant") FROM l)
	SELECT ` + leaseColumns + ` FROM l JOIN j ON j.id = l.job_id JOIN files f ON f.id = j.file_id
	ORDER BY j.priority DESC, j.run_at, j.id`

// ClaimJobs implements backend.JobStore.
func (s *Store) ClaimJobs(ctx context.Context, c backend.Claim) (leases []backend.Lease, err error) {
	err = s.do(ctx, func(q querier) error {
		var batch pgx.Batch
		s.seen(&batch, c)
		batch.Queue(redeliver, c.AgentID, c.Caller, c.Max, s.LeaseTTL)
		results := q.SendBatch(ctx, &batch)
		defer results.Close()
		if _, err := results.Exec(); err != nil {
			return err
		}
		rows, err := results.Query()
		if err != nil {
			return err
		}
		if leases, err = collect(rows, scanLease); err != nil {
			return err
		}
		if err := results.Close(); err != nil || len(leases) >= c.Max {
			return err
		}
		room := maxDigests
		for _, l := range leases {
			room -= 32 * len(l.File.PartDigests)
		}
		// Should this fail, what was redelivered is so once more with the next claim.
		granted, err := all(ctx, q, scanLease, grant, c.AgentID, c.Caller, c.Max-len(leases), s.LeaseTTL, room)
		leases = append(leases, granted...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return leases, nil
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
		s.seen(&batch, c)
		batch.Queue(renew, c.AgentID, c.Caller, ids, bytesDone, s.LeaseTTL)
		batch.Queue(endUnlisted, s.endArgs(unlisted, pgx.NamedArgs{"agent": c.AgentID, "caller": c.Caller, "ids": ids}))
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
		return s.finishEnding(ctx, q, results)
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
