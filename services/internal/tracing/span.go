package tracing

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// scope is the instrumentation's name in every span of this package.
const scope = "scalable-backend/services"

// Server begins the span of a request that is served. A trusted caller's trace goes on in it. Any other caller must not decide
// what is recorded here: a trace begins that only points to the caller's.
func Server(p trace.TracerProvider, r *http.Request, trusted bool) (context.Context, trace.Span) {
	ctx := r.Context()
	method := Method(r.Method)
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("http.request.method", method)),
	}
	caller := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header)))
	caller = caller.WithTraceState(trace.TraceState{}) // free text of other systems
	switch {
	case !caller.IsValid():
	case trusted:
		ctx = trace.ContextWithRemoteSpanContext(ctx, caller)
	default:
		options = append(options, trace.WithLinks(trace.Link{SpanContext: caller}))
	}
	return p.Tracer(scope).Start(ctx, method, options...)
}

// Client begins the span of a call. route stands for the path, which has too many values for a name.
func Client(ctx context.Context, p trace.TracerProvider, method, route string) (context.Context, trace.Span) {
	method = Method(method)
	return p.Tracer(scope).Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", method), attribute.String("url.template", route)))
}

// Inject names the span of ctx, if there is one, to whom a request goes.
func Inject(ctx context.Context, h http.Header) {
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
}

// Child begins a span below the one of ctx that is being recorded; without one there is none.
func Child(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, noop.Span{}
	}
	return parent.TracerProvider().Tracer(scope).Start(ctx, name, options...)
}

// Quiet is ctx in which nothing is recorded below its span.
func Quiet(ctx context.Context) context.Context {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	return trace.ContextWithSpanContext(ctx, trace.SpanContextFromContext(ctx))
}

// End ends a span, as failed if err is not nil. The error's text stays out of it: that is for logs, and may hold a URL.
func End(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// Method is a request's method as a name, of which there are few.
func Method(method string) string {
	if strings.Contains(" GET HEAD POST PUT PATCH DELETE OPTIONS ", " "+method+" ") {
		return method
	}
	return "_OTHER"
}
