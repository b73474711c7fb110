package client

import (
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// route is a path of the API with its ids left out: collections and ids alternate in it.
func route(path string) string {
	_, rest, ok := strings.Cut(path, "/v1/")
	if !ok {
		return path[strings.LastIndexByte(path, '/')+1:]
	}
	segments := strings.Split(rest, "/")
	for i := 1; i < len(segments); i += 2 {
		segments[i] = "{id}"
	}
	return "/v1/" + strings.Join(segments, "/")
}

// finish ends the span of a call. The text of an error is not put into it: it may hold a URL, and belongs into logs.
func finish(span trace.Span, req *http.Request, tries int, resp *http.Response, err error) {
	if span.IsRecording() {
		span.SetAttributes(attribute.String("server.address", req.URL.Hostname()), attribute.Int("http.request.resend_count", max(0, tries-1)))
		if resp != nil {
			span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
		}
		if err != nil || resp.StatusCode >= http.StatusBadRequest {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}
