package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/backend"
)

func TestAFileIsStoredAndReadBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := newFile()
	made, err := b.CreateFile(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, n, made.NewFile)
	require.Equal(t, backend.FilePending, made.State)
	require.False(t, made.CreatedAt.IsZero())
	require.True(t, made.ReadyAt.IsZero())
	read, err := b.GetFile(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, made, read)

	_, err = b.GetFile(t.Context(), uuid.New())
	requireCode(t, backend.NotFound, err)
}

func TestAFileThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, change := range map[string]func(*backend.NewFile){
		"digest missing":   func(f *backend.NewFile) { f.PartDigests = f.PartDigests[:1] },
		"negative size":    func(f *backend.NewFile) { f.Size = -1 },
		"no part size":     func(f *backend.NewFile) { f.PartSize = 0 },
		"no name":          func(f *backend.NewFile) { f.Name = "" },
		"zero byte inside": func(f *backend.NewFile) { f.Name = "a\x00b" },
	} {
		f := newFile()
		change(&f)
		_, err := b.CreateFile(t.Context(), f)
		require.Equal(t, backend.Invalid, backend.CodeOf(err), "%s: %v", name, err)
	}
}

func TestTheFirstCompletedUploadWins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.pendingFile()
	uploads := make([]backend.Upload, 4)
	for i := range uploads {
		var err error
		uploads[i], err = b.CreateUpload(t.Context(), backend.Upload{FileID: f.ID, Key: fmt.Sprintf("key-%d", i), S3UploadID: "s3"})
		require.NoError(t, err)
		read, err := b.GetUpload(t.Context(), f.ID, uploads[i].ID)
		require.NoError(t, err)
		require.Equal(t, uploads[i], read)
	}
	won := make([]bool, len(uploads))
	var g errgroup.Group
	for i, u := range uploads {
		g.Go(func() (err error) {
			_, won[i], err = b.CompleteUpload(t.Context(), u.ID, "version-of-"+u.Key)
			return err
		})
	}
	require.NoError(t, g.Wait())
	ready, err := b.GetFile(t.Context(), f.ID)
	require.NoError(t, err)
	require.Equal(t, backend.FileReady, ready.State)
	require.NotEqual(t, f.ETag(), ready.ETag())
	for i, u := range uploads {
		require.Equal(t, ready.Key == u.Key, won[i])
		again, wonAgain, err := b.CompleteUpload(t.Context(), u.ID, "another version")
		require.NoError(t, err)
		require.Equal(t, won[i], wonAgain, "repeated")
		require.Equal(t, ready, again)

		err = b.DeleteUpload(t.Context(), u.ID)
		if won[i] {
			requireCode(t, backend.Conflict, err)
			continue
		}
		require.NoError(t, err)
		_, err = b.GetUpload(t.Context(), f.ID, u.ID)
		requireCode(t, backend.NotFound, err)
		_, _, err = b.CompleteUpload(t.Context(), u.ID, "v")
		requireCode(t, backend.NotFound, err)
	}
	_, err = b.GetUpload(t.Context(), uuid.New(), uploads[0].ID)
	requireCode(t, backend.NotFound, err)
	_, err = b.CreateUpload(t.Context(), backend.Upload{FileID: uuid.New(), Key: "k"})
	requireCode(t, backend.NotFound, err)
}

func TestAFileIsNotDeletedWhileAJobOfItIsActive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(1)
	l := b.lease(c)
	_, err := b.DeleteFile(t.Context(), l.File.ID, "")
	requireCode(t, backend.Conflict, err) // leased
	_, err = b.finish(l, backend.Outcome{Status: backend.Released})
	require.NoError(t, err)
	_, err = b.DeleteFile(t.Context(), l.File.ID, "")
	requireCode(t, backend.Conflict, err) // queued
	_, err = b.CancelJob(t.Context(), l.Job.ID)
	require.NoError(t, err)

	_, err = b.DeleteFile(t.Context(), l.File.ID, `"other"`)
	requireCode(t, backend.Precondition, err)
	deleted, err := b.DeleteFile(t.Context(), l.File.ID, l.File.ETag())
	require.NoError(t, err)
	require.Equal(t, l.File, deleted)

	_, err = b.GetFile(t.Context(), l.File.ID)
	requireCode(t, backend.NotFound, err)
	_, err = b.DeleteFile(t.Context(), l.File.ID, "")
	requireCode(t, backend.NotFound, err)
	_, err = b.RetryJob(t.Context(), l.Job.ID)
	requireCode(t, backend.Conflict, err)
	_, err = b.SubmitJobs(t.Context(), []backend.NewJob{{FileID: l.File.ID, MaxAttempts: 1}})
	requireCode(t, backend.Unprocessable, err)
	require.Equal(t, backend.JobCancelled, b.job(l.Job.ID).State, "the history stays")
	stats, err := b.Stats(t.Context())
	require.NoError(t, err)
	require.Zero(t, stats.FilesReady+stats.BytesStored)
}

func TestDeletionAndSubmissionNeverBothSucceed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 20 {
		f := b.file()
		var deleted, submitted error
		var g errgroup.Group
		g.Go(func() error { _, deleted = b.DeleteFile(t.Context(), f.ID, ""); return nil })
		g.Go(func() error {
			_, submitted = b.SubmitJobs(t.Context(), []backend.NewJob{{FileID: f.ID, MaxAttempts: 1}})
			return nil
		})
		require.NoError(t, g.Wait())
		require.NotEqual(t, deleted == nil, submitted == nil, "deletion: %v, submission: %v", deleted, submitted)
	}
}

func TestListsArePagedNewestFirstWithoutGapOrRepeat(t *testing.T) {
	t.Parallel()
	b := setup(t)
	jobs := b.submit(25) // all with one created_at
	for range 6 {
		b.pendingFile()
	}
	named := newFile()
	named.Name = strings.Repeat("ä", 1024) // longer than an index row may be
	for range 2 {
		_, err := b.CreateFile(t.Context(), named)
		require.NoError(t, err)
	}
	for _, size := range []int{1, 4, 5, 100} {
		listed := pages(t, size, func(p backend.Page) ([]backend.Job, error) {
			return b.ListJobs(t.Context(), backend.JobFilter{}, p)
		}, func(j backend.Job) backend.Cursor { return backend.Cursor{CreatedAt: j.CreatedAt, ID: j.ID} })
		require.Len(t, listed, len(jobs))
		for i, j := range listed {
			require.Equal(t, jobs[len(jobs)-1-i], j)
		}
	}
	files := func(filter backend.FileFilter) []backend.File {
		return pages(t, 2, func(p backend.Page) ([]backend.File, error) {
			return b.ListFiles(t.Context(), filter, p)
		}, func(f backend.File) backend.Cursor { return backend.Cursor{CreatedAt: f.CreatedAt, ID: f.ID} })
	}
	all := files(backend.FileFilter{})
	require.Len(t, all, 9)
	for i, f := range all {
		require.Empty(t, f.PartDigests)
		require.True(t, i == 0 || !f.CreatedAt.After(all[i-1].CreatedAt))
	}
	require.Len(t, files(backend.FileFilter{State: backend.FilePending}), 8)
	require.Len(t, files(backend.FileFilter{State: backend.FileReady}), 1)
	require.Len(t, files(backend.FileFilter{Name: named.Name}), 2)
	require.Empty(t, files(backend.FileFilter{Name: named.Name, State: backend.FileReady}))
	_, err := b.ListFiles(t.Context(), backend.FileFilter{State: "odd"}, backend.Page{Size: 1})
	requireCode(t, backend.Invalid, err)
}
