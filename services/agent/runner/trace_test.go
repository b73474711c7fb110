package runner

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/agent/internal/fakeapi"
	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

// heard is the traceparent of each request, by operation.
func heard(s *fakeapi.Server) func(op string) []string {
	var mu sync.Mutex
	all := map[string][]string{}
	s.Hook = func(op string, _ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		all[op] = append(all[op], r.Header.Get("Traceparent"))
		return false
	}
	return func(op string) []string {
		mu.Lock()
		defer mu.Unlock()
		return all[op]
	}
}

// traced gives an agent a tracer, for its API too.
func traced(t *testing.T, s *fakeapi.Server, p trace.TracerProvider) func(*Options) {
	return func(o *Options) {
		c, err := client.New(client.Options{URL: s.URL, Auth: client.Bearer(fakeapi.Token), Tracer: p})
		require.NoError(t, err)
		t.Cleanup(c.Close)
		o.API, o.Tracer = c, p
	}
}

// A job is one trace from its lease to its outcome; the backend hears of it, the bucket does not.
func TestJobIsATrace(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	hear := heard(s)
	spans := tracetest.NewSpanRecorder()
	f := s.AddFile("x", body(3*part), part)
	s.AddJob(f, "d")
	logs := &syncBuffer{}
	b := start(t, s, traced(t, s, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))), func(o *Options) {
		o.Log = slog.New(slog.NewJSONHandler(logs, nil))
		o.Handler = HandlerFunc(func(ctx context.Context, _ Published) error {
			if !trace.SpanFromContext(ctx).IsRecording() {
				return errors.New("a handler's own spans belong to the job")
			}
			return nil
		})
	})
	b.states(map[api.JobState]int{api.JobStateSucceeded: 1})
	require.NoError(t, b.shutdown())

	byName := map[string]sdktrace.ReadOnlySpan{}
	for _, span := range spans.Ended() {
		byName[span.Name()] = span
		for _, a := range span.Attributes() {
			require.NotContains(t, a.Value.String(), "/bucket/", "%s: %s", span.Name(), a.Key)
			require.NotContains(t, a.Value.String(), fakeapi.Token)
		}
	}
	job := byName["job"]
	require.NotNil(t, job)
	require.False(t, job.Parent().IsValid())
	require.Equal(t, codes.Unset, job.Status().Code)
	values := map[string]any{}
	for _, a := range job.Attributes() {
		values[string(a.Key)] = a.Value.AsInterface()
	}
	require.Equal(t, f.Id, values["file.id"])
	require.Equal(t, int64(3*part), values["file.size"])
	require.Equal(t, int64(3*part), values["job.fetched"])
	require.Equal(t, "succeeded", values["job.outcome"])
	require.Equal(t, "accepted", values["job.report"])
	require.NotEmpty(t, values["job.id"])
	for _, name := range []string{"transfer", "publish", "handle", "PUT /v1/leases/{id}/outcome"} {
		require.NotNil(t, byName[name], name)
		require.Equal(t, job.SpanContext().SpanID(), byName[name].Parent().SpanID(), name)
		require.Equal(t, job.SpanContext().TraceID(), byName[name].SpanContext().TraceID(), name)
	}
	require.False(t, byName["POST /v1/leases"].Parent().IsValid(), "leasing comes before any job")
	require.Contains(t, hear("PUT /v1/leases/{id}/outcome")[0], job.SpanContext().TraceID().String())
	require.NotEmpty(t, hear("GET /bucket/{id}"))
	for _, header := range hear("GET /bucket/{id}") {
		require.Empty(t, header, "a trace is nothing to the bucket")
	}
	require.Contains(t, logs.b.String(), `"trace_id":"`+job.SpanContext().TraceID().String())
}

func TestFailedJobIsAFailedSpan(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	s.Hook = func(op string, w http.ResponseWriter, _ *http.Request) bool {
		if op == "GET /bucket/{id}" {
			w.WriteHeader(http.StatusNotFound)
		}
		return op == "GET /bucket/{id}"
	}
	spans := tracetest.NewSpanRecorder()
	s.AddJob(s.AddFile("x", body(part), part), "d")
	b := start(t, s, traced(t, s, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))))
	b.eventually(func() bool { return len(b.outcomes(api.OutcomeStatusFailed)) > 0 }, "a failure")
	require.NoError(t, b.shutdown())
	failed := map[string]bool{}
	for _, span := range spans.Ended() {
		failed[span.Name()] = span.Status().Code == codes.Error
		require.Empty(t, span.Status().Description, "an error's text may hold a URL")
		require.Empty(t, span.Events())
	}
	require.True(t, failed["job"])
	require.True(t, failed["transfer"])
	require.NotContains(t, failed, "publish")
	require.False(t, failed["PUT /v1/leases/{id}/outcome"])
}

func TestWithoutTracerNobodyHearsOfTraces(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	hear := heard(s)
	s.AddJob(s.AddFile("x", body(part), part), "d")
	logs := &syncBuffer{}
	b := start(t, s, func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(logs, nil)) })
	b.states(map[api.JobState]int{api.JobStateSucceeded: 1})
	require.NoError(t, b.shutdown())
	for _, op := range []string{"POST /v1/leases", "PUT /v1/leases/{id}/outcome", "GET /bucket/{id}"} {
		require.NotEmpty(t, hear(op))
		require.Empty(t, strings.Join(hear(op), ""))
	}
	require.Contains(t, logs.b.String(), "lease ended")
	require.NotContains(t, logs.b.String(), "trace_id")
}
