package postgres

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/backend"
	"scalable-backend/services/internal/testenv"
)

func TestTwoInstancesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	url := testenv.Database(t)
	a, b := open(t, url), open(t, url)
	g, ctx := errgroup.WithContext(t.Context())
	g.Go(func() error { return a.Migrate(ctx) })
	g.Go(func() error { return b.Migrate(ctx) })
	require.NoError(t, g.Wait())

	require.NoError(t, a.Migrate(t.Context()), "again")
	_, err := b.CreateFile(t.Context(), newFile())
	require.NoError(t, err)
}

func TestAnOlderBinaryStartsAndWorksOnANewerSchema(t *testing.T) {
	t.Parallel()
	b := setup(t)
	newer := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(embedded, "migrations", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(embedded, path)
		newer[d.Name()] = &fstest.MapFile{Data: data}
		return err
	}))
	newer["99999_newer.sql"] = &fstest.MapFile{Data: []byte(`-- +goose Up
		ALTER TABLE jobs ADD COLUMN newer text NOT NULL DEFAULT 'x';
		ALTER TABLE leases ADD COLUMN newer text;
		ALTER TABLE files ADD COLUMN newer text;
	`)}
	warm := b.lease(agent(1)) // its statements are prepared now, and must survive the change
	require.NoError(t, b.migrate(t.Context(), newer))

	older := open(t, b.url)
	require.NoError(t, older.Migrate(t.Context()))
	for _, s := range []*Store{b.Store, older} {
		bundle := &bundle{Store: s, t: t, url: b.url}
		l := bundle.lease(agent(1))
		_, err := bundle.finish(l, success(l))
		require.NoError(t, err)
	}
	job, err := b.finish(warm, success(warm))
	require.NoError(t, err)
	require.Equal(t, backend.JobSucceeded, job.State)
}

// What an older release left is known as well: a dead job of a destination at which a newer one has succeeded.
func TestJobsThatWereSupersededBeforeAreKnown(t *testing.T) {
	t.Parallel()
	before := fstest.MapFS{}
	for _, name := range []string{"00001_base.sql", "00002_indexes_of_history_and_destinations.sql", "00003_retention_and_bucket_sweep.sql"} {
		data, err := embedded.ReadFile("migrations/" + name)
		require.NoError(t, err)
		before[name] = &fstest.MapFile{Data: data}
	}
	url := testenv.Database(t)
	b := &bundle{Store: open(t, url), t: t, url: url}
	require.NoError(t, b.migrate(t.Context(), before))
	f := b.file()
	insert := func(dest, state string, age time.Duration) (id uuid.UUID) {
		return scalar[uuid.UUID](b, `
			INSERT INTO jobs (id, file_id, dest, dest_hash, priority, max_attempts, state, created_at)
			VALUES (gen_random_uuid(), $1, $2, sha256(convert_to($2, 'UTF8')), 0, 1, $3, now() - $4::interval) RETURNING id`,
			f.ID, dest, state, age)
	}
	superseded := insert("d", "dead", time.Hour)
	insert("d", "succeeded", time.Minute)
	newest := insert("d", "dead", time.Second)
	alone := insert("e", "cancelled", time.Hour)
	require.NoError(t, b.Migrate(t.Context()))
	_, err := b.RetryJob(t.Context(), superseded)
	requireCode(t, backend.Conflict, err)
	for _, id := range []uuid.UUID{newest, alone} {
		_, err := b.RetryJob(t.Context(), id)
		require.NoError(t, err)
	}
}

func TestNoIndexHoldsWhatHeartbeatsChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Empty(t, scalar[[]string](b, `
		SELECT coalesce(array_agg(indexname::text), '{}') FROM pg_indexes
		WHERE indexdef ~ 'leased_until|renewed_at|delivered_at|bytes_done|updated_at|last_seen'`))
}

func TestJobEventsAreAppendOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.submit(1)
	for _, sql := range []string{`UPDATE job_events SET kind = 'x'`, `DELETE FROM job_events`, `TRUNCATE job_events`} {
		_, err := b.pool.Exec(t.Context(), sql)
		require.Error(t, err, sql)
	}
}
