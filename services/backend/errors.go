package backend

import (
	"errors"
	"fmt"
	"time"
)

// Code classifies an error; httpapi maps each to one HTTP status in one table.
type Code string

// The codes, with their HTTP statuses.
const (
	Invalid       Code = "invalid"       // 400: malformed, or against the API document
	Unauthorized  Code = "unauthorized"  // 401: no valid caller
	Forbidden     Code = "forbidden"     // 403: the caller lacks a scope
	NotFound      Code = "not-found"     // 404
	Conflict      Code = "conflict"      // 409: in conflict with the state of the resource
	Gone          Code = "gone"          // 410: the lease has ended
	Precondition  Code = "precondition"  // 412: If-Match failed
	Unprocessable Code = "unprocessable" // 422: well-formed, but contradicts the catalogue
	TooMany       Code = "too-many"      // 429
	Upstream      Code = "upstream"      // 502: the object store gave an answer that is not to be understood
	Unavailable   Code = "unavailable"   // 503: not now
	Internal      Code = "internal"      // 500: everything else
)

// FieldError is one of several things wrong with a request. Pointer is a JSON pointer into the body ("/jobs/3/file_id") or a
// parameter's name.
type FieldError struct{ Pointer, Detail string }

// Error is an error that a caller may see. Detail is for the caller; Cause is for the log alone.
type Error struct {
	Code       Code
	Detail     string
	Fields     []FieldError
	RetryAfter time.Duration // for TooMany, Unavailable and Conflict; 0 means that it is not known
	Cause      error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.Cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Detail)
}

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error without a cause.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of err: Internal for any error that is not an *Error, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}
