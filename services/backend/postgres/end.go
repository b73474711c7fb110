package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

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

// ending returns the statement that ends the leases for which the condition on l holds, and moves their jobs on. The condition
// is checked twice: when the jobs are looked for, and again under their locks.
//
// A job goes on to succeeded, to cancelled when that was asked for, to dead when its failures reach max_attempts, else back to
// the queue: at once after an end that is no failure, after a failure within a random part (full jitter) of a time that
// doubles with each.
func ending(condition, waiting string) string {
	return `
	WITH locked AS MATERIALIZED (
		SELECT j.id, j.failures, j.max_attempts, j.cancel_requested, l.lease_id,
			@kind IN ('failed', 'expired') OR (@kind = 'released' AND j.releases >= @max_releases) AS failure
		FROM leases l JOIN jobs j ON j.id = l.job_id
		WHERE l.ended_at IS NULL AND ` + condition + `
		ORDER BY j.id FOR UPDATE OF j ` + waiting + `),
	decided AS MATERIALIZED (
		SELECT *, CASE
			WHEN @kind = 'succeeded' THEN 'succeeded'
			WHEN cancel_requested THEN 'cancelled'
			WHEN failure AND failures + 1 >= max_attempts THEN 'dead'
			ELSE 'queued' END AS next
		FROM locked),
	ended AS (
		UPDATE leases l SET ended_at = now(), outcome_hash = @outcome_hash::bytea, "end" = CASE
			WHEN @kind IN ('succeeded', 'failed', 'released') THEN @kind::text
			WHEN cancel_requested THEN 'cancelled'
			WHEN @kind = 'expired' THEN 'expired'
			ELSE 'released' END
		FROM decided WHERE l.lease_id = decided.lease_id AND l.ended_at IS NULL AND ` + condition + `
		RETURNING decided.*),
	j AS (
		UPDATE jobs j SET
			state = ended.next,
			failures = j.failures + ended.failure::int,
			releases = j.releases + (@kind = 'released')::int,
			bytes_done = coalesce(@bytes::bigint, j.bytes_done),
			problem = CASE WHEN @kind = 'succeeded' THEN NULL WHEN ended.failure THEN @problem::jsonb ELSE j.problem END,
			run_at = CASE
				WHEN ended.next <> 'queued' THEN j.run_at
				WHEN ended.failure THEN now() + random() * least(@retry_cap::interval, @retry_base::interval * 2 ^ least(j.failures, 30))
				ELSE now() END,
			updated_at = now()
		FROM ended WHERE j.id = ended.id RETURNING j.*, ended.lease_id),
	told AS (
		INSERT INTO job_events (job_id, kind, state, lease_id, detail) SELECT id, @kind::text, state, lease_id, @detail::jsonb FROM j)
	SELECT ` + jobColumns + `, (j.state = 'queued' AND j.run_at <= now())
		OR EXISTS (SELECT FROM jobs behind WHERE behind.dest_hash = j.dest_hash AND behind.state = 'queued' AND behind.id <> j.id)
	FROM j ORDER BY j.id`
}

var (
	endFinished = ending(`l.lease_id = @lease`, ``)
	// A lease that was redelivered belongs to a newer answer, and one that was renewed has reached its agent.
	endAbandoned = ending(`l.lease_id = ANY(@ids) AND l.renewed_at IS NULL AND l.delivered_at = l.granted_at`, ``)
	// Rows that another transaction has locked may wait for the next heartbeat, or the next sweep: these two wait for no lock.
	endUnlisted = ending(`l.agent = @agent AND l.caller = @caller AND l.lease_id <> ALL(@ids::uuid[])
		AND l.delivered_at < now() - interval '10 seconds'`, `SKIP LOCKED`)
	endExpired = ending(`l.leased_until < now()`, `SKIP LOCKED LIMIT @limit`)
)

// endArgs are the arguments of an ending, with the ones of its condition.
func (s *Store) endArgs(kind string, more pgx.NamedArgs) pgx.NamedArgs {
	args := pgx.NamedArgs{
		"kind": kind, "max_releases": maxReleases, "retry_base": s.RetryBase, "retry_cap": s.RetryCap,
		"outcome_hash": nil, "bytes": nil, "problem": nil, "detail": nil,
	}
	maps.Copy(args, more)
	return args
}

// endedJob is a job whose lease has ended; Now marks one that can be leased again at once, or that another one waited for.
type endedJob struct {
	backend.Job
	Now bool
}

func scanEnded(row pgx.Row, j *endedJob) error { return row.Scan(append(jobFields(&j.Job), &j.Now)...) }

// finishEnding reads the result of an ending that is the last of a batch, and tells the waiters of jobs that are back.
func (s *Store) finishEnding(ctx context.Context, q querier, results pgx.BatchResults) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	jobs, err := collect(rows, scanEnded)
	if err != nil {
		return err
	}
	if err := results.Close(); err != nil {
		return err
	}
	return s.announceEnded(ctx, q, jobs)
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
		jobs, err := all(ctx, q, scanEnded, endAbandoned, s.endArgs(abandoned, pgx.NamedArgs{"ids": ids}))
		if err != nil {
			return err
		}
		return s.announceEnded(ctx, q, jobs)
	})
}

// heldLease is what FinishLease must know of a lease.
type heldLease struct {
	ended  bool
	hash   []byte // of the outcome that ended it, if one did
	job    backend.Job
	size   int64
	sha256 []byte
}

func scanHeld(row pgx.Row, h *heldLease) error {
	return row.Scan(append(jobFields(&h.job), &h.ended, &h.hash, &h.size, &h.sha256)...)
}

