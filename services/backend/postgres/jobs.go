package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

const jobColumns = `j.id, j.file_id, j.dest, j.priority, j.max_attempts, j.state, j.grants, j.failures, j.run_at, j.bytes_done,
	j.cancel_requested, j.problem, j.created_at, j.updated_at`

func jobFields(j *backend.Job) []any {
	return []any{
		&j.ID, &j.FileID, &j.Dest, &j.Priority, &j.MaxAttempts, &j.State, &j.Grants, &j.Failures, &j.RunAt, &j.BytesDone,
		&j.CancelRequested, &j.Problem, &j.CreatedAt, &j.UpdatedAt,
	}
}

func scanJob(row pgx.Row, j *backend.Job) error { return row.Scan(jobFields(j)...) }

// GetJob implements backend.JobStore.
func (s *Store) GetJob(ctx context.Context, id uuid.UUID) (j backend.Job, err error) {
	err = s.do(ctx, func(q querier) error {
		j, err = one(ctx, q, scanJob, "job", `SELECT `+jobColumns+` FROM jobs j WHERE j.id = $1`, id)
		return err
	})
	return j, err
}

// ListJobs implements backend.JobStore.
func (s *Store) ListJobs(ctx context.Context, filter backend.JobFilter, page backend.Page) ([]backend.Job, error) {
	var l list
	if filter.State != "" {
		// Constants, not parameters: the planner needs them to use the partial indexes.
		switch filter.State {
		case backend.JobQueued:
			l.and("j.state = 'queued'")
		case backend.JobLeased: // few, but anywhere in the order: found by their leases
			l.and("j.state = 'leased' AND j.id IN (SELECT job_id FROM leases WHERE ended_at IS NULL)")
		case backend.JobSucceeded:
			l.and("j.state = 'succeeded'")
		case backend.JobDead:
			l.and("j.state = 'dead'")
		case backend.JobCancelled:
			l.and("j.state = 'cancelled'")
		default:
			return nil, backend.Errorf(backend.Invalid, "state: want queued, leased, succeeded, dead or cancelled")
		}
	}
	if filter.FileID != nil {
		l.and("j.file_id = ?", *filter.FileID)
	}
	sql := l.page(`SELECT `+jobColumns+` FROM jobs j`, "j", page)
	return s.jobPages.read(ctx, s, sql, l.args...)
}

// ListAttempts implements backend.JobStore. Why an attempt failed is in the event that tells of its end.
func (s *Store) ListAttempts(ctx context.Context, id uuid.UUID, limit int) (attempts []backend.Attempt, err error) {
	scan := func(row pgx.Row, a *backend.Attempt) error {
		var ended *time.Time
		err := row.Scan(&a.Number, &a.LeaseID, &a.AgentID, &a.AgentName, &a.GrantedAt, &ended, &a.End, &a.Problem)
		if ended != nil {
			a.EndedAt = *ended
		}
		return err
	}
	err = s.do(ctx, func(q querier) error {
		if _, err := one(ctx, q, scanJob, "job", `SELECT `+jobColumns+` FROM jobs j WHERE j.id = $1`, id); err != nil {
			return err
		}
		attempts, err = all(ctx, q, scan, `
			SELECT l."grant", l.lease_id, l.agent, coalesce(a.name, ''), l.granted_at, l.ended_at, coalesce(l."end", ''), (
				SELECT e.detail->'problem' FROM job_events e
				WHERE e.job_id = l.job_id AND e.lease_id = l.lease_id AND jsonb_typeof(e.detail->'problem') = 'object' LIMIT 1)
			FROM leases l LEFT JOIN agents a ON a.id = l.agent AND a.caller = l.caller
			WHERE l.job_id = $1 ORDER BY l."grant" DESC LIMIT $2`, id, limit)
		return err
	})
	return attempts, err
}

