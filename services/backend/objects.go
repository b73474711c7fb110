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
	// Delete removes one version; removing what is not there is no error.
	Delete(ctx context.Context, key, version string) error
}
