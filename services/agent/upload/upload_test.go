package upload

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/internal/fakeapi"
	"scalable-backend/services/agent/internal/local"
	"scalable-backend/services/api"
	"scalable-backend/services/client"
	"scalable-backend/services/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

type bundle struct {
	t      *testing.T
	server *fakeapi.Server
	u      *Uploader
	body   []byte
	path   string
}

// setup returns an uploader with a cache, and a file of three parts.
func setup(t *testing.T) *bundle {
	t.Helper()
	s := fakeapi.New(t)
	c, err := client.New(client.Options{URL: s.URL, Auth: client.Bearer(fakeapi.Token)})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	policy := download.HostPolicy{Insecure: true}
	http := download.NewHTTPClient(policy, nil)
	t.Cleanup(http.CloseIdleConnections)
	b := &bundle{t: t, server: s, body: make([]byte, 2*partSize+5)}
	b.u = &Uploader{API: c, HTTP: http, Hosts: policy, Connections: 1, Cache: Cache{Dir: t.TempDir(), API: s.URL}}
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b.body)
	b.path = filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(b.path, b.body, 0o600))
	return b
}

func (b *bundle) upload(ctx context.Context) (Result, error) {
	return b.u.Upload(ctx, b.path, "f", nil, nil)
}

// interrupt uploads until the named operation comes, and is interrupted there as by Ctrl-C.
func (b *bundle) interrupt(op, path string) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	b.server.Hook = func(called string, _ http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(called, op) || !strings.HasSuffix(r.URL.Path, path) {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
		return true
	}
	_, err := b.upload(ctx)
	require.ErrorIs(b.t, err, context.Canceled)
	b.server.Hook = nil
	require.Len(b.t, b.server.Files, 1)
}

// ready fails unless the catalogue has one entry, with the file's bytes.
func (b *bundle) ready() {
	b.t.Helper()
	require.Len(b.t, b.server.Files, 1)
	require.Equal(b.t, api.FileStateReady, b.server.Files[0].State)
	require.Equal(b.t, fakeapi.Sum(b.body), fakeapi.Sum(b.server.Object(b.server.Files[0].Id)))
	cached, err := os.ReadDir(b.u.Cache.Dir)
	require.NoError(b.t, err)
	require.Empty(b.t, cached)
}

// After Ctrl-C the bucket's own rule aborts the upload: the next run begins anew.
func TestResumeAfterTheBucketEndedTheUpload(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.interrupt("PUT /bucket", "/3")
	b.server.EndUploads()
	r, err := b.upload(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, len(b.body), r.Sent)
	b.ready()
}

// Ctrl-C while the completion is under way, which the bucket carries out: the next run finishes, and uploads nothing twice.
func TestResumeAfterAnInterruptedCompletion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.interrupt("PUT /v1/files", "/completion")
	b.server.BuildObjects()
	r, err := b.upload(t.Context())
	require.NoError(t, err)
	require.Zero(t, r.Sent)
	b.ready()
}

// The entry was deleted in the meantime: it is made again.
func TestResumeAfterTheFileWasDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.interrupt("PUT /bucket", "/2")
	deleted := b.server.Files[0].Id
	b.server.Hook = func(called string, _ http.ResponseWriter, _ *http.Request) bool {
		if strings.HasSuffix(called, "/parts") {
			b.server.RemoveFile(deleted)
		}
		return false
	}
	_, err := b.upload(t.Context())
	require.NoError(t, err)
	b.server.Hook = nil
	require.NotEqual(t, deleted, b.server.Files[0].Id)
	require.Len(t, b.server.Files, 1)
	require.Equal(t, api.FileStateReady, b.server.Files[0].State)
}

// Another upload of the same file is faster, whenever that happens: the file is ready, which is what was asked for.
func TestAnotherUploadIsFaster(t *testing.T) {
	t.Parallel()
	for name, at := range map[string][2]string{
		"before the upload begins": {"POST /v1/files/{id}/uploads", "/uploads"},
		"before parts are listed":  {"GET /v1/files/{id}/uploads", "/parts"},
		"in the middle":            {"PUT /bucket", "/2"},
		"before completion":        {"PUT /v1/files", "/completion"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			var once atomic.Bool
			b.server.Hook = func(called string, _ http.ResponseWriter, r *http.Request) bool {
				if strings.HasPrefix(called, at[0]) && strings.HasSuffix(r.URL.Path, at[1]) && once.CompareAndSwap(false, true) {
					b.server.MakeReady(b.server.Files[0], b.body)
				}
				return false
			}
			r, err := b.upload(t.Context())
			require.NoError(t, err)
			require.True(t, once.Load())
			require.Equal(t, api.FileStateReady, r.File.State)
			b.ready()
		})
	}
}

// An upload that the bucket ends again and again is given up, and does not go on for ever.
func TestUploadsThatAlwaysEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.Hook = func(called string, _ http.ResponseWriter, _ *http.Request) bool {
		if strings.HasSuffix(called, "/parts") {
			b.server.EndUploads()
		}
		return false
	}
	_, err := b.upload(t.Context())
	require.ErrorContains(t, err, "the object store has ended this upload")
	begun := 0
	for _, c := range b.server.Calls {
		if c == "POST /v1/files/{id}/uploads" {
			begun++
		}
	}
	require.Equal(t, maxUploads, begun)
}

func TestFileChangesSizeDuringTheUpload(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]int64{"grows": 1, "shrinks": -partSize} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			size := int64(len(b.body)) + change
			b.server.Hook = func(called string, _ http.ResponseWriter, r *http.Request) bool {
				if strings.HasPrefix(called, "PUT /bucket") && strings.HasSuffix(r.URL.Path, "/1") {
					require.NoError(t, os.Truncate(b.path, size))
				}
				return false
			}
			_, err := b.upload(t.Context())
			require.ErrorIs(t, err, ErrChanged)
			require.ErrorContains(t, err, "bytes, and now has")
			require.Equal(t, api.FileStatePending, b.server.Files[0].State)
		})
	}
}

func TestOnlyRegularFilesWithValidNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.u.Upload(t.Context(), "/dev/zero", "zero", nil, nil)
	require.ErrorIs(t, err, local.ErrNotRegular)
	for _, name := range []string{"caf\xe9.txt", "a\nb", "../x", download.PartialDir + "/x"} {
		_, err := b.u.Upload(t.Context(), b.path, name, nil, nil)
		require.ErrorIs(t, err, download.ErrUnsafe, "%q", name)
	}
	require.Empty(t, b.server.Files)
}
