package console

import (
	"context"
	"net/http"
	"time"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/config"
)

// maxForm bounds the body of a form. A page has at most pageSize ids to select.
const maxForm = 64 << 10

// route is one path of the console, and who may use it.
type route struct {
	pattern string
	name    string // for log and metrics; few, because each name is a metric that costs
	scope   backend.Scope
	open    bool // without signing in
	serve   func(*request) (*page, error)
	// last makes the page of what was known before an error, for a caller who is not known for certain; nil makes an error page.
	last func(*request, error) (*page, error)
}

// routes are all of the console. No scope means that any caller may.
func (c *Console) routes() []route {
	return []route{
		{pattern: "POST /sign-in", name: "pageSignIn", open: true, serve: c.signIn},
		{pattern: "POST /sign-out", name: "pageSignOut", open: true, serve: c.signOut},
		{pattern: "GET /{$}", name: "page", serve: c.overview, last: c.lastOverview},
		{pattern: "GET /jobs", name: "page", scope: backend.Jobs, serve: c.jobs},
		{pattern: "GET /jobs/{id}", name: "page", scope: backend.Jobs, serve: c.job},
		{pattern: "POST /jobs/act", name: "pageAction", scope: backend.Jobs, serve: c.act},
		{pattern: "GET /files", name: "page", scope: backend.FilesRead, serve: c.files},
		{pattern: "GET /files/{id}", name: "page", scope: backend.FilesRead, serve: c.file},
		{pattern: "GET /files/{id}/content", name: "page", scope: backend.FilesRead, serve: c.content},
		{pattern: "POST /files/{id}/delete", name: "pageAction", scope: backend.FilesWrite, serve: c.deleteFile},
		{pattern: "GET /agents", name: "page", scope: backend.Jobs, serve: c.agents},
		{pattern: "GET /tokens", name: "page", scope: backend.Admin, serve: c.tokens},
		{pattern: "POST /tokens", name: "pageAction", scope: backend.Admin, serve: c.makeToken},
		{pattern: "POST /tokens/{id}/revoke", name: "pageAction", scope: backend.Admin, serve: c.revokeToken},
	}
}

// request is one request of a signed-in caller.
type request struct {
	*http.Request
	w      http.ResponseWriter
	caller backend.Caller
	token  string
	now    time.Time
}

// page is an answer: a redirect, or a template with its data.
type page struct {
	redirect string // where to go on by GET
	template string
	title    string
	status   int // zero means 200
	data     any
	renew    time.Duration // how often the page renews itself; zero means never
	failed   bool          // there is an error in the place of the page
	again    bool          // the browser is to ask once more, at once
}

func (c *Console) handler(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), config.RequestTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		q := &request{Request: r, w: w, now: time.Now()}
		p, err := c.serve(route, q)
		c.Host.Note(ctx, route.name, q.caller, err)
		if err != nil {
			p = c.failure(q, err)
		}
		c.write(q, p)
	})
}

// serve checks a request before its page is made: origin, caller, rate, scope, and the form's proof.
func (c *Console) serve(route route, q *request) (*page, error) {
	if err := c.origin.Check(q.Request); err != nil {
		return nil, &backend.Error{Code: backend.Forbidden, Detail: "this form was sent by another site", Cause: err}
	}
	if q.Method == http.MethodPost {
		if err := q.ParseForm(); err != nil {
			return nil, &backend.Error{Code: backend.Invalid, Detail: "the form cannot be read", Cause: err}
		}
	}
	if route.open {
		return route.serve(q)
	}
	switch err := c.identify(q); {
	case backend.CodeOf(err) == backend.Unauthorized && q.token != "":
		return c.signInPage(q, "You were signed out: your token has expired or was revoked."), nil
	case backend.CodeOf(err) == backend.Unauthorized:
		return c.signInPage(q, ""), nil
	case err != nil && q.caller.ID != "" && route.last != nil:
		return route.last(q, err)
	case err != nil:
		return nil, err
	}
	if err := c.Host.Allow(q.caller); err != nil {
		return nil, err
	}
	if route.scope != "" && !q.caller.Has(route.scope) {
		return nil, &scopeError{route.scope}
	}
	if q.Method == http.MethodPost && !c.proven(q) {
		return nil, backend.Errorf(backend.Forbidden, "this form is not of this sign-in, or too old: go back, reload the page and send it again")
	}
	q.Request = q.WithContext(backend.WithCaller(q.Context(), q.caller))
	return route.serve(q)
}
