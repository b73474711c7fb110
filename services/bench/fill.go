package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// fillFiles is how many jobs there are for each file.
const fillFiles = 10

// filledTables are those that fill writes, and whose size counts for a job or a file.
var filledTables = []string{"files", "uploads", "jobs", "leases", "job_events"}

// idAt is the SQL of an id as the backend makes it (UUIDv7): the time first, so that ids of rows that came one after the other are near
// each other in an index.
const idAt = `(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5('%[1]s' || n), 1, 3) || '8' ||
	substr(md5('%[1]s' || n), 4, 15))::uuid`

// fill makes a database as count jobs leave it behind that were submitted one after the other: the older half has succeeded, each with a
// lease and its events, and the other half is queued. There is a file for each ten jobs. Rows go in while no index is there, and no trigger
// runs; then the totals are set that triggers count. On two connections, as a server has more than one processor.
func fill(ctx context.Context, url string, count int) error {
	indexes, err := dropIndexes(ctx, url)
	if err != nil {
		return err
	}
	files := max(1, count/fillFiles)
	ended := count / 2
	now := time.Now().UTC().Format("timestamptz '2006-01-02 15:04:05.000+00'")
	// When the n-th of many came.
	at := func(of int) string {
		return fmt.Sprintf(`%s - (%d - n) * interval '%d ms' AS at`, now, of+1, 10*count/of)
	}
	insert := func(what, id string, from, to, of int, columns string) string {
		return fmt.Sprintf(`INSERT INTO %s SELECT %s FROM (SELECT n, %s FROM generate_series(%d, %d) n) n, LATERAL (SELECT %s AS id) i`,
			what, columns, at(of), from, to, fmt.Sprintf(idAt, id))
	}
	jobs := func(from, to int, state string, grants int) string {
		return insert(`jobs (id, file_id, dest, dest_hash, priority, max_attempts, state, run_at, created_at, updated_at, grants, bytes_done)`,
			"job", from, to, count, fmt.Sprintf(`id, %s, 'grown/' || n, sha256(('grown/' || n)::bytea), 0, 5, '%s', at, at, at, %d, %d`,
				fileOfJob(now, count, files), state, grants, 7*grants))
	}
	err = together(ctx, url,
		[]string{
			insert(`files (id, name, size, sha256, part_size, part_sha256, state, s3_key, s3_version, ready_at, created_at)`, "file", 1, files,
				files, `id, 'grown/' || n, 7, sha256('content'), 8388608, sha256('content'), 'ready', 'files/' || id, 'v1', at, at`),
			insert(`uploads (id, file_id, s3_key, s3_upload_id, created_at)`, "upload", 1, files, files,
				fmt.Sprintf(`id, %s, 'files/' || id, md5(n::text), at`, fmt.Sprintf(idAt, "file"))),
			jobs(ended+1, count, "queued", 0),
		},
		[]string{jobs(1, ended, "succeeded", 1)},
	)
	if err != nil {
		return err
	}
	err = together(ctx, url,
		[]string{`INSERT INTO leases (lease_id, job_id, "grant", agent, caller, granted_at, delivered_at, renewed_at, leased_until, ended_at,
				"end", outcome_hash)
			SELECT gen_random_uuid(), id, 1, gen_random_uuid(), 'token:bench', created_at, created_at, created_at, created_at, created_at,
				'succeeded', dest_hash FROM jobs WHERE state = 'succeeded' ORDER BY id`},
		[]string{
			`INSERT INTO job_events (at, job_id, kind, state, lease_id, detail)
				SELECT created_at, id, e.kind, e.state, CASE WHEN e.state <> 'queued' THEN id END, e.detail::jsonb FROM jobs, (VALUES
					(1, 'submitted', 'queued', NULL),
					(2, 'granted', 'leased', '{"agent": "00000000-0000-4000-8000-000000000000", "grant": 1}'),
					(3, 'succeeded', 'succeeded', '{"ms": 1000, "problem": null}')) e (n, kind, state, detail)
				WHERE jobs.state = 'succeeded' OR e.n = 1`,
		},
	)
	if err != nil {
		return err
	}
	half := len(indexes) / 2
	return errors.Join(together(ctx, url, indexes[:half], indexes[half:]), together(ctx, url, []string{
		fmt.Sprintf(`UPDATE totals SET succeeded = succeeded + %d, bytes_delivered = bytes_delivered + %d, files_ready = files_ready + %d,
			bytes_stored = bytes_stored + %d WHERE shard = 0`, ended, 7*ended, files, 7*files),
		`VACUUM ANALYZE`, `CHECKPOINT`,
	}))
}

// fileOfJob is the SQL of the id of a job's file: a file's jobs came one after the other.
func fileOfJob(now string, jobs, files int) string {
	return fmt.Sprintf(`(SELECT %s FROM (SELECT f AS n, %s - (%d - f) * interval '%d ms' AS at
		FROM (SELECT least(%d, 1 + (n - 1) / %d) AS f) f) file)`, fmt.Sprintf(idAt, "file"), now, files+1, 10*jobs/files, files, fillFiles)
}

// dropIndexes removes the indexes of the filled tables, and returns the statements that make them again. Those to which other tables refer
// stay: their ids come in order.
func dropIndexes(ctx context.Context, url string) (again []string, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `
		SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', conrelid::regclass, conname),
			format('ALTER TABLE %I ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
		FROM pg_constraint c WHERE contype IN ('p', 'u') AND conrelid::regclass::text = ANY ($1)
			AND NOT EXISTS (SELECT FROM pg_constraint r WHERE r.confrelid = c.conrelid AND r.contype = 'f')
		UNION ALL
		SELECT format('DROP INDEX %I', indexname), indexdef FROM pg_indexes i
		WHERE tablename = ANY ($1) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = i.indexname)`, filledTables)
	if err != nil {
		return nil, err
	}
	type index struct{ Drop, Make string }
	indexes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[index])
	if err != nil {
		return nil, err
	}
	for _, i := range indexes {
		if _, err := conn.Exec(ctx, i.Drop); err != nil {
			return nil, fmt.Errorf("%s: %w", i.Drop, err)
		}
		again = append(again, i.Make)
	}
	return again, nil
}

// together runs lists of statements, each on a connection of its own.
func together(ctx context.Context, url string, lists ...[]string) error {
	errs := make([]error, len(lists))
	var all sync.WaitGroup
	for i, list := range lists {
		all.Go(func() { errs[i] = inOrder(ctx, url, list) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func inOrder(ctx context.Context, url string, statements []string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	settings := []string{`SET session_replication_role = replica`, `SET maintenance_work_mem = '512MB'`, `SET synchronous_commit = off`}
	for _, sql := range append(settings, statements...) {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(strings.Fields(sql), " "), err)
		}
	}
	return nil
}
