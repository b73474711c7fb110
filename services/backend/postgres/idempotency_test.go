package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/backend"
)

func key(k, body string) backend.IdempotencyKey {
	return backend.IdempotencyKey{Caller: "caller", Route: "POST /v1/files", Key: k, Hash: sha256.Sum256([]byte(body))}
}

type doFunc = func(context.Context, backend.Store) (backend.Response, error)

// answer counts its runs and makes a file in each.
func answer(runs *atomic.Int64) doFunc {
	return func(ctx context.Context, tx backend.Store) (backend.Response, error) {
		if runs != nil {
			runs.Add(1)
		}
		f, err := tx.CreateFile(ctx, newFile())
		return backend.Response{Status: 201, Header: map[string]string{"Location": f.ID.String()}, Body: []byte(f.Name)}, err
	}
}

func TestARepeatedRequestGetsTheStoredResponse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var runs atomic.Int64
	first, err := b.Once(t.Context(), key("k", "body"), answer(&runs))
	require.NoError(t, err)
	again, err := b.Once(t.Context(), key("k", "body"), answer(&runs))
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.EqualValues(t, 1, runs.Load())
	require.Equal(t, 1, scalar[int](b, `SELECT count(*) FROM files`))

	_, err = b.Once(t.Context(), key("k", "another body"), answer(&runs))
	requireCode(t, backend.Unprocessable, err)
	for _, other := range []backend.IdempotencyKey{
		{Caller: "caller", Route: "POST /v1/files", Key: "k2"}, {Caller: "caller", Route: "POST /v1/jobs", Key: "k"},
		{Caller: "other", Route: "POST /v1/files", Key: "k"}, {Caller: "callerP", Route: "OST /v1/files", Key: "k"},
	} {
		_, err = b.Once(t.Context(), other, answer(&runs))
		require.NoError(t, err)
	}
	require.EqualValues(t, 5, runs.Load())
}

func TestAFailedRequestStoresNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	boom := errors.New("boom")
	_, err := b.Once(t.Context(), key("k", "body"), func(ctx context.Context, tx backend.Store) (backend.Response, error) {
		_, err := tx.CreateFile(ctx, newFile())
		require.NoError(t, err)
		return backend.Response{}, boom
	})
	require.ErrorIs(t, err, boom)
	require.Zero(t, scalar[int](b, `SELECT count(*) FROM files`))
	_, err = b.Once(t.Context(), key("k", "another body"), answer(nil))
	require.NoError(t, err, "the key is free")
}

func TestAKeyIsFreeAgainAfterADay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.Once(t.Context(), key("k", "body"), answer(nil))
	require.NoError(t, err)
	require.InDelta(t, 24*3600, scalar[float64](b, `SELECT extract(epoch FROM expires_at - now())::float8 FROM idempotency`), 60)
	b.exec(`UPDATE idempotency SET expires_at = now() - interval '1 second'`)
	_, err = b.Once(t.Context(), key("k", "another body"), answer(nil))
	require.NoError(t, err)
	require.Equal(t, 2, scalar[int](b, `SELECT count(*) FROM files`))
}

func TestAConcurrentDuplicateConflictsAndDoesNotWait(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.Once(t.Context(), key("k", "body"), func(ctx context.Context, tx backend.Store) (backend.Response, error) {
		_, err := b.Once(ctx, key("k", "body"), answer(nil)) // on another connection
		requireCode(t, backend.Conflict, err)
		require.Positive(t, err.(*backend.Error).RetryAfter)
		return backend.Response{Status: 200}, nil
	})
	require.NoError(t, err)
}

func TestOfConcurrentDuplicatesOneRuns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.file()
	var runs, conflicts atomic.Int64
	var g errgroup.Group
	for range 10 {
		g.Go(func() error {
			r, err := b.Once(t.Context(), key("k", "body"), func(ctx context.Context, tx backend.Store) (backend.Response, error) {
				runs.Add(1)
				_, err := tx.SubmitJobs(ctx, []backend.NewJob{{FileID: f.ID, MaxAttempts: 1}})
				return backend.Response{Status: 201, Body: []byte("ok")}, err
			})
			if backend.CodeOf(err) == backend.Conflict {
				conflicts.Add(1)
				return nil
			}
			if err == nil && string(r.Body) != "ok" {
				return errors.New("another answer")
			}
			return err
		})
	}
	require.NoError(t, g.Wait())
	require.EqualValues(t, 1, runs.Load())
	require.Less(t, conflicts.Load(), int64(10))
	require.Equal(t, 1, scalar[int](b, `SELECT count(*) FROM jobs`))
}
