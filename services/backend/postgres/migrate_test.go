package postgres

import (
	"io/fs"
	"testing"
	"testing/fstest"

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
