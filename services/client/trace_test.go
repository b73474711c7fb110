package client

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// A call is one span however often it is tried, every try names it, and nothing of it tells who called or what with.
func TestCallsAreSpans(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	r := serve(t, reply(503, problemKind, "{}"), reply(404, problemKind, `{"detail":"X-Amz-Signature=1"}`))
	_, err := r.api(t, func(o *Options) { o.Tracer = provider }).GetJob(t.Context(), "0190-id")
	require.Equal(t, 404, StatusOf(err))
	require.Len(t, spans.Ended(), 1)
	span := spans.Ended()[0]
	require.Equal(t, "GET /v1/jobs/{id}", span.Name())
	require.Equal(t, codes.Error, span.Status().Code)
	require.Empty(t, span.Status().Description)
	require.ElementsMatch(t, []attribute.KeyValue{
		attribute.String("http.request.method", "GET"), attribute.String("url.template", "/v1/jobs/{id}"),
		attribute.String("server.address", "127.0.0.1"),
		attribute.Int("http.request.resend_count", 1), attribute.Int("http.response.status_code", 404),
	}, span.Attributes())
	calls := r.seen()
	require.Len(t, calls, 2)
	for _, c := range calls {
		want := "00-" + span.SpanContext().TraceID().String() + "-" + span.SpanContext().SpanID().String() + "-01"
		require.Equal(t, want, c.header.Get("Traceparent"))
	}
}

func TestWithoutTracerNothingIsSent(t *testing.T) {
	t.Parallel()
	r := serve(t, okJob)
	_, err := r.api(t).GetJob(t.Context(), "x")
	require.NoError(t, err)
	require.NotContains(t, r.seen()[0].header, "Traceparent")
	require.NotContains(t, r.seen()[0].header, "Tracestate")
}

// The header is in place before a request is signed, or the signature would not cover it.
func TestTraceIsSigned(t *testing.T) {
	t.Parallel()
	r := serve(t, okJob)
	a := r.api(t, func(o *Options) {
		o.Tracer = sdktrace.NewTracerProvider()
		o.Auth = NewSigV4(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "SECRET"}, nil
		}), "eu-central-1")
	})
	_, err := a.GetJob(t.Context(), "x")
	require.NoError(t, err)
	require.Contains(t, r.seen()[0].header.Get("Authorization"), "traceparent")
}

func TestRoute(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/v1/files":                             "/v1/files",
		"/live/v1/files/0190/uploads/x.y/parts": "/v1/files/{id}/uploads/{id}/parts",
		"/live/v1/leases/0190/outcome":          "/v1/leases/{id}/outcome",
		"/live/v1/agents/0190/heartbeats":       "/v1/agents/{id}/heartbeats",
		"/readyz":                               "readyz",
	} {
		require.Equal(t, want, route(path))
	}
}
