package backend_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/objectstore"
	"scalable-backend/services/backend/postgres"
	"scalable-backend/services/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }

// bench is a service on a real database and a real bucket.
type bench struct {
	t       *testing.T
	service *backend.Service
	store   *postgres.Store
	objects backend.ObjectStore
	fault   *fault
}

func setup(t *testing.T) *bench {
	t.Helper()
	const patience = time.Minute // no slow machine makes a call fail
	store, err := postgres.Open(t.Context(), postgres.Options{
		URL: testenv.Database(t), MaxConns: 4, CallTimeout: patience, StatementTimeout: patience, LockTimeout: patience,
		AcquireTimeout: patience, ConnectTimeout: patience,
	})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(t.Context()))
	s3 := testenv.Bucket(t)
	objects, err := objectstore.New(objectstore.Config{
		Bucket: s3.Bucket, Region: s3.Region, Endpoint: s3.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(s3.AccessKey, s3.SecretKey, ""),
	})
	require.NoError(t, err)
	t.Cleanup(objects.Close)
	b := &bench{t: t, store: store, objects: objects, fault: &fault{}}
	b.start()
	return b
}

// start starts a process on the same database and bucket.
func (b *bench) start() {
	b.service = backend.NewService(&failingStore{b.store, b.fault}, &failing{b.objects, b.fault}, backend.ServiceConfig{
		LeaseTTL: time.Minute, MultipartGrace: time.Nanosecond, Logger: slog.New(slog.DiscardHandler),
	})
}

// survive makes a step of a process. When the process is gone in the middle, another one takes its place, and the client has no answer.
func (b *bench) survive(step func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crashed); !ok {
				panic(r)
			}
			b.start()
			err = errBroken
		}
	}()
	return step()
}

var content = bytes.Repeat([]byte("0123456789"), 10)

func (b *bench) register() backend.File { return b.registerOf(content) }

func (b *bench) registerOf(content []byte) backend.File {
	b.t.Helper()
	sum := sha256.Sum256(content)
	n := backend.NewFile{Name: uuid.NewString(), Size: int64(len(content)), SHA256: sum, PartSize: 5 << 20}
	if n.Size > 0 {
		n.PartDigests = [][32]byte{sum}
	}
	f, err := b.store.CreateFile(b.t.Context(), n)
	require.NoError(b.t, err)
	return f
}

// retry makes a step again until it does not fail of the fault.
func (b *bench) retry(step func() error) {
	b.t.Helper()
	for {
		err := b.survive(step)
		if !errors.Is(err, errBroken) {
			require.NoError(b.t, err)
			return
		}
	}
}

