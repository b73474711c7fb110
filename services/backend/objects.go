package backend

import (
	"context"
	"time"
)

// SignedURL is a presigned request. Header lists what the request must carry besides Host.
type SignedURL struct {
	URL       string
	Header    map[string]string
	ExpiresAt time.Time // the earlier of the URL's own end and that of the credentials which signed it
}

// StoredPart is a part of a multipart upload that the object store holds.
type StoredPart struct {
	Number int
	Size   int64
	SHA256 [32]byte
	ETag   string
}

// ObjectPrefix begins the key of every object: files/<file id>/<upload id>.
const ObjectPrefix = "files/"

// StoredObject is one version of an object in the bucket.
type StoredObject struct{ Key, Version string }

// StoredMultipart is a multipart upload in the bucket that is under way, or was left.
type StoredMultipart struct {
	Key, UploadID string
	Initiated     time.Time
}

// Mark is a position in a listing of the bucket: of a key, and of a version or an upload of it. Zero is the beginning.
type Mark struct{ Key, ID string }

// ObjectStore holds the bytes. Keys are unique per upload, so nothing is ever overwritten.
type ObjectStore interface {
	// CreateMultipart begins an upload and returns the object store's id of it.
	CreateMultipart(ctx context.Context, key string) (uploadID string, err error)
	// PresignPart signs a PUT of exactly these bytes: length and SHA-256 are signed.
	PresignPart(ctx context.Context, key, uploadID string, number int, size int64, sha256 [32]byte) (SignedURL, error)
	// ListParts returns the stored parts with number > after, at most limit, in order. NotFound when the upload is unknown.
	ListParts(ctx context.Context, key, uploadID string, after, limit int) ([]StoredPart, error)
	// CompleteMultipart assembles the object and returns its version. NotFound when the upload is unknown: it may have been
	// completed before; see Head.
	CompleteMultipart(ctx context.Context, key, uploadID string, parts []StoredPart) (version string, err error)
	AbortMultipart(ctx context.Context, key, uploadID string) error
	// PutEmpty stores an object without bytes and returns its version.
	PutEmpty(ctx context.Context, key string) (version string, err error)
	// Head returns size and version of an object; NotFound when there is none.
	Head(ctx context.Context, key string) (size int64, version string, err error)
	// PresignGet signs a GET of one version.
	PresignGet(ctx context.Context, key, version string) (SignedURL, error)
	// ListObjects returns the versions of all objects below ObjectPrefix behind a mark, in the order of keys, at most limit, and the
	// mark of the next call. A zero mark is the beginning, and the end.
	ListObjects(ctx context.Context, after Mark, limit int) (objects []StoredObject, next Mark, err error)
	// ListMultiparts does the same for multipart uploads that have neither completed nor been aborted.
	ListMultiparts(ctx context.Context, after Mark, limit int) (uploads []StoredMultipart, next Mark, err error)
	// Delete removes one version; removing what is not there is no error.
	Delete(ctx context.Context, key, version string) error
}