// FinishLease implements backend.JobStore. Two outcomes are the same if they differ in their duration only.
func (s *Store) FinishLease(ctx context.Context, id uuid.UUID, caller string, o backend.Outcome) (job backend.Job, err error) {
	switch o.Status {
	case backend.Succeeded, backend.Failed, backend.Released:
	default:
		return job, backend.Errorf(backend.Invalid, "status: want succeeded, failed or released")
	}
	hash := outcomeHash(o)
	err = s.atomically(ctx, func(tx *Store) error {
		held, err := tx.holdLease(ctx, id, caller)
		if err != nil {
			return err
		}
		if held.ended {
			job = held.job
			return repeated(held.hash, hash)
		}
		if o.Status == backend.Succeeded {
			if err := proven(o, held); err != nil {
				return err
			}
		}
		ended, err := tx.endByOutcome(ctx, id, o, hash)
		if err != nil {
			return err
		}
		job = ended.Job
		return tx.announceEnded(ctx, tx.tx, []endedJob{ended})
	})
	if err != nil {
		return backend.Job{}, err
	}
	return job, nil
}

// holdLease locks a lease by its job and reads it.
func (s *Store) holdLease(ctx context.Context, id uuid.UUID, caller string) (h heldLease, err error) {
	var batch pgx.Batch
	batch.Queue(`SELECT FROM jobs WHERE id = (SELECT job_id FROM leases WHERE lease_id = $1 AND caller = $2) FOR UPDATE`, id, caller)
	// A statement of its own: what it sees is newer than the lock.
	batch.Queue(`
		SELECT `+jobColumns+`, l.ended_at IS NOT NULL, l.outcome_hash, f.size, f.sha256
		FROM leases l JOIN jobs j ON j.id = l.job_id JOIN files f ON f.id = j.file_id
		WHERE l.lease_id = $1 AND l.caller = $2`, id, caller)
	results := s.tx.SendBatch(ctx, &batch)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return h, err
	}
	switch err := scanHeld(results.QueryRow(), &h); {
	case errors.Is(err, pgx.ErrNoRows):
		return h, backend.Errorf(backend.NotFound, "no such lease")
	case err != nil:
		return h, err
	}
	return h, results.Close()
}

// supersede notes at older jobs of a destination, which ended without success, that a newer one has succeeded: see RetryJob.
const supersede = `
	INSERT INTO job_events (job_id, kind, state)
	SELECT older.id, '` + superseded + `', older.state
	FROM leases l JOIN jobs j ON j.id = l.job_id JOIN jobs older ON older.dest_hash = j.dest_hash
	WHERE l.lease_id = $1 AND older.state IN ('dead', 'cancelled') AND (older.created_at, older.id) < (j.created_at, j.id)
		AND NOT EXISTS (SELECT FROM job_events told WHERE told.job_id = older.id AND told.kind = '` + superseded + `')`

// endByOutcome ends a lease that holdLease has locked.
func (s *Store) endByOutcome(ctx context.Context, id uuid.UUID, o backend.Outcome, hash []byte) (ended endedJob, err error) {
	var batch pgx.Batch
	batch.Queue(endFinished, s.outcomeArgs(id, o, hash))
	if o.Status == backend.Succeeded {
		batch.Queue(supersede, id)
	}
	results := s.tx.SendBatch(ctx, &batch)
	defer results.Close()
	if err := scanEnded(results.QueryRow(), &ended); err != nil {
		return ended, err
	}
	return ended, results.Close()
}

// repeated says what an outcome means for a lease that has ended already.
func repeated(first, again []byte) error {
	switch {
	case first == nil:
		return backend.Errorf(backend.Gone, "the lease has ended")
	case !bytes.Equal(first, again):
		return backend.Errorf(backend.Conflict, "another outcome of this lease was reported before")
	default:
		return nil
	}
}

// proven holds a success against the catalogue.
func proven(o backend.Outcome, held heldLease) error {
	var fields []backend.FieldError
	if o.SHA256 == nil || !bytes.Equal(o.SHA256[:], held.sha256) {
		fields = append(fields, backend.FieldError{Pointer: "/sha256", Detail: fmt.Sprintf("the file's is %x", held.sha256)})
	}
	if o.Bytes == nil || *o.Bytes != held.size {
		fields = append(fields, backend.FieldError{Pointer: "/bytes", Detail: fmt.Sprintf("the file has %d", held.size)})
	}
	if len(fields) > 0 {
		return &backend.Error{Code: backend.Unprocessable, Detail: "this is not the file of the catalogue", Fields: fields}
	}
	return nil
}

func (s *Store) outcomeArgs(id uuid.UUID, o backend.Outcome, hash []byte) pgx.NamedArgs {
	problem := o.Problem
	if problem == nil && o.Status == backend.Failed {
		problem = &backend.JobProblem{Title: "the agent reported a failure"}
	}
	if problem == nil {
		problem = &backend.JobProblem{Title: "released too often"}
	}
	more := pgx.NamedArgs{
		"lease": id, "outcome_hash": hash, "problem": problem,
		"detail": map[string]any{"ms": o.Duration.Milliseconds(), "problem": o.Problem},
	}
	if o.Status == backend.Succeeded {
		more["bytes"] = o.Bytes
	}
	return s.endArgs(string(o.Status), more)
}

// outcomeHash names an outcome. The duration is no part of it: a report that is made anew may measure it anew.
func outcomeHash(o backend.Outcome) []byte {
	text, err := json.Marshal(struct {
		Status  backend.OutcomeStatus
		SHA256  *[32]byte
		Bytes   *int64
		Problem *backend.JobProblem
	}{o.Status, o.SHA256, o.Bytes, o.Problem})
	if err != nil { // there is nothing in it that JSON does not know
		panic(err)
	}
	sum := sha256.Sum256(text)
	return sum[:]
}
