package postgres

import (
	"context"
	"flag"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

// By hand, on a machine that does nothing else:
//
//	go test -run TestPagesOfALongHistory -v -timeout 2h ./backend/postgres -args -history.jobs=10000000 -history.page=100ms
var (
	historyJobs = flag.Int("history.jobs", 20_000, "jobs that a page must not depend on")
	historyPage = flag.Duration("history.page", 3*time.Second, "what one page may take, beside all other tests of a busy machine")
)

// pageTries is how often a page is read: the fastest counts, as the others wait for what else the machine does.
const pageTries = 7

// Every page of the console takes the database a bounded time, however long the history is. That it is an index which does it, and no luck,
// shows TestSearchesUseIndexes.
func TestPagesOfALongHistory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(16)
	c.Name = "worker"
	b.submit(40)
	b.claim(c)
	job := b.submit(1)[0]
	fileID := b.longHistory(*historyJobs)
	after := backend.Cursor{CreatedAt: time.Now().Add(-time.Hour), ID: uuid.Max}
	page, ctx := backend.Page{Size: 25}, t.Context()
	jobs := func(q backend.JobSearch, p backend.Page) func() error {
		return func() error { _, err := b.SearchJobs(ctx, q, p); return err }
	}
	files := func(q backend.FileSearch) func() error {
		return func() error { _, err := b.SearchFiles(ctx, q, page); return err }
	}
	agents := func() error {
		list, err := b.SearchAgents(ctx, "", 41)
		if err == nil {
			_, err = b.ListWork(ctx, []uuid.UUID{list[0].ID}, 4)
		}
		return err
	}
	overview := func() error {
		if _, _, err := b.ListSamples(ctx); err != nil {
			return err
		}
		if _, err := b.Stats(ctx); err != nil {
			return err
		}
		if err := jobs(backend.JobSearch{State: backend.JobDead}, backend.Page{Size: 5})(); err != nil {
			return err
		}
		return agents()
	}
	detail := func() error {
		if _, err := b.GetJob(ctx, job.ID); err != nil {
			return err
		}
		if _, err := b.ListAttempts(ctx, job.ID, 50); err != nil {
			return err
		}
		_, err := b.ListJobEvents(ctx, job.ID, 50)
		return err
	}
	for _, p := range []struct {
		name string
		read func() error
	}{
		{"overview", overview},
		{"jobs", jobs(backend.JobSearch{}, page)},
		{"jobs, far behind", jobs(backend.JobSearch{}, backend.Page{Size: 25, After: after})},
		{"jobs, queued", jobs(backend.JobSearch{State: backend.JobQueued}, page)},
		{"jobs, in work", jobs(backend.JobSearch{State: backend.JobLeased}, page)},
		{"jobs, succeeded", jobs(backend.JobSearch{State: backend.JobSucceeded}, page)},
		{"jobs, dead", jobs(backend.JobSearch{State: backend.JobDead}, page)},
		{"jobs, cancelled", jobs(backend.JobSearch{State: backend.JobCancelled}, page)},
		{"jobs of a file", jobs(backend.JobSearch{FileID: &fileID}, page)},
		{"dead jobs of a file", jobs(backend.JobSearch{FileID: &fileID, State: backend.JobDead}, page)},
		{"jobs, destination", jobs(backend.JobSearch{Dest: "nothing"}, page)},
		{"jobs, text", jobs(backend.JobSearch{Text: "nothing"}, page)},
		{"jobs of an agent", jobs(backend.JobSearch{Agent: "worker"}, page)},
		{"job", detail},
		{"files", files(backend.FileSearch{})},
		{"files, ready", files(backend.FileSearch{State: backend.FileReady})},
		{"files, text", files(backend.FileSearch{Text: "nothing"})},
		{"agents", agents},
	} {
		best := time.Hour
		for range pageTries {
			began := time.Now()
			require.NoError(t, p.read(), p.name)
			best = min(best, time.Since(began))
		}
		t.Logf("%-20s %6.1f ms", p.name, float64(best.Microseconds())/1000)
		require.Less(t, best, *historyPage, p.name)
	}
}

// longHistory makes many ended jobs of a thousand files, with a lease each, and returns one of the files. Indexes are built afterwards:
// it takes a third of the time.
func (b *bundle) longHistory(count int) (fileID uuid.UUID) {
	b.t.Helper()
	ctx := context.WithoutCancel(b.t.Context())
	conn, err := pgx.Connect(ctx, b.url) // without the limits of requests
	require.NoError(b.t, err)
	defer closeConn(conn)
	exec := func(sql string, args ...any) {
		_, err := conn.Exec(ctx, sql, args...)
		require.NoError(b.t, err, sql)
	}
	rows, err := conn.Query(ctx, `SELECT indexname, indexdef FROM pg_indexes i WHERE tablename IN ('jobs', 'leases')
		AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = i.indexname)`)
	require.NoError(b.t, err)
	type index struct{ Name, Definition string }
	indexes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[index])
	require.NoError(b.t, err)
	require.Greater(b.t, len(indexes), 8)
	for _, i := range indexes {
		exec(`DROP INDEX ` + i.Name)
	}
	exec(`SET session_replication_role = replica`) // no look at the file for each row
	exec(`SET maintenance_work_mem = '512MB'`)
	exec(`INSERT INTO files (id, name, size, sha256, part_size, part_sha256, state, s3_key, s3_version, ready_at, created_at)
		SELECT gen_random_uuid(), 'history/' || n, 7, sha256('x'), 7, sha256('x'), 'ready', 'k', 'v', now(), now() - n * interval '1 s'
		FROM generate_series(1, 20000) n`)
	exec(`INSERT INTO jobs (id, file_id, dest, dest_hash, priority, max_attempts, state, created_at, grants, bytes_done, problem)
		SELECT gen_random_uuid(), f.ids[1 + n % 1000], 'history/' || n, sha256(('history/' || n)::bytea), 0, 5,
			CASE WHEN n % 500 = 0 THEN 'dead' WHEN n % 700 = 0 THEN 'cancelled' ELSE 'succeeded' END, now() - n * interval '100 ms', 1, 7,
			CASE WHEN n % 500 = 0 THEN '{"title": "the source answered 503", "detail": "after 4 tries"}'::jsonb END
		FROM generate_series(1, $1::int) n, (SELECT array_agg(id) AS ids FROM (SELECT id FROM files WHERE name LIKE 'history/%' LIMIT 1000) x) f`,
		count)
	exec(`INSERT INTO leases (lease_id, job_id, "grant", agent, caller, leased_until, ended_at, "end")
		SELECT gen_random_uuid(), id, 1, md5((id::text || 'a')::text)::uuid, 'caller', now(), now(),
			CASE WHEN state = 'succeeded' THEN 'succeeded' ELSE 'failed' END FROM jobs WHERE dest LIKE 'history/%'`)
	for _, i := range indexes {
		exec(i.Definition)
	}
	exec(`VACUUM ANALYZE jobs, leases, files`)
	require.NoError(b.t, conn.QueryRow(ctx, `SELECT file_id FROM jobs WHERE dest = 'history/1'`).Scan(&fileID))
	return fileID
}
