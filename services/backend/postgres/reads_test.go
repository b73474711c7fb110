package postgres

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

// Reads of files that go together each have their own answer, also those of one file, and of none.
func TestFilesAreReadTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.file(), b.file()
	want := []uuid.UUID{one.ID, two.ID, uuid.New(), one.ID}
	got, errs := make([]backend.File, len(want)), make([]error, len(want))
	calls := make([]func(), len(want))
	for i, id := range want {
		calls[i] = func() { got[i], errs[i] = b.GetFile(t.Context(), id) }
	}
	gather(t, b.files, calls...)
	requireCode(t, backend.NotFound, errs[2])
	for _, i := range []int{0, 1, 3} {
		require.NoError(t, errs[i])
		require.Equal(t, want[i], got[i].ID)
		require.NotEmpty(t, got[i].PartDigests)
	}
}

// Those who come while a page is read share the next read of it; another page is read at once. Whoever has a page may change it.
func TestReadersOfAPageShareAStatement(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made := b.file()
	ctx, sql := t.Context(), `SELECT `+fileSummary+` FROM files f WHERE f.name = $1`
	p := newShared(scanFileSummary)
	key, now := fmt.Sprintf("%s %#v", sql, []any{made.Name}), &sharedRead[backend.File]{done: make(chan struct{})}
	p.reads[key] = now // is on its way
	next := p.join(ctx, b.Store, sql, []any{made.Name})
	require.Same(t, now.next, next)
	require.Same(t, next, p.join(ctx, b.Store, sql, []any{made.Name}))
	other := p.join(ctx, b.Store, sql, []any{"another"})
	<-other.done
	require.NoError(t, other.err)
	require.Empty(t, other.items)

	p.run(ctx, b.Store, key, p.end(key, now), sql, []any{made.Name})
	<-now.done
	<-next.done
	p.wait()
	require.Empty(t, p.reads)
	require.NoError(t, next.err)
	require.Equal(t, made.ID, next.items[0].ID)

	p.reads[key] = now // and never comes back: nobody waits for it for long
	one, err := p.read(ctx, b.Store, sql, made.Name)
	require.NoError(t, err)
	require.Equal(t, made.ID, one[0].ID)
	delete(p.reads, key)
	p.scan = func(pgx.Row, *backend.File) error { panic("broken") }
	require.Error(t, func() error { r := p.join(ctx, b.Store, sql, []any{made.Name}); <-r.done; return r.err }())
	p.wait()
}

// Whoever reads sees what was committed before, however many others are reading just then.
func TestReadsTogetherAreOfNow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var stop atomic.Bool
	var readers sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		readers.Go(func() {
			for !stop.Load() && errs[i] == nil {
				_, errs[i] = b.ListFiles(t.Context(), backend.FileFilter{}, backend.Page{Size: 1})
			}
		})
	}
	problem := ""
	for n := 0; n < 50 && problem == ""; n++ {
		made := b.file()
		newest, err := b.ListFiles(t.Context(), backend.FileFilter{}, backend.Page{Size: 1})
		if err != nil || len(newest) != 1 || newest[0].ID != made.ID {
			problem = fmt.Sprint(made.ID, newest, err)
		}
	}
	stop.Store(true)
	readers.Wait()
	require.Empty(t, problem)
	for _, err := range errs {
		require.NoError(t, err)
	}
}
