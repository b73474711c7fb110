package httpapi

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/config"
	"scalable-backend/services/internal/tracing"
)

// begin begins the span of a request; its trace id is then the request's. Health checks have none: they come all the time.
func (d *door) begin(r *http.Request, info *request) (context.Context, trace.Span) {
	if d.config.Tracer == nil || r.URL.Path == config.HealthPath {
		return r.Context(), noop.Span{}
	}
	// Only callers whom IAM let through decide what is recorded.
	trusted := false
	if d.kind == backend.GatewayDoor {
		_, err := gatewayCaller(r.Header)
		trusted = err == nil
	}
	ctx, span := tracing.Server(d.config.Tracer, r, trusted)
	info.trace = span.SpanContext().TraceID().String()
	return ctx, span
}

// tell sets the attributes of a request's span that are known only at its end: the caller's id but never its credentials, and the
// route instead of the path.
func (d *door) tell(span trace.Span, r *http.Request, info *request, status int) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("door", string(d.kind)), attribute.Int("http.response.status_code", status))
	if _, route, ok := strings.Cut(info.pattern, " "); ok {
		span.SetName(tracing.Method(r.Method) + " " + route)
		span.SetAttributes(attribute.String("http.route", route))
	}
	if info.caller != "" {
		span.SetAttributes(attribute.String("enduser.id", info.caller))
	}
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
}
