// Package conform holds the answers of the API against its document, for tests.
package conform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"scalable-backend/services/api"
)

// Reporter hears of each answer that the document does not allow. A testing.TB is one.
type Reporter interface {
	Errorf(format string, args ...any)
}

// Transport checks every answer of Next. Stage may stand before a path; addresses that are none of the API's pass unchecked.
type Transport struct {
	Report Reporter
	Next   http.RoundTripper
	Stage  string
}

type document struct {
	router   routers.Router
	statuses map[string]bool // of problems, from the document's text
	err      error
}

var load = sync.OnceValue(func() (d document) {
	spec, err := openapi3.NewLoader().LoadFromData(api.Document)
	if err != nil {
		return document{err: err}
	}
	d.statuses = map[string]bool{}
	description := *spec.Components.Responses["Problem"].Value.Description
	for _, m := range regexp.MustCompile(`\b([45]\d\d)\b [a-zA-Z]`).FindAllStringSubmatch(description, -1) {
		d.statuses[m[1]] = true
	}
	d.router, d.err = legacy.NewRouter(spec)
	return d
})

// RoundTrip implements [http.RoundTripper]. The answer's body is read to its end.
func (c *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.Next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if problem := c.check(r, response, body); problem != "" {
		c.Report.Errorf("%s %s: %s: %s", r.Method, r.URL.Path, response.Status, problem)
	}
	return response, nil
}

func (c *Transport) check(r *http.Request, response *http.Response, body []byte) string {
	d := load()
	if d.err != nil {
		return d.err.Error()
	}
	plain := r.Clone(r.Context())
	if c.Stage != "" {
		plain.URL.Path = strings.TrimPrefix(plain.URL.Path, "/"+c.Stage)
	}
	plain.URL.Host, plain.URL.Scheme, plain.Host = "", "", ""
	route, params, err := d.router.FindRoute(plain)
	switch {
	case err != nil && response.StatusCode >= 400 && response.Header.Get("Content-Type") != "text/html; charset=utf-8":
		return d.problem(response, body) // no operation: still a problem document
	case err != nil: // the page, S3
		return ""
	}
	if response.StatusCode >= 400 {
		if p := d.problem(response, body); p != "" {
			return p
		}
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: plain, PathParams: params, Route: route},
		Status:                 response.StatusCode, Header: response.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		return fmt.Sprintf("does not match the document: %v", err)
	}
	return ""
}

func (d document) problem(response *http.Response, body []byte) string {
	var p api.Problem
	switch err := json.Unmarshal(body, &p); {
	case err != nil || response.Header.Get("Content-Type") != "application/problem+json":
		return fmt.Sprintf("not a problem document: %s %s", response.Header.Get("Content-Type"), body)
	case p.Status != response.StatusCode || p.Title == "" || p.TraceId == nil || len(*p.TraceId) != 32 || p.Instance == nil:
		return fmt.Sprintf("an incomplete problem document: %s", body)
	case (p.Status == 429 || p.Status == 503) && response.Header.Get("Retry-After") == "":
		return "no Retry-After"
	case !d.statuses[fmt.Sprint(p.Status)]:
		return "a status that the document does not name"
	}
	return ""
}
