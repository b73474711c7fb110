package postgres

import (
	"context"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

// maxReleases is how often a job may be released before a release counts as a failure.
const maxReleases = 10

// The ways in which a lease ends, as job_events names them. The first three are the agent's own word.
const (
	succeeded = string(backend.Succeeded)
	failed    = string(backend.Failed)
	released  = string(backend.Released)
	abandoned = "abandoned" // its answer never reached the agent
	unlisted  = "unlisted"  // the agent does not know it
	expired   = "expired"

	superseded = "superseded" // no end of a lease: a newer job of the destination has succeeded
)

// ending returns the statement that ends leases l, moves their jobs j on and tells of it. report is a query for what is reported of
// the leases: one row for all of them, or one for each. which says what leases are meant, by what never changes; the condition on l is
// checked twice, when the jobs are looked for and again under their locks. $1 and $2 are RetryBase and RetryCap.
//
// A job goes on to succeeded, to cancelled when that was asked for, to dead when its failures reach max_attempts, else back to
// the queue: at once after an end that is no failure, after a failure within a random part (full jitter) of a time that
// doubles with each. Once it has succeeded, this is noted at older jobs of its destination that ended without success: see RetryJob.
func ending(report, which, condition, waiting string) string {
	return `
	WITH report AS MATERIALIZED (` + report + `),
	locked AS MATERIALIZED (
		SELECT j.id, l.lease_id, kind, report.outcome_hash, report.bytes, report.problem, report.detail, j.cancel_requested,
			j.failures + 1 >= j.max_attempts AS last,
			kind IN ('failed', 'expired') OR (kind = 'released' AND j.releases >= ` + strconv.Itoa(maxReleases) + `) AS failure
		FROM report, leases l JOIN jobs j ON j.id = l.job_id
		WHERE ` + which + ` AND ` + condition + `
		ORDER BY j.id FOR UPDATE OF j ` + waiting + `),
	ended AS (
		UPDATE leases l SET ended_at = now(), outcome_hash = locked.outcome_hash, "end" = CASE
			WHEN kind IN ('succeeded', 'failed', 'released') THEN kind
			WHEN cancel_requested THEN 'cancelled'
			WHEN kind = 'expired' THEN 'expired'
			ELSE 'released' END
		FROM locked WHERE l.lease_id = locked.lease_id AND l."end" IS NULL AND ` + condition + `
		RETURNING locked.id, l.lease_id, kind, bytes, problem, detail, failure, CASE
			WHEN kind = 'succeeded' THEN 'succeeded'
			WHEN cancel_requested THEN 'cancelled'
			WHEN failure AND last THEN 'dead'
			ELSE 'queued' END AS next),
	j AS (
		UPDATE jobs j SET
			state = next,
			failures = j.failures + failure::int,
			releases = j.releases + (kind = 'released')::int,
			bytes_done = coalesce(bytes, j.bytes_done),
			problem = CASE WHEN kind = 'succeeded' THEN NULL WHEN failure THEN ended.problem ELSE j.problem END,
			run_at = CASE
				WHEN next <> 'queued' THEN j.run_at
				WHEN failure THEN now() + random() * least($2::interval, $1::interval * 2 ^ least(j.failures, 30))
				ELSE now() END,
			updated_at = now()
		FROM ended WHERE j.id = ended.id RETURNING j.*, kind, lease_id, detail),
	told AS (INSERT INTO job_events (job_id, kind, state, lease_id, detail) SELECT id, kind, state, lease_id, detail FROM j),
	overtaken AS (
		INSERT INTO job_events (job_id, kind, state)
		SELECT older.id, '` + superseded + `', older.state FROM j JOIN jobs older ON older.dest_hash = j.dest_hash
		WHERE j.state = 'succeeded' AND older.state IN ('dead', 'cancelled') AND (older.created_at, older.id) < (j.created_at, j.id)
			AND NOT EXISTS (SELECT FROM job_events told WHERE told.job_id = older.id AND told.kind = '` + superseded + `'))
	SELECT j.lease_id, ` + jobColumns + `, (j.state = 'queued' AND j.run_at <= now())
		OR EXISTS (SELECT FROM jobs behind WHERE behind.dest_hash = j.dest_hash AND behind.state = 'queued' AND behind.id <> j.id)
	FROM j ORDER BY j.id`
}

// same is the report of leases that end without an outcome.
const same = `SELECT $3::text AS kind, $4::jsonb AS problem, NULL::jsonb AS detail, NULL::bytea AS outcome_hash, NULL::bigint AS bytes`

var (
	// A lease that was redelivered belongs to a newer answer, and one that was renewed has reached its agent.
	endAbandoned = ending(same, `l."end" IS NULL AND l.lease_id = ANY($5)`, `l.renewed_at IS NULL AND l.delivered_at = l.granted_at`, ``)
	// Rows that another transaction has locked may wait for the next heartbeat, or the next sweep: these two wait for no lock.
	endUnlisted = ending(same, `l.ended_at IS NULL AND l.agent = $5 AND l.caller = $6 AND l.lease_id <> ALL($7::uuid[])`,
		`l.delivered_at < now() - interval '10 seconds'`, `SKIP LOCKED`)
	endExpired = ending(same, `l.ended_at IS NULL`, `l.leased_until < now()`, `SKIP LOCKED LIMIT $5`)
)

// endArgs are the arguments of an ending without an outcome, with those of its condition.
func (s *Store) endArgs(kind string, problem *backend.JobProblem, more ...any) []any {
	return append([]any{s.RetryBase, s.RetryCap, kind, problem}, more...)
}

// endedJob is a job with its lease that has ended; Now marks one that can be leased again at once, or that another one waited for.
type endedJob struct {
	backend.Job
	Lease uuid.UUID
	Now   bool
}

func scanEnded(row pgx.Row, j *endedJob) error {
	return row.Scan(append(append([]any{&j.Lease}, jobFields(&j.Job)...), &j.Now)...)
}

// finishEnding reads the result of an ending that is the last of a batch, and tells the waiters of jobs that are back.
func (s *Store) finishEnding(ctx context.Context, q querier, results pgx.BatchResults) ([]endedJob, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	jobs, err := collect(rows, scanEnded)
	if err != nil {
		return nil, err
	}
	if err := results.Close(); err != nil {
		return nil, err
	}
	return jobs, s.announceEnded(ctx, q, jobs)
}

func (s *Store) announceEnded(ctx context.Context, q querier, jobs []endedJob) error {
	for _, j := range jobs {
		if j.Now {
			return s.announce(ctx, q)
		}
	}
	return nil
}

// Abandon implements backend.JobStore.
func (s *Store) Abandon(ctx context.Context, ids []uuid.UUID) error {
	return s.do(ctx, func(q querier) error {
		jobs, err := all(ctx, q, scanEnded, endAbandoned, s.endArgs(abandoned, nil, ids)...)
		if err != nil {
			return err
		}
		return s.announceEnded(ctx, q, jobs)
	})
}
