package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

// statuses is the one table from codes to statuses.
var statuses = map[backend.Code]int{
	backend.Invalid:       http.StatusBadRequest,
	backend.Unauthorized:  http.StatusUnauthorized,
	backend.Forbidden:     http.StatusForbidden,
	backend.NotFound:      http.StatusNotFound,
	backend.Conflict:      http.StatusConflict,
	backend.Gone:          http.StatusGone,
	backend.Precondition:  http.StatusPreconditionFailed,
	backend.Unprocessable: http.StatusUnprocessableEntity,
	backend.TooMany:       http.StatusTooManyRequests,
	backend.Upstream:      http.StatusBadGateway,
	backend.Unavailable:   http.StatusServiceUnavailable,
	backend.Internal:      http.StatusInternalServerError,
}

// statusError is an error of HTTP alone, which the domain does not know.
type statusError struct {
	status int
	detail string
}

func (e *statusError) Error() string { return http.StatusText(e.status) + ": " + e.detail }

// malformed is for errors of the generated code, all of which mean that a request cannot be read.
func malformed(err error) error {
	return &backend.Error{Code: backend.Invalid, Detail: "the request cannot be read", Cause: err}
}

// fail answers with the problem document of an error. Causes are logged, never shown.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	info := infoOf(r.Context())
	info.err = err
	gone := errors.Is(err, context.Canceled) && errors.Is(r.Context().Err(), context.Canceled)
	if info.written() || gone {
		return // an answer has begun, or nobody waits for one
	}
	problem, retryAfter := problemOf(err)
	problem.Instance = &info.path
	problem.TraceId = &info.trace
	header := w.Header()
	for _, name := range []string{"ETag", "Link", "Location", "Repr-Digest"} {
		header.Del(name)
	}
	switch {
	case problem.Status == http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="scalable-backend"`)
	case retryAfter > 0:
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(retryAfter.Seconds()))))
	}
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(problem.Status)
	if err := json.NewEncoder(w).Encode(problem); err != nil {
		info.err = err
	}
}

func problemOf(err error) (api.Problem, time.Duration) {
	if e, ok := errors.AsType[*statusError](err); ok {
		return problem(e.status, "http-"+strconv.Itoa(e.status), e.detail, nil), 0
	}
	e, ok := errors.AsType[*backend.Error](err)
	switch {
	case !ok && errors.Is(err, context.DeadlineExceeded):
		e = &backend.Error{Code: backend.Unavailable, Detail: "this took too long"}
	case !ok || e.Code == backend.Internal || statuses[e.Code] == 0:
		e = &backend.Error{Code: backend.Internal, Detail: "an error of this service; it has been logged"}
	}
	retryAfter := e.RetryAfter
	if retryAfter == 0 && (e.Code == backend.TooMany || e.Code == backend.Unavailable) {
		retryAfter = time.Second
	}
	return problem(statuses[e.Code], string(e.Code), e.Detail, e.Fields), retryAfter
}

func problem(status int, code, detail string, fields []backend.FieldError) api.Problem {
	p := api.Problem{Type: "urn:scalable-backend:problem:" + code, Title: http.StatusText(status), Status: status, Detail: &detail}
	if len(fields) > 0 {
		list := make([]api.FieldError, len(fields))
		for i, f := range fields {
			list[i].Detail = f.Detail
			if f.Pointer != "" {
				list[i].Pointer = &f.Pointer
			}
		}
		p.Errors = &list
	}
	return p
}
