package backend

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

const (
	maxParts   = 10_000 // S3's limit of a multipart upload
	maxSegment = 255    // bytes of a name in all common file systems
)

// Validate checks what the API's document cannot say. All problems are in one Unprocessable.
func (f NewFile) Validate() error {
	var fields []FieldError
	add := func(pointer, format string, args ...any) {
		fields = append(fields, FieldError{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
	}
	if problem := pathProblem(f.Name); problem != "" {
		add("/name", "%s", problem)
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
		if problem := pathProblem(job.Dest); job.Dest != "" && problem != "" {
			fields = append(fields, FieldError{Pointer: fmt.Sprintf("/jobs/%d/dest", i), Detail: problem})
		}
	}
	return unprocessable("a job cannot be done", fields)
}

// Validate checks a token to be made. The clock is this process's; the store's decides later.
func (t Token) Validate(now time.Time) error {
	if !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(now) {
		return unprocessable("the token would be of no use", []FieldError{{Pointer: "/expires_at", Detail: "lies in the past"}})
	}
	return nil
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

// pathProblem says why a path is not one that an agent can make below its root, "" if it is.
func pathProblem(path string) string {
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return fmt.Sprintf("has the segment %q", segment)
		case len(segment) > maxSegment:
			return fmt.Sprintf("has a segment of %d bytes, more than %d", len(segment), maxSegment)
		}
	}
	return ""
}

func unprocessable(detail string, fields []FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return &Error{Code: Unprocessable, Detail: detail, Fields: fields[:min(len(fields), maxFieldErrors)]}
}