// lockJob takes the lock under which a job and its leases change.
func (s *Store) lockJob(ctx context.Context, id uuid.UUID) (backend.Job, error) {
	return one(ctx, s.tx, scanJob, "job", `SELECT `+jobColumns+` FROM jobs j WHERE j.id = $1 FOR UPDATE`, id)
}

// update changes one job that is locked, and writes it down.
func (s *Store) update(ctx context.Context, id uuid.UUID, event, set string) (backend.Job, error) {
	return one(ctx, s.tx, scanJob, "job", `
		WITH j AS (UPDATE jobs SET updated_at = now(), `+set+` WHERE id = $1 RETURNING *),
		told AS (INSERT INTO job_events (job_id, kind, state) SELECT id, $2, state FROM j)
		SELECT `+jobColumns+` FROM j`, id, event)
}

// CancelJob implements backend.JobStore.
func (s *Store) CancelJob(ctx context.Context, id uuid.UUID) (j backend.Job, err error) {
	err = s.atomically(ctx, func(tx *Store) error {
		if j, err = tx.lockJob(ctx, id); err != nil {
			return err
		}
		switch j.State {
		case backend.JobQueued:
			j, err = tx.update(ctx, id, "cancelled", `state = 'cancelled', cancel_requested = true`)
		case backend.JobLeased:
			if !j.CancelRequested {
				j, err = tx.update(ctx, id, "cancel requested", `cancel_requested = true`)
			}
		case backend.JobCancelled:
		default:
			err = backend.Errorf(backend.Conflict, "the job is %s", j.State)
		}
		return err
	})
	return j, err
}

// newest returns a conflict if a newer job of the same destination counts instead of one that ended without success.
func (s *Store) newest(ctx context.Context, id uuid.UUID) error {
	var active, done bool
	err := s.tx.QueryRow(ctx, `
		SELECT EXISTS (
				SELECT FROM jobs j JOIN jobs newer ON newer.dest_hash = j.dest_hash
				WHERE j.id = $1 AND newer.state IN ('queued', 'leased') AND (newer.created_at, newer.id) > (j.created_at, j.id)),
			EXISTS (SELECT FROM job_events WHERE job_id = $1 AND kind = $2)`, id, superseded).Scan(&active, &done)
	switch {
	case err != nil:
		return err
	case active:
		return backend.Errorf(backend.Conflict, "a newer job of the same destination is queued or leased")
	case done:
		return backend.Errorf(backend.Conflict, "a newer job of the same destination has succeeded: submit the file again to go back to it")
	}
	return nil
}

// RetryJob implements backend.JobStore.
func (s *Store) RetryJob(ctx context.Context, id uuid.UUID) (j backend.Job, err error) {
	err = s.atomically(ctx, func(tx *Store) error {
		// Files are locked before jobs. A job keeps its file for life.
		var fileID uuid.UUID
		err := tx.tx.QueryRow(ctx, `
			SELECT f.id FROM files f JOIN jobs j ON j.file_id = f.id
			WHERE j.id = $1 AND f.deleted_at IS NULL FOR KEY SHARE OF f`, id).Scan(&fileID)
		gone := errors.Is(err, pgx.ErrNoRows)
		if err != nil && !gone {
			return err
		}
		if j, err = tx.lockJob(ctx, id); err != nil {
			return err
		}
		if j.State != backend.JobDead && j.State != backend.JobCancelled {
			return backend.Errorf(backend.Conflict, "the job is %s", j.State)
		}
		if gone {
			return backend.Errorf(backend.Conflict, "the job's file has been deleted")
		}
		if err := tx.newest(ctx, id); err != nil {
			return err
		}
		j, err = tx.update(ctx, id, "retried", `state = 'queued', run_at = now(), failures = 0, releases = 0, bytes_done = 0,
			cancel_requested = false, problem = NULL`)
		if err != nil {
			return err
		}
		return tx.announce(ctx, tx.tx)
	})
	return j, err
}
