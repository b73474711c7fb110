package postgres

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"scalable-backend/services/backend"
)

// foundJobs reads jobs by their ids, in the order of these, each with its file and its latest lease.
const foundJobs = `
	SELECT ` + jobColumns + `, f.name, f.size, coalesce(nullif(a.name, ''), l.agent::text, ''), l.agent
	FROM unnest($1::uuid[]) WITH ORDINALITY AS w (id, n)
	JOIN jobs j ON j.id = w.id JOIN files f ON f.id = j.file_id
	LEFT JOIN LATERAL (SELECT agent, caller FROM leases WHERE job_id = j.id ORDER BY "grant" DESC LIMIT 1) l ON true
	LEFT JOIN agents a ON a.id = l.agent AND a.caller = l.caller
	ORDER BY w.n`

func scanFoundJob(row pgx.Row, j *backend.FoundJob) error {
	return row.Scan(append(jobFields(&j.Job), &j.FileName, &j.FileSize, &j.Agent, (*zeronull.UUID)(&j.AgentID))...)
}

// SearchJobs implements backend.SearchStore.
func (s *Store) SearchJobs(ctx context.Context, q backend.JobSearch, page backend.Page) (f backend.Found[backend.FoundJob], err error) {
	err = s.do(ctx, func(c querier) error {
		var agents []uuid.UUID
		if q.Agent != "" {
			if agents, err = agentsCalled(ctx, c, q.Agent); err != nil {
				return err
			}
		}
		sql, err := jobSearch(q, agents)
		if err != nil {
			return err
		}
		r, err := sql.run(ctx, c, "jobs", "j", page)
		if err != nil {
			return err
		}
		jobs, err := all(ctx, c, scanFoundJob, foundJobs, r.ids)
		f = found(jobs, r, page.Size, sql.limit, func(j backend.FoundJob) backend.Cursor {
			return backend.Cursor{CreatedAt: j.CreatedAt, ID: j.ID}
		})
		return err
	})
	return f, err
}

// jobSearch puts the conditions together. What an index has goes into it; the rest is looked at row by row.
func jobSearch(q backend.JobSearch, agents []uuid.UUID) (*search, error) {
	s := &search{}
	byState := q.State != "" && q.FileID == nil
	if condition, err := jobState(q.State); err != nil {
		return nil, err
	} else if byState {
		s.and(condition)
	} else if condition != "" {
		s.hit(condition)
	}
	if q.FileID != nil {
		s.and("j.file_id = ?", *q.FileID)
	}
	if byState && q.State == backend.JobLeased { // few, but anywhere in the order: found by their leases
		s.and("j.id IN (SELECT job_id FROM leases WHERE ended_at IS NULL)")
	}
	hash := sha256.Sum256([]byte(q.Dest))
	switch {
	case q.Dest == "":
	case byState && q.State != backend.JobSucceeded:
		s.and("j.dest_hash = ?", hash[:])
	default:
		s.hit("j.dest_hash = ?", hash[:])
	}
	if q.Text != "" {
		s.text(q.Text, []string{"j.dest", "coalesce(j.problem->>'title', '')", "coalesce(j.problem->>'detail', '')"}, []string{"j.id::text"})
	}
	switch {
	case q.Agent == "":
	case byState && q.State == backend.JobLeased:
		s.and("j.id IN (SELECT job_id FROM leases WHERE ended_at IS NULL AND agent = ANY(?))", agents)
	default:
		s.limit = leaseScanLimit
		// Not EXISTS, for which the planner may read all leases into memory first.
		s.hit("coalesce((SELECT bool_or(l.agent = ANY(?)) FROM leases l WHERE l.job_id = j.id), false)", agents)
	}
	return s, nil
}

// jobState is the condition of a state: constants, not parameters, because the planner needs them to use the partial indexes.
func jobState(state backend.JobState) (string, error) {
	switch state {
	case "":
		return "", nil
	case backend.JobQueued:
		return "j.state = 'queued'", nil
	case backend.JobLeased:
		return "j.state = 'leased'", nil
	case backend.JobSucceeded:
		// As the index on them says: the planner then knows that it holds all of them in order.
		return "j.state IN ('succeeded', 'cancelled') AND j.state = 'succeeded'", nil
	case backend.JobDead:
		return "j.state = 'dead'", nil
	case backend.JobCancelled:
		return "j.state = 'cancelled'", nil
	}
	return "", backend.Errorf(backend.Invalid, "state: want queued, leased, succeeded, dead or cancelled")
}

// agentsCalled returns the ids of the agents with a name, or the id that the text is.
func agentsCalled(ctx context.Context, q querier, text string) (ids []uuid.UUID, err error) {
	if id, err := uuid.Parse(text); err == nil {
		return []uuid.UUID{id}, nil
	}
	scan := func(row pgx.Row, id *uuid.UUID) error { return row.Scan(id) }
	return all(ctx, q, scan, `SELECT DISTINCT id FROM agents WHERE name = $1 LIMIT 100`, text)
}

// ListJobEvents implements backend.SearchStore. Whoever asked for a change stands in the audit, at the same instant: both are written in
// one transaction.
func (s *Store) ListJobEvents(ctx context.Context, id uuid.UUID, limit int) (events []backend.JobEvent, err error) {
	scan := func(row pgx.Row, e *backend.JobEvent) error {
		var ms int64
		err := row.Scan(&e.At, &e.Kind, &e.State, (*zeronull.UUID)(&e.LeaseID), &ms, &e.Problem, &e.CallerID, &e.Caller)
		e.Took = time.Duration(ms) * time.Millisecond
		return err
	}
	err = s.do(ctx, func(q querier) error {
		events, err = all(ctx, q, scan, `
			SELECT e.at, e.kind, e.state, e.lease_id, coalesce((e.detail->>'ms')::bigint, 0),
				CASE WHEN jsonb_typeof(e.detail->'problem') = 'object' THEN e.detail->'problem' END,
				coalesce(a.caller, ''), coalesce(a.caller_name, '')
			FROM job_events e LEFT JOIN audit a ON a.object = e.job_id::text AND a.at = e.at AND e.kind NOT IN ('submitted', 'superseded')
			WHERE e.job_id = $1 ORDER BY e.id DESC LIMIT $2`, id, limit)
		return err
	})
	return events, err
}
