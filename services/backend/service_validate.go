package backend

import (
	"crypto/sha256"
	"fmt"
	"time"

	"scalable-backend/services/api/names"
)

// maxParts is S3's limit of a multipart upload.
const maxParts = 10_000

// Validate checks what the API's document cannot say. All problems are in one Unprocessable.
func (f NewFile) Validate() error {
	var fields []FieldError
	add := func(pointer, format string, args ...any) {
		fields = append(fields, FieldError{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
	}
	if err := names.CheckPath(f.Name); err != nil {
		add("/name", "%v", err)
	}
	count := f.PartCount()
	if count > maxParts {
		add("/part_size", "the file would have %d parts, more than %d: choose a larger part_size", count, maxParts)
	}
	if len(f.PartDigests) != count {
		add("/part_digests", "%d digests, but %d bytes in parts of %d are %d parts", len(f.PartDigests), f.Size, f.PartSize, count)
	}
	if f.Size == 0 && f.SHA256 != sha256.Sum256(nil) {
		add("/sha256", "not the digest of an empty file")
	}
	if count == 1 && len(f.PartDigests) == 1 && f.PartDigests[0] != f.SHA256 {
		add("/part_digests/0", "the only part has another digest than the file")
	}
	return unprocessable("the file contradicts itself", fields)
}

// ValidateJobs checks what the API's document cannot say of jobs.
func ValidateJobs(jobs []NewJob) error {
	var fields []FieldError
	for i, job := range jobs {
		if job.Dest == "" { // the file's name
			continue
		}
		if err := names.CheckPath(job.Dest); err != nil {
			fields = append(fields, FieldError{Pointer: fmt.Sprintf("/jobs/%d/dest", i), Detail: err.Error()})
		}
	}
	return unprocessable("a job cannot be done", fields)
}

// ValidateToken checks a token to be created. expiresAt is nil for one that never expires; every other instant is to lie in the
// future, the year 1 included, which in a Token means never. The clock is this process's; the store's decides later.
func ValidateToken(name string, expiresAt *time.Time, now time.Time) error {
	if expiresAt != nil && !expiresAt.After(now) {
		return unprocessable("the token would be of no use", []FieldError{
			{Pointer: "/expires_at", Detail: expiresAt.Format(time.RFC3339) + " lies in the past"},
		})
	}
	return CheckLabel("/name", name)
}

func (o Outcome) validate() error {
	if o.Status != Succeeded {
		return nil
	}
	var fields []FieldError
	if o.SHA256 == nil {
		fields = append(fields, FieldError{Pointer: "/sha256", Detail: "required with succeeded"})
	}
	if o.Bytes == nil {
		fields = append(fields, FieldError{Pointer: "/bytes", Detail: "required with succeeded"})
	}
	return unprocessable("an outcome without proof", fields)
}

// CheckLabel refuses a text that is not safe to show on one line: see [names.CheckText]. An empty one is fine.
func CheckLabel(pointer, text string) error {
	if err := names.CheckText(text); err != nil {
		return unprocessable("a text cannot be shown", []FieldError{{Pointer: pointer, Detail: err.Error()}})
	}
	return nil
}

func unprocessable(detail string, fields []FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return &Error{Code: Unprocessable, Detail: detail, Fields: fields[:min(len(fields), maxFieldErrors)]}
}
