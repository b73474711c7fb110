package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

// endFinished ends leases by outcomes: each if it is a live one of its caller, and a success only with the catalogue's digest and size.
// With SKIP LOCKED it leaves out what another transaction has locked.
func endFinished(waiting string) string {
	return ending(`
		SELECT * FROM unnest($3::uuid[], $4::text[], $5::text[], $6::bytea[], $7::bytea[], $8::bigint[], $9::jsonb[], $10::jsonb[])
			AS o (lease, caller, kind, outcome_hash, sha256, bytes, problem, detail)`, `
		l."end" IS NULL AND l.lease_id = report.lease AND l.caller = report.caller AND (kind <> 'succeeded' OR EXISTS (
			SELECT FROM files f WHERE f.id = j.file_id AND f.sha256 = report.sha256 AND f.size = report.bytes))`, `true`, waiting)
}

var (
	finishTogether = endFinished(`SKIP LOCKED`)
	finishAlone    = endFinished(``)
)

// report is what an agent says of the end of a lease.
type report struct {
	lease  uuid.UUID
	caller string
	backend.Outcome
	hash []byte
}

// FinishLease implements backend.JobStore. Two outcomes are the same if they differ in their duration only.
func (s *Store) FinishLease(ctx context.Context, id uuid.UUID, caller string, o backend.Outcome) (job backend.Job, err error) {
	switch o.Status {
	case backend.Succeeded, backend.Failed, backend.Released:
	default:
		return job, backend.Errorf(backend.Invalid, "status: want succeeded, failed or released")
	}
	r := report{id, caller, o, outcomeHash(o)}
	return together(ctx, s, s.reports, r, func(ctx context.Context) (backend.Job, error) { return s.finishAlone(ctx, r) })
}

// newReports makes the group of reports. Two reports of one lease do not go together: the second is answered by what the first did.
func (s *Store) newReports() *group[report, backend.Job] {
	return &group[report, backend.Job]{
		name:   "report together",
		run:    s.finishTogether,
		key:    func(r report) any { return r.lease },
		weight: func(report) int { return 1 },
	}
}

// finishTogether ends leases by their reports. It leaves out every report that is not simply right: of a lease that is unknown, has
// ended or is locked, or with a success that is none. What to answer to these is found out alone.
func (s *Store) finishTogether(ctx context.Context, reports []report) (answers []*backend.Job, err error) {
	at := make(map[uuid.UUID]int, len(reports))
	for i, r := range reports {
		at[r.lease] = i
	}
	args, err := s.reportArgs(reports)
	if err != nil {
		return nil, err
	}
	err = s.do(ctx, func(q querier) error {
		answers = make([]*backend.Job, len(reports))
		var batch pgx.Batch
		batch.Queue(steadyPlans)
		batch.Queue(finishTogether, args...)
		results := q.SendBatch(ctx, &batch)
		defer results.Close()
		if _, err := results.Exec(); err != nil {
			return err
		}
		jobs, err := s.finishEnding(ctx, q, results)
		for i, j := range jobs {
			answers[at[j.Lease]] = &jobs[i].Job
		}
		return err
	})
	return answers, err
}

func (s *Store) finishAlone(ctx context.Context, r report) (job backend.Job, err error) {
	args, err := s.reportArgs([]report{r})
	if err != nil {
		return job, err
	}
	err = s.atomically(ctx, func(tx *Store) error {
		held, err := tx.holdLease(ctx, r.lease, r.caller)
		if err != nil {
			return err
		}
		if held.ended {
			job = held.job
			return repeated(held.hash, r.hash)
		}
		if r.Status == backend.Succeeded {
			if err := proven(r.Outcome, held); err != nil {
				return err
			}
		}
		var ended endedJob
		if err := scanEnded(tx.tx.QueryRow(ctx, finishAlone, args...), &ended); err != nil {
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

// reportArgs are the arguments of endFinished.
func (s *Store) reportArgs(reports []report) ([]any, error) {
	n := len(reports)
	leases, callers, kinds := make([][16]byte, n), make([]string, n), make([]string, n)
	hashes, sums, sizes := make([][]byte, n), make([][]byte, n), make([]*int64, n)
	problems, details := make([][]byte, n), make([][]byte, n)
	for i, r := range reports {
		leases[i], callers[i], kinds[i], hashes[i] = r.lease, r.caller, string(r.Status), r.hash
		if r.Status == backend.Succeeded {
			if r.SHA256 != nil {
				sums[i] = r.SHA256[:]
			}
			sizes[i] = r.Bytes
		}
		problem := r.Problem
		if problem == nil && r.Status == backend.Failed {
			problem = &backend.JobProblem{Title: "the agent reported a failure"}
		}
		if problem == nil {
			problem = &backend.JobProblem{Title: "released too often"}
		}
		var err1, err2 error
		problems[i], err1 = json.Marshal(problem)
		details[i], err2 = json.Marshal(map[string]any{"ms": r.Duration.Milliseconds(), "problem": r.Problem})
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
	}
	return []any{s.RetryBase, s.RetryCap, leases, callers, kinds, hashes, sums, sizes, problems, details}, nil
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

// holdLease locks a lease by its job and reads it.
func (s *Store) holdLease(ctx context.Context, id uuid.UUID, caller string) (h heldLease, err error) {
	var batch pgx.Batch
	batch.Queue(steadyPlans)
	batch.Queue(`SELECT FROM jobs WHERE id = (SELECT job_id FROM leases WHERE lease_id = $1 AND caller = $2) FOR UPDATE`, id, caller)
	// A statement of its own: what it sees is newer than the lock.
	batch.Queue(`
		SELECT `+jobColumns+`, l.ended_at IS NOT NULL, l.outcome_hash, f.size, f.sha256
		FROM leases l JOIN jobs j ON j.id = l.job_id JOIN files f ON f.id = j.file_id
		WHERE l.lease_id = $1 AND l.caller = $2`, id, caller)
	results := s.tx.SendBatch(ctx, &batch)
	defer results.Close()
	for range 2 {
		if _, err := results.Exec(); err != nil {
			return h, err
		}
	}
	switch err := scanHeld(results.QueryRow(), &h); {
	case errors.Is(err, pgx.ErrNoRows):
		return h, backend.Errorf(backend.NotFound, "no such lease")
	case err != nil:
		return h, err
	}
	return h, results.Close()
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
