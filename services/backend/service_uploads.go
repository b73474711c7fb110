package backend

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// maxFieldErrors bounds what one answer lists; the caller mends these and asks again.
const maxFieldErrors = 100

// CreateUpload begins an upload of a file. Its key is its own, so that nothing is ever overwritten.
func (s *Service) CreateUpload(ctx context.Context, fileID uuid.UUID) (Upload, File, error) {
	file, err := s.GetFile(ctx, fileID)
	if err != nil {
		return Upload{}, File{}, err
	}
	if file.State == FileReady {
		return Upload{}, File{}, Errorf(Conflict, "the file is ready: its bytes have been uploaded")
	}
	upload := Upload{ID: uuid.New(), FileID: fileID}
	upload.Key = fmt.Sprintf("files/%s/%s", fileID, upload.ID)
	if file.PartCount() > 0 {
		if upload.S3UploadID, err = s.objects.CreateMultipart(ctx, upload.Key); err != nil {
			return Upload{}, File{}, err
		}
	}
	created, err := s.store.CreateUpload(ctx, upload)
	if err != nil {
		s.abort(ctx, upload)
		return Upload{}, File{}, err
	}
	return created, file, nil
}

// AbortUpload ends an upload and drops its parts. Conflict once it has completed.
func (s *Service) AbortUpload(ctx context.Context, fileID, uploadID uuid.UUID) error {
	file, upload, err := s.upload(ctx, fileID, uploadID)
	if err != nil {
		return err
	}
	if file.Key == upload.Key {
		return Errorf(Conflict, "the upload has completed; delete the file instead")
	}
	if err := s.store.DeleteUpload(ctx, uploadID); err != nil {
		return err
	}
	s.abort(ctx, upload)
	return nil
}

func (s *Service) abort(ctx context.Context, u Upload) {
	if u.S3UploadID == "" {
		return
	}
	s.cleanUp(ctx, "aborting a multipart upload", u.ID, func(ctx context.Context) error {
		return s.objects.AbortMultipart(ctx, u.Key, u.S3UploadID)
	})
}

func (s *Service) upload(ctx context.Context, fileID, uploadID uuid.UUID) (File, Upload, error) {
	upload, err := s.store.GetUpload(ctx, fileID, uploadID)
	if err != nil {
		return File{}, Upload{}, err
	}
	file, err := s.GetFile(ctx, fileID)
	return file, upload, err
}

// UploadPart is a part of an upload: stored already, or with the URL that takes it.
type UploadPart struct {
	Number       int
	Offset, Size int64
	SHA256       [32]byte
	Uploaded     bool
	Put          SignedURL // zero once uploaded
}

// ListUploadParts returns at most limit parts with number > after. ExpiresAt is when the first of their URLs ends.
func (s *Service) ListUploadParts(
	ctx context.Context,
	fileID, uploadID uuid.UUID,
	after, limit int,
) (parts []UploadPart, more bool, err error) {
	file, upload, err := s.upload(ctx, fileID, uploadID)
	if err != nil {
		return nil, false, err
	}
	count := file.PartCount()
	stored := map[int]StoredPart{}
	// A file that is ready needs no more bytes, whichever of its uploads was the first to complete.
	completed := file.State == FileReady
	if !completed && after < count {
		found, err := s.objects.ListParts(ctx, upload.Key, upload.S3UploadID, after, limit)
		if isNotFound(err) {
			found = nil
			upload, completed, err = s.restart(ctx, file, upload)
		}
		if err != nil {
			return nil, false, err
		}
		for _, p := range found {
			stored[p.Number] = p
		}
	}
	last := min(after+limit, count)
	for number := after + 1; number <= last; number++ {
		part := UploadPart{Number: number, SHA256: file.PartDigests[number-1]}
		part.Offset, part.Size = file.Part(number)
		part.Uploaded = completed || wrong(file, number, stored) == ""
		if !part.Uploaded {
			if part.Put, err = s.objects.PresignPart(ctx, upload.Key, upload.S3UploadID, number, part.Size, part.SHA256); err != nil {
				return nil, false, err
			}
		}
		parts = append(parts, part)
	}
	return parts, last < count, nil
}

// restart goes on with an upload whose multipart upload is gone from the object store. If it was assembled before, nothing is
// missing but its completion. Else the bucket's rule has aborted it, and it begins anew, without any part.
func (s *Service) restart(ctx context.Context, file File, upload Upload) (u Upload, assembled bool, err error) {
	size, _, err := s.objects.Head(ctx, upload.Key)
	if err == nil && size == file.Size {
		return upload, true, nil
	}
	if err != nil && !isNotFound(err) {
		return upload, false, err
	}
	anew, err := s.objects.CreateMultipart(ctx, upload.Key)
	if err != nil {
		return upload, false, err
	}
	u, err = s.store.RestartUpload(ctx, upload.ID, upload.S3UploadID, anew)
	if err != nil || u.S3UploadID != anew { // it was deleted, or somebody else was faster
		upload.S3UploadID = anew
		s.abort(ctx, upload)
	}
	return u, false, err
}

