package httpapi

import (
	"context"
	"net/http"
	"path"
	"slices"
	"strings"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/config"
)

// door is one way in: its routes, and how callers prove themselves.
type door struct {
	*API
	kind backend.Door
	mux  *http.ServeMux
}

func (a *API) newDoor(kind backend.Door) *door {
	d := &door{API: a, kind: kind, mux: http.NewServeMux()}
	h := &handlers{API: a}
	if kind == backend.GatewayDoor && a.config.Stage != "" {
		h.prefix = "/" + a.config.Stage
	}
	strict := NewStrictHandlerWithOptions(h, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  func(w http.ResponseWriter, r *http.Request, err error) { a.fail(w, r, malformed(err)) },
		ResponseErrorHandlerFunc: a.fail,
	})
	HandlerWithOptions(strict, StdHTTPServerOptions{
		BaseRouter:       d,
		ErrorHandlerFunc: func(w http.ResponseWriter, r *http.Request, err error) { a.fail(w, r, malformed(err)) },
	})
	return d
}

// HandleFunc takes a route of the generated router, if the operation is served at this door.
func (d *door) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	op := d.document.operations[pattern]
	if op == nil {
		panic("httpapi: the generated router has " + pattern + ", the document has not: run go generate ./api")
	}
	if !slices.Contains(op.doors, d.kind) {
		return
	}
	d.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		infoOf(r.Context()).route = op.id
		ctx, cancel := context.WithTimeout(r.Context(), config.RequestTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		if err := d.admit(op, w, &r); err != nil {
			d.fail(w, r, err)
			return
		}
		handler(w, r)
	})
}

// admit checks a request before its handler runs: caller, scopes, rate, size, and the API's document.
func (d *door) admit(op *operation, w http.ResponseWriter, r **http.Request) error {
	if !op.anonymous {
		caller, err := d.authenticate(*r)
		if err != nil {
			return err
		}
		infoOf((*r).Context()).caller = caller.ID
		if !caller.Has(op.scopes...) {
			return backend.Errorf(backend.Forbidden, "the caller needs the scope %s", joined(op.scopes))
		}
		if err := d.limiter.allow(caller.ID); err != nil {
			return err
		}
		*r = (*r).WithContext(backend.WithCaller((*r).Context(), caller))
	}
	return validate(op, w, *r)
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case d.kind == backend.PublicDoor && len(r.Header.Values(config.CallerHeader)) > 0:
		// Only API Gateway sets this header, and it uses the other door.
		d.fail(w, r, backend.Errorf(backend.Invalid, "the header %s is not for this door", config.CallerHeader))
		return
	case d.kind == backend.GatewayDoor && r.URL.Path == config.HealthPath && len(r.Header.Values(config.CallerHeader)) == 0:
		// Not a caller but the load balancer's health check; API Gateway always names a caller.
		d.health(w, r)
		return
	case d.kind == backend.GatewayDoor:
		r = unstaged(r, d.config.Stage)
	}
	// Unclean paths, which ServeMux would redirect, name nothing here.
	handler, pattern := d.mux.Handler(r)
	if path.Clean(r.URL.Path) != r.URL.Path {
		handler, pattern = http.NotFoundHandler(), ""
	}
	if pattern != "" {
		infoOf(r.Context()).pattern = pattern
		d.mux.ServeHTTP(w, r)
		return
	}
	probe := &probe{header: http.Header{}, status: http.StatusNotFound}
	handler.ServeHTTP(probe, r)
	var err error = backend.Errorf(backend.NotFound, "there is nothing at this path")
	if allow := probe.header.Get("Allow"); allow != "" && probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", allow)
		err = &statusError{status: http.StatusMethodNotAllowed, detail: "allowed here: " + allow}
	}
	if d.kind == backend.PublicDoor && forPeople(r) {
		infoOf(r.Context()).err = err
		d.console.Fail(w, r, err)
		return
	}
	d.fail(w, r, err)
}

// forPeople reports whether a browser shows the answer to a request that is none of the API's.
func forPeople(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/v1/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (d *door) health(w http.ResponseWriter, r *http.Request) {
	infoOf(r.Context()).route = "getHealth"
	answer, _ := (&handlers{API: d.API}).GetHealth(r.Context(), GetHealthRequestObject{})
	if err := answer.VisitGetHealthResponse(w); err != nil {
		d.fail(w, r, err)
	}
}

// unstaged takes API Gateway's stage off the path, if it is there.
func unstaged(r *http.Request, stage string) *http.Request {
	prefix := "/" + stage
	rest, ok := strings.CutPrefix(r.URL.Path, prefix)
	if stage == "" || !ok || !strings.HasPrefix(rest, "/") {
		return r
	}
	url := *r.URL
	url.Path, url.RawPath = rest, strings.TrimPrefix(url.RawPath, prefix)
	r = r.WithContext(r.Context())
	r.URL = &url
	return r
}

// probe is a ResponseWriter that keeps only status and headers, to find out what ServeMux would answer where it has no route.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }

func joined(scopes []backend.Scope) string {
	texts := make([]string, len(scopes))
	for i, s := range scopes {
		texts[i] = string(s)
	}
	return strings.Join(texts, ", ")
}
