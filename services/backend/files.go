package backend

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// FileState is where a file stands in its life.
type FileState string

// pending: registered, no upload has completed · ready: its object is in the bucket.
const (
	FilePending FileState = "pending"
	FileReady   FileState = "ready"
)

// NewFile is a file to be registered; digests are SHA-256.
type NewFile struct {
	Name        string
	Size        int64 // bytes
	SHA256      [32]byte
	PartSize    int64 // bytes
	PartDigests [][32]byte
}

// File is a registered file. Key and Version name its object; they are empty until the file is ready.
type File struct {
	ID uuid.UUID
	NewFile
	State     FileState
	Key       string
	Version   string
	CreatedAt time.Time
	ReadyAt   time.Time // zero until ready
}

// PartCount is the number of parts: size / part size, rounded up; 0 for an empty file.
func (f NewFile) PartCount() int { return int((f.Size + f.PartSize - 1) / f.PartSize) }

// Part returns the extent of part number n, counted from 1.
func (f NewFile) Part(n int) (offset, size int64) {
	offset = int64(n-1) * f.PartSize
	return offset, min(f.PartSize, f.Size-offset)
}

// Upload is one multipart upload of a file. S3UploadID is empty for a file without parts.
type Upload struct {
	ID         uuid.UUID
	FileID     uuid.UUID
	Key        string
	S3UploadID string
	CreatedAt  time.Time
}

// Page asks for one page of a list in the order of (created_at, id), newest first. A zero After begins at the newest.
type Page struct {
	Size  int
	After Cursor
}

// Cursor is the position of the last item of the page before.
type Cursor struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

// FileFilter narrows a list of files; zero fields do not.
type FileFilter struct {
	State FileState
	Name  string
}

// BucketTurn is where the comparison of the bucket with the catalogue goes on.
type BucketTurn struct{ Objects, Multiparts Mark }

// BucketStore says what of the bucket belongs to the catalogue.
type BucketStore interface {
	// TakeBucketTurn returns where to go on; mine is false when another process did, less than interval ago.
	TakeBucketTurn(ctx context.Context, interval time.Duration) (turn BucketTurn, mine bool, err error)
	// EndBucketTurn keeps where the next turn begins.
	EndBucketTurn(ctx context.Context, next BucketTurn) error
	// OrphanObjects returns those of the objects that belong to no file and can never do so again: of a deleted file, of an upload
	// that another one was faster than, of an upload that was aborted. Keys of another form than ObjectPrefix tells are not ours.
	OrphanObjects(ctx context.Context, objects []StoredObject) ([]StoredObject, error)
	// OrphanMultiparts does the same for multipart uploads.
	OrphanMultiparts(ctx context.Context, uploads []StoredMultipart) ([]StoredMultipart, error)
	// ForgetUploads removes at most 1000 uploads of pending files that are older than age, and uploads that another one of the same
	// file was faster than.
	ForgetUploads(ctx context.Context, age time.Duration) (count int, err error)
}

// FileStore keeps the catalogue.
type FileStore interface {
	CreateFile(ctx context.Context, f NewFile) (File, error)
	// GetFile returns NotFound for an unknown or deleted file.
	GetFile(ctx context.Context, id uuid.UUID) (File, error)
	// ListFiles returns at most page.Size files, without their part digests.
	ListFiles(ctx context.Context, filter FileFilter, page Page) ([]File, error)
	// DeleteFile removes a file from the catalogue and returns it as it was. Conflict while a job of it is queued or leased;
	// Precondition when ifMatch is not empty and not the file's ETag.
	DeleteFile(ctx context.Context, id uuid.UUID, ifMatch string) (File, error)

	CreateUpload(ctx context.Context, u Upload) (Upload, error)
	GetUpload(ctx context.Context, fileID, uploadID uuid.UUID) (Upload, error)
	// CompleteUpload makes the file ready with the upload's key and the object's version. If another upload of the file won
	// before, the file is returned as it is and won is false: the caller then removes its own object. Completing again with
	// the same upload returns won as true.
	CompleteUpload(ctx context.Context, uploadID uuid.UUID, version string) (f File, won bool, err error)
	// RestartUpload gives an upload another multipart upload of the object store, in the place of before, and returns the upload as it
	// is then: with another one if another call was faster.
	RestartUpload(ctx context.Context, uploadID uuid.UUID, before, s3UploadID string) (Upload, error)
	// DeleteUpload forgets an upload. Conflict for the one that made its file ready.
	DeleteUpload(ctx context.Context, uploadID uuid.UUID) error
}

// ETag is the entity tag of a file, for If-Match: it changes when the file becomes ready. Quotes included.
func (f File) ETag() string {
	return `"` + f.ID.String() + "-" + string(f.State) + `"`
}