// put uploads all parts that an upload lists as missing.
func (b *bench) put(u backend.Upload) {
	b.t.Helper()
	var parts []backend.UploadPart
	b.retry(func() (err error) {
		parts, _, err = b.service.ListUploadParts(b.t.Context(), u.FileID, u.ID, 0, 10)
		return err
	})
	for _, p := range parts {
		if p.Uploaded {
			continue
		}
		q, err := http.NewRequestWithContext(b.t.Context(), http.MethodPut, p.Put.URL, bytes.NewReader(content))
		require.NoError(b.t, err)
		for name, value := range p.Put.Header {
			q.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(q)
		require.NoError(b.t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		require.Equal(b.t, 200, resp.StatusCode)
	}
}

func (b *bench) upload(f backend.File) (u backend.Upload) {
	b.t.Helper()
	b.retry(func() (err error) { u, _, err = b.service.CreateUpload(b.t.Context(), f.ID); return err })
	return u
}

func (b *bench) complete(u backend.Upload) (f backend.File) {
	b.t.Helper()
	b.retry(func() (err error) { f, err = b.service.CompleteUpload(b.t.Context(), u.FileID, u.ID); return err })
	return f
}

// remove deletes a file. One that is gone after the fault was deleted.
func (b *bench) remove(f backend.File) {
	b.t.Helper()
	b.retry(func() error { return b.gone(b.service.DeleteFile(b.t.Context(), f.ID, "")) })
}

func (b *bench) abort(u backend.Upload) {
	b.t.Helper()
	b.retry(func() error { return b.gone(u, b.service.AbortUpload(b.t.Context(), u.FileID, u.ID)) })
}

func (b *bench) gone(_ any, err error) error {
	if backend.CodeOf(err) == backend.NotFound && b.fault.calls >= b.fault.at {
		return nil
	}
	return err
}

// sweep does turns until one finds nothing more to do.
func (b *bench) sweep() {
	b.t.Helper()
	for range 10 {
		var result backend.BucketResult
		err := b.survive(func() (err error) { result, err = b.service.SweepBucket(b.t.Context(), time.Nanosecond); return err })
		if errors.Is(err, errBroken) {
			continue
		}
		require.NoError(b.t, err)
		if result == (backend.BucketResult{}) {
			return
		}
	}
	require.Fail(b.t, "the sweep finds no end")
}

// holds asserts that the bucket has the objects of these files and nothing else.
func (b *bench) holds(files ...backend.File) {
	b.t.Helper()
	objects, _, err := b.objects.ListObjects(b.t.Context(), backend.Mark{}, 1000)
	require.NoError(b.t, err)
	want := []backend.StoredObject{}
	for _, f := range files {
		want = append(want, backend.StoredObject{Key: f.Key, Version: f.Version})
	}
	require.ElementsMatch(b.t, want, objects)
	uploads, _, err := b.objects.ListMultiparts(b.t.Context(), backend.Mark{}, 1000)
	require.NoError(b.t, err)
	require.Empty(b.t, uploads)
}

// One call of the object store or of the database fails, or is the last one of its process; each in turn, before and after it took
// effect, while a file is uploaded twice, others are uploaded, aborted and deleted, and the bucket is swept. The client repeats what
// got no answer. Then nothing is lost and nothing is left over: the bucket holds the objects of the files and nothing else.
func TestTheBucketIsTheCatalogueWhereverACallFails(t *testing.T) {
	t.Parallel()
	for _, f := range []fault{{}, {after: true}, {crash: true}, {crash: true, after: true}} {
		t.Run(fmt.Sprintf("crash %v after %v", f.crash, f.after), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			for f.at = 1; ; f.at++ {
				*b.fault = f
				if b.uploadsAndDeletes(); b.fault.calls < f.at {
					break
				}
			}
			require.Greater(t, f.at, 30)
			t.Logf("%d faults", f.at-1)
		})
	}
}

func (b *bench) uploadsAndDeletes() {
	b.t.Helper()
	kept, gone, empty := b.register(), b.register(), b.registerOf(nil)
	first, second, other := b.upload(kept), b.upload(kept), b.upload(gone)
	b.put(first)
	b.put(second)
	b.put(other)
	ready := b.complete(second)
	require.Equal(b.t, backend.FileReady, ready.State)
	require.Equal(b.t, ready, b.complete(first), "the file is ready: the slower upload is content")
	b.complete(other)
	nothing := b.complete(b.upload(empty))
	aborted := b.upload(b.register())
	b.abort(aborted)
	b.remove(gone)
	b.remove(backend.File{ID: aborted.FileID})
	b.sweep()
	calls := b.fault.calls
	b.fault.at = 0
	b.sweep() // what failed in the last sweep
	b.holds(ready, nothing)
	b.remove(kept)
	b.remove(empty)
	b.sweep()
	b.holds()
	b.fault.calls = calls
}

// The bucket's rule aborts multipart uploads that take long. The upload goes on all the same, with its parts to be sent again.
func TestAnUploadGoesOnAfterTheBucketAbortedIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.register()
	u := b.upload(f)
	b.put(u)
	require.NoError(t, b.objects.AbortMultipart(t.Context(), u.Key, u.S3UploadID))
	_, err := b.service.CompleteUpload(t.Context(), f.ID, u.ID)
	require.Equal(t, backend.Conflict, backend.CodeOf(err), "%v", err)
	parts, _, err := b.service.ListUploadParts(t.Context(), f.ID, u.ID, 0, 10)
	require.NoError(t, err)
	require.Len(t, parts, 1)
	require.False(t, parts[0].Uploaded)
	b.put(u)
	ready := b.complete(u)
	b.sweep()
	b.holds(ready)
}

// A client that is gone while its upload is completed finds the file ready, and its upload without a part to send.
func TestACompletionGoesOnWithoutItsClient(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.register()
	u := b.upload(f)
	b.put(u)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.service.CompleteUpload(ctx, f.ID, u.ID)
	require.NoError(t, err)
	ready, err := b.service.GetFile(t.Context(), f.ID)
	require.NoError(t, err)
	require.Equal(t, backend.FileReady, ready.State)
	parts, _, err := b.service.ListUploadParts(t.Context(), f.ID, u.ID, 0, 10)
	require.NoError(t, err)
	require.True(t, parts[0].Uploaded)
	b.holds(ready)
}

// A turn is one page, done by one process, and begins where the last one ended.
func TestTurnsOfTheBucket(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	_, mine, err := b.store.TakeBucketTurn(ctx, time.Hour)
	require.NoError(t, err)
	require.True(t, mine)
	next := backend.BucketTurn{Objects: backend.Mark{Key: "files/k", ID: "v"}, Multiparts: backend.Mark{Key: "files/u", ID: "i"}}
	require.NoError(t, b.store.EndBucketTurn(ctx, next))
	_, mine, err = b.store.TakeBucketTurn(ctx, time.Hour)
	require.NoError(t, err)
	require.False(t, mine, "another process did a turn less than an hour ago")
	for _, key := range []string{"other/x", "files/x", fmt.Sprintf("files/%s/x", uuid.New())} {
		orphans, err := b.store.OrphanObjects(ctx, []backend.StoredObject{{Key: key, Version: "v"}})
		require.NoError(t, err)
		require.Empty(t, orphans, "%s is not a key of ours", key)
	}
	key := fmt.Sprintf("files/%s/%s", uuid.New(), uuid.New())
	orphans, err := b.store.OrphanObjects(ctx, []backend.StoredObject{{Key: "files/x", Version: "v"}, {Key: key, Version: "v"}})
	require.NoError(t, err)
	require.Equal(t, []backend.StoredObject{{Key: key, Version: "v"}}, orphans)
}
