package console

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"scalable-backend/services/backend"
)

// failedRenew is how often an error page looks whether the error is over.
const failedRenew = 5 * time.Second

// scopeError says that a caller lacks a scope.
type scopeError struct{ scope backend.Scope }

func (e *scopeError) Error() string { return "the caller needs the scope " + string(e.scope) }

func (e *scopeError) Unwrap() error {
	return backend.Errorf(backend.Forbidden, "This needs the scope %s, which your token does not have.", e.scope)
}

// errorData is what an error page shows.
type errorData struct {
	Problem
	Trace  string
	May    []may // what a caller may do that lacks a scope; nil for other errors
	Back   string
	Passes bool // it may be over soon
}

// may is what a scope is good for.
type may struct {
	Scope backend.Scope
	What  string
	Has   bool
}

var scopes = []may{
	{Scope: backend.Jobs, What: "see jobs and agents; cancel and retry jobs"},
	{Scope: backend.FilesRead, What: "see and download files"},
	{Scope: backend.FilesWrite, What: "upload and delete files"},
	{Scope: backend.Admin, What: "see, make and revoke tokens"},
}

// failure makes a page of an error.
func (c *Console) failure(q *request, err error) *page {
	problem := c.Host.Status(err)
	d := errorData{Problem: problem, Trace: c.Host.TraceID(q.Context()), Back: localPath(q.PostFormValue("back"))}
	if _, ok := err.(*scopeError); ok { //nolint:errorlint // it comes as it was made
		for _, s := range scopes {
			s.Has = q.caller.Has(s.Scope)
			d.May = append(d.May, s)
		}
	}
	p := &page{template: "error", title: problem.Title, status: problem.Status, failed: true}
	switch problem.Status {
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusTooManyRequests, http.StatusInternalServerError:
		d.Passes, p.renew = q.Method == http.MethodGet, max(failedRenew, problem.RetryAfter)
	}
	if problem.RetryAfter > 0 {
		q.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(problem.RetryAfter.Seconds()))))
	}
	if q.caller.ID == "" && q.token != "" { // nobody could be asked
		if known, ok := c.Host.Lately(q.token); ok {
			q.caller = known
		}
	}
	p.data = d
	return p
}

// Fail answers a browser's request that has no page, or that was refused before it came to one.
func (c *Console) Fail(w http.ResponseWriter, r *http.Request, err error) {
	q := &request{Request: r, w: w, now: time.Now()}
	for _, name := range []string{secureCookie, plainCookie} {
		if cookie, err := r.Cookie(name); err == nil && q.token == "" {
			q.token = cookie.Value
		}
	}
	c.write(q, c.failure(q, err))
}
