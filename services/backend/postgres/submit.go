package postgres

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	nameRule "scalable-backend/services/api/names"
	"scalable-backend/services/backend"
)

// submitTries bounds how often a twin may end between our meeting it and our reading it.
const submitTries = 5

// want is one job of a submission, once for all its repeats in the submission.
type want struct {
	backend.NewJob
	id       uuid.UUID // in the order of the submission, so that lists show it in that order
	hash     [32]byte  // of Dest
	at       []int     // where in the submission
	job      backend.Job
	existing bool
	done     bool
}

// SubmitJobs implements backend.JobStore.
func (s *Store) SubmitJobs(ctx context.Context, jobs []backend.NewJob) (submitted []backend.SubmittedJob, err error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	err = s.atomically(ctx, func(tx *Store) error {
		files, err := tx.holdFiles(ctx, jobs)
		if err != nil {
			return err
		}
		wanted, err := resolve(jobs, files)
		if err != nil {
			return err
		}
		created, err := tx.insertOrFind(ctx, wanted)
		if err != nil {
			return err
		}
		submitted = make([]backend.SubmittedJob, len(jobs))
		for _, w := range wanted {
			for i, at := range w.at {
				submitted[at] = backend.SubmittedJob{Job: w.job, Existing: w.existing || i > 0}
			}
		}
		if created == 0 {
			return nil
		}
		return tx.announce(ctx, tx.tx)
	})
	if err != nil {
		return nil, err
	}
	return submitted, nil
}

// submittedFile is what a submission must know of a file.
type submittedFile struct {
	id    uuid.UUID
	name  string
	state backend.FileState
}

// holdFiles looks the files of jobs up and holds them against deletion.
func (s *Store) holdFiles(ctx context.Context, jobs []backend.NewJob) (map[uuid.UUID]submittedFile, error) {
	ids := make([]uuid.UUID, len(jobs))
	for i, job := range jobs {
		ids[i] = job.FileID
	}
	scan := func(row pgx.Row, f *submittedFile) error { return row.Scan(&f.id, &f.name, &f.state) }
	found, err := all(ctx, s.tx, scan, `
		SELECT f.id, f.name, f.state FROM files f WHERE f.id = ANY($1) AND f.deleted_at IS NULL ORDER BY f.id FOR KEY SHARE`, ids)
	files := make(map[uuid.UUID]submittedFile, len(found))
	for _, f := range found {
		files[f.id] = f
	}
	return files, err
}

// resolve returns the jobs without repeats, in the order in which all submissions insert: by file and destination.
func resolve(jobs []backend.NewJob, files map[uuid.UUID]submittedFile) ([]*want, error) {
	type twin struct {
		file uuid.UUID
		dest [32]byte
	}
	byTwin := make(map[twin]*want, len(jobs))
	var wanted []*want
	var fields []backend.FieldError
	for i, job := range jobs {
		f, ok := files[job.FileID]
		if !ok || f.state != backend.FileReady {
			detail := "no such file"
			if ok {
				detail = "the file is not ready"
			}
			fields = append(fields, backend.FieldError{Pointer: fmt.Sprintf("/jobs/%d/file_id", i), Detail: detail})
			continue
		}
		if job.Dest == "" {
			job.Dest = f.name
			// The file may have been registered before the rule was what it is.
			if err := nameRule.CheckPath(f.name); err != nil {
				fields = append(fields, backend.FieldError{
					Pointer: fmt.Sprintf("/jobs/%d/dest", i), Detail: "required, because the file's name is no destination: " + err.Error(),
				})
				continue
			}
		}
		key := twin{job.FileID, sha256.Sum256([]byte(job.Dest))}
		w := byTwin[key]
		if w == nil {
			id, err := uuid.NewV7()
			if err != nil {
				return nil, err
			}
			w = &want{NewJob: job, id: id, hash: key.dest}
			byTwin[key] = w
			wanted = append(wanted, w)
		}
		w.at = append(w.at, i)
	}
	if len(fields) > 0 {
		return nil, &backend.Error{Code: backend.Unprocessable, Detail: "not all files can be downloaded", Fields: fields}
	}
	slices.SortFunc(wanted, func(a, b *want) int {
		return cmp.Or(bytes.Compare(a.FileID[:], b.FileID[:]), bytes.Compare(a.hash[:], b.hash[:]))
	})
	return wanted, nil
}

// insertOrFind gives every wanted job its row: a new one, or that of the active twin. A twin that ends between the two
// statements makes room, so the rest is tried again.
func (s *Store) insertOrFind(ctx context.Context, wanted []*want) (created int, err error) {
	for range submitTries {
		open := slices.DeleteFunc(slices.Clone(wanted), func(w *want) bool { return w.done })
		if len(open) == 0 {
			return created, nil
		}
		n, err := s.insertJobs(ctx, open)
		if err != nil {
			return 0, err
		}
		created += n
		open = slices.DeleteFunc(open, func(w *want) bool { return w.done })
		if err := s.findTwins(ctx, open); err != nil {
			return 0, err
		}
	}
	if slices.ContainsFunc(wanted, func(w *want) bool { return !w.done }) {
		return 0, &backend.Error{Code: backend.Unavailable, Detail: "active twins of a job keep ending", RetryAfter: time.Second}
	}
	return created, nil
}

func (s *Store) insertJobs(ctx context.Context, open []*want) (created int, err error) {
	byID := make(map[uuid.UUID]*want, len(open))
	var ids, fileIDs []uuid.UUID
	var dests []string
	var hashes [][]byte
	var priorities, attempts []int
	for _, w := range open {
		byID[w.id] = w
		ids, fileIDs = append(ids, w.id), append(fileIDs, w.FileID)
		dests, hashes = append(dests, w.Dest), append(hashes, w.hash[:])
		priorities, attempts = append(priorities, w.Priority), append(attempts, w.MaxAttempts)
	}
	jobs, err := all(ctx, s.tx, scanJob, `
		WITH j AS (
			INSERT INTO jobs (id, file_id, dest, dest_hash, priority, max_attempts)
			SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::int[], $6::int[]) AS w ORDER BY 2, 4
			ON CONFLICT (file_id, dest_hash) WHERE state IN ('queued', 'leased') DO NOTHING
			RETURNING *),
		told AS (INSERT INTO job_events (job_id, kind, state) SELECT id, 'submitted', state FROM j)
		SELECT `+jobColumns+` FROM j`, ids, fileIDs, dests, hashes, priorities, attempts)
	for _, job := range jobs {
		w := byID[job.ID]
		w.job, w.done = job, true
	}
	return len(jobs), err
}

func (s *Store) findTwins(ctx context.Context, open []*want) error {
	if len(open) == 0 {
		return nil
	}
	type key struct {
		file uuid.UUID
		dest string
	}
	byKey := make(map[key]*want, len(open))
	fileIDs, hashes := make([]uuid.UUID, len(open)), make([][]byte, len(open))
	for i, w := range open {
		byKey[key{w.FileID, w.Dest}] = w
		fileIDs[i], hashes[i] = w.FileID, w.hash[:]
	}
	jobs, err := all(ctx, s.tx, scanJob, `
		SELECT `+jobColumns+` FROM jobs j JOIN unnest($1::uuid[], $2::bytea[]) AS w (file_id, dest_hash) USING (file_id, dest_hash)
		WHERE j.state IN ('queued', 'leased')`, fileIDs, hashes)
	for _, job := range jobs {
		w := byKey[key{job.FileID, job.Dest}]
		w.job, w.existing, w.done = job, true, true
	}
	return err
}
