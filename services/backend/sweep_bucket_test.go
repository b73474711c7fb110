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

var errBroken = errors.New("this call was to fail")

// failing is an object store of which one call fails: before it did anything, or after it did everything. The store behind it
// behaves like a process that died there, or like one that lost the answer.
type failing struct {
	backend.ObjectStore
	calls int
	at    int // the call that fails, from 1; 0 for none
	after bool
}

func (f *failing) call(do func() error) error {
	f.calls++
	if f.calls != f.at {
		return do()
	}
	if f.after {
		_ = do()
	}
	return &backend.Error{Code: backend.Unavailable, Detail: "the object store does not answer", Cause: errBroken}
}

func (f *failing) CreateMultipart(ctx context.Context, key string) (id string, err error) {
	err = f.call(func() (err error) { id, err = f.ObjectStore.CreateMultipart(ctx, key); return err })
	return id, err
}

func (f *failing) ListParts(ctx context.Context, key, id string, after, limit int) (parts []backend.StoredPart, err error) {
	err = f.call(func() (err error) { parts, err = f.ObjectStore.ListParts(ctx, key, id, after, limit); return err })
	return parts, err
}

func (f *failing) CompleteMultipart(ctx context.Context, key, id string, parts []backend.StoredPart) (version string, err error) {
	err = f.call(func() (err error) { version, err = f.ObjectStore.CompleteMultipart(ctx, key, id, parts); return err })
	return version, err
}

func (f *failing) AbortMultipart(ctx context.Context, key, id string) error {
	return f.call(func() error { return f.ObjectStore.AbortMultipart(ctx, key, id) })
}

func (f *failing) Head(ctx context.Context, key string) (size int64, version string, err error) {
	err = f.call(func() (err error) { size, version, err = f.ObjectStore.Head(ctx, key); return err })
	return size, version, err
}

func (f *failing) Delete(ctx context.Context, key, version string) error {
	return f.call(func() error { return f.ObjectStore.Delete(ctx, key, version) })
}

func (f *failing) ListObjects(ctx context.Context, m backend.Mark, n int) (o []backend.StoredObject, next backend.Mark, err error) {
	err = f.call(func() (err error) { o, next, err = f.ObjectStore.ListObjects(ctx, m, n); return err })
	return o, next, err
}

func (f *failing) ListMultiparts(ctx context.Context, m backend.Mark, n int) (u []backend.StoredMultipart, next backend.Mark, err error) {
	err = f.call(func() (err error) { u, next, err = f.ObjectStore.ListMultiparts(ctx, m, n); return err })
	return u, next, err
}

// bench is a service on a real database and a real bucket.
type bench struct {
	t       *testing.T
	service *backend.Service
	store   *postgres.Store
	objects *failing
}

func setup(t *testing.T) *bench {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Options{URL: testenv.Database(t), MaxConns: 4})
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
	b := &bench{t: t, store: store, objects: &failing{ObjectStore: objects}}
	b.service = backend.NewService(store, b.objects, backend.ServiceConfig{
		LeaseTTL: time.Minute, MultipartGrace: time.Nanosecond, Logger: slog.New(slog.DiscardHandler),
	})
	return b
}

var content = bytes.Repeat([]byte("0123456789"), 10)

func (b *bench) register() backend.File {
	b.t.Helper()
	sum := sha256.Sum256(content)
	f, err := b.store.CreateFile(b.t.Context(), backend.NewFile{
		Name: uuid.NewString(), Size: int64(len(content)), SHA256: sum, PartSize: 5 << 20, PartDigests: [][32]byte{sum},
	})
	require.NoError(b.t, err)
	return f
}

// retry makes a step again until it does not fail of the fault.
func (b *bench) retry(step func() error) {
	b.t.Helper()
	for {
		err := step()
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

// sweep does turns until one finds nothing more to do.
func (b *bench) sweep() {
	b.t.Helper()
	for range 10 {
		result, err := b.service.SweepBucket(b.t.Context(), time.Nanosecond)
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
	bucket := b.objects.ObjectStore
	objects, _, err := bucket.ListObjects(b.t.Context(), backend.Mark{}, 1000)
	require.NoError(b.t, err)
	want := []backend.StoredObject{}
	for _, f := range files {
		want = append(want, backend.StoredObject{Key: f.Key, Version: f.Version})
	}
	require.ElementsMatch(b.t, want, objects)
	uploads, _, err := bucket.ListMultiparts(b.t.Context(), backend.Mark{}, 1000)
	require.NoError(b.t, err)
	require.Empty(b.t, uploads)
}

// One call of the object store fails, each in turn, before and after it took effect, while a file is uploaded twice and another one
// is deleted. The client repeats what failed; then the bucket holds the file and nothing else.
func TestTheBucketIsTheCatalogueWhereverACallFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	steps := 0
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			b.objects.calls, b.objects.at, b.objects.after = 0, at, after
			kept, gone := b.register(), b.register()
			first, second, other := b.upload(kept), b.upload(kept), b.upload(gone)
			b.put(first)
			b.put(second)
			b.put(other)
			ready := b.complete(second)
			require.Equal(t, backend.FileReady, ready.State)
			require.Equal(t, ready, b.complete(first), "the file is ready: the slower upload is content")
			b.complete(other)
			aborted := b.upload(b.register())
			require.NoError(t, b.service.AbortUpload(t.Context(), aborted.FileID, aborted.ID))
			_, err := b.service.DeleteFile(t.Context(), gone.ID, "")
			require.NoError(t, err)
			b.sweep()
			last := b.objects.calls < at
			b.objects.at = 0
			b.sweep() // what failed in the last sweep
			b.holds(ready)
			_, err = b.service.DeleteFile(t.Context(), kept.ID, "")
			require.NoError(t, err)
			b.holds()
			if last {
				break
			}
			steps++
		}
	}
	require.Greater(t, steps, 20)
	t.Logf("%d faults", steps)
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