// wrong says what is wrong with a part as stored, "" if nothing.
func wrong(file File, number int, stored map[int]StoredPart) string {
	_, size := file.Part(number)
	part, ok := stored[number]
	switch {
	case !ok:
		return fmt.Sprintf("part %d is missing", number)
	case part.Size != size:
		return fmt.Sprintf("part %d has %d bytes, want %d", number, part.Size, size)
	case part.SHA256 != file.PartDigests[number-1]:
		return fmt.Sprintf("part %d has another digest than the registered one", number)
	default:
		return ""
	}
}

// completeTimeout bounds a completion whose caller is gone, as the time of a request does for one who waits.
const completeTimeout = 28 * time.Second

// CompleteUpload checks every part, assembles the object and makes the file ready. It may be repeated at any point. When
// another upload of the file was faster, the file is ready all the same, and this upload's object goes away. It goes on when its
// caller is gone: the object store assembles the object anyway, and the catalogue must say so.
func (s *Service) CompleteUpload(ctx context.Context, fileID, uploadID uuid.UUID) (File, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), completeTimeout)
	defer cancel()
	file, upload, err := s.upload(ctx, fileID, uploadID)
	if err != nil {
		return File{}, err
	}
	if file.State == FileReady {
		if file.Key != upload.Key {
			s.abort(ctx, upload)
		}
		return file, nil
	}
	version, err := s.assemble(ctx, file, upload)
	if err != nil {
		// What is missing may be so because another upload completed meanwhile, and this one was aborted.
		if now, found := s.GetFile(ctx, fileID); found == nil && now.State == FileReady {
			return now, nil
		}
		return File{}, err
	}
	done, won, err := s.store.CompleteUpload(ctx, uploadID, version)
	if isNotFound(err) || (err == nil && (!won || done.Version != version)) {
		// The file was deleted, another upload won, or the other of two completions of an empty file did.
		s.cleanUp(ctx, "deleting a superseded object", uploadID, func(ctx context.Context) error {
			return s.objects.Delete(ctx, upload.Key, version)
		})
	}
	return done, err
}

// assemble makes the upload's object, or finds it made by an earlier try, and returns its version.
func (s *Service) assemble(ctx context.Context, file File, upload Upload) (string, error) {
	if file.PartCount() == 0 {
		if _, version, err := s.objects.Head(ctx, upload.Key); !isNotFound(err) {
			return version, err
		}
		return s.objects.PutEmpty(ctx, upload.Key)
	}
	parts, err := s.verifiedParts(ctx, file, upload)
	if err == nil {
		var version string
		version, err = s.objects.CompleteMultipart(ctx, upload.Key, upload.S3UploadID, parts)
		if err == nil {
			return version, nil
		}
	}
	if !isNotFound(err) {
		return "", err
	}
	size, version, err := s.objects.Head(ctx, upload.Key)
	if isNotFound(err) {
		return "", Errorf(Conflict, "the object store has no part of this upload any more; list the parts and upload them again")
	}
	if err == nil && size != file.Size {
		err = &Error{
			Code: Upstream, Detail: "the object store holds another object than was uploaded",
			Cause: fmt.Errorf("object %s has %d bytes, want %d", upload.Key, size, file.Size),
		}
	}
	return version, err
}

// verifiedParts returns the stored parts if each is there with the registered size and digest.
func (s *Service) verifiedParts(ctx context.Context, file File, upload Upload) ([]StoredPart, error) {
	count := file.PartCount()
	found, err := s.objects.ListParts(ctx, upload.Key, upload.S3UploadID, 0, count+1)
	if err != nil {
		return nil, err
	}
	stored := make(map[int]StoredPart, len(found))
	for _, p := range found {
		stored[p.Number] = p
	}
	parts := make([]StoredPart, 0, count)
	var fields []FieldError
	bad := 0
	for number := 1; number <= count; number++ {
		if problem := wrong(file, number, stored); problem != "" {
			if bad++; len(fields) < maxFieldErrors {
				fields = append(fields, FieldError{Pointer: fmt.Sprintf("/parts/%d", number), Detail: problem})
			}
			continue
		}
		parts = append(parts, stored[number])
	}
	if bad > 0 {
		return nil, &Error{Code: Conflict, Detail: fmt.Sprintf("%d of %d parts are missing or wrong", bad, count), Fields: fields}
	}
	return parts, nil
}

// FirstExpiry is when the first URL of the parts ends; zero without any.
func FirstExpiry(parts []UploadPart) time.Time {
	var first time.Time
	for _, p := range parts {
		if !p.Uploaded && (first.IsZero() || p.Put.ExpiresAt.Before(first)) {
			first = p.Put.ExpiresAt
		}
	}
	return first
}
