package backend_test

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/backend"
)

var errBroken = errors.New("this call was to fail")

// fault is what goes wrong with one call of the object store or of the database, before it did anything or after it did everything:
// it is answered with an error, or the process that made it is gone.
type fault struct {
	calls int
	at    int // the call, from 1; 0 for none
	after bool
	crash bool
}

// crashed is the panic that ends whatever a process that is gone would have done next.
type crashed struct{}

func (f *fault) call(do func() error) error {
	f.calls++
	if f.calls != f.at {
		return do()
	}
	if f.after {
		_ = do()
	}
	if f.crash {
		panic(crashed{})
	}
	return &backend.Error{Code: backend.Unavailable, Detail: "the other side does not answer", Cause: errBroken}
}

// failing is an object store with a fault.
type failing struct {
	backend.ObjectStore
	*fault
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

func (f *failing) PutEmpty(ctx context.Context, key string) (version string, err error) {
	err = f.call(func() (err error) { version, err = f.ObjectStore.PutEmpty(ctx, key); return err })
	return version, err
}

// failingStore is a database with a fault: of the statements that change something, and of those that decide what is removed.
type failingStore struct {
	backend.Store
	*fault
}

func (f *failingStore) CreateUpload(ctx context.Context, u backend.Upload) (made backend.Upload, err error) {
	err = f.call(func() (err error) { made, err = f.Store.CreateUpload(ctx, u); return err })
	return made, err
}

func (f *failingStore) RestartUpload(ctx context.Context, id uuid.UUID, before, now string) (u backend.Upload, err error) {
	err = f.call(func() (err error) { u, err = f.Store.RestartUpload(ctx, id, before, now); return err })
	return u, err
}

func (f *failingStore) DeleteUpload(ctx context.Context, id uuid.UUID) error {
	return f.call(func() error { return f.Store.DeleteUpload(ctx, id) })
}

func (f *failingStore) CompleteUpload(ctx context.Context, id uuid.UUID, version string) (file backend.File, won bool, err error) {
	err = f.call(func() (err error) { file, won, err = f.Store.CompleteUpload(ctx, id, version); return err })
	return file, won, err
}

func (f *failingStore) DeleteFile(ctx context.Context, id uuid.UUID, ifMatch string) (file backend.File, err error) {
	err = f.call(func() (err error) { file, err = f.Store.DeleteFile(ctx, id, ifMatch); return err })
	return file, err
}

func (f *failingStore) EndBucketTurn(ctx context.Context, next backend.BucketTurn) error {
	return f.call(func() error { return f.Store.EndBucketTurn(ctx, next) })
}

func (f *failingStore) ForgetUploads(ctx context.Context, age time.Duration) (n int, err error) {
	err = f.call(func() (err error) { n, err = f.Store.ForgetUploads(ctx, age); return err })
	return n, err
}

func (f *failingStore) OrphanObjects(ctx context.Context, o []backend.StoredObject) (found []backend.StoredObject, err error) {
	err = f.call(func() (err error) { found, err = f.Store.OrphanObjects(ctx, o); return err })
	return found, err
}

func (f *failingStore) OrphanMultiparts(ctx context.Context, u []backend.StoredMultipart) (found []backend.StoredMultipart, err error) {
	err = f.call(func() (err error) { found, err = f.Store.OrphanMultiparts(ctx, u); return err })
	return found, err
}
