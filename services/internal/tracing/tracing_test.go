package tracing

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"

	"scalable-backend/services/internal/leak"
	"scalable-backend/services/internal/tracing/collector"
)

func TestMain(m *testing.M) { leak.Main(m) }

// log is a log that tests read.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *log) lines() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), "\n")
}

func (l *log) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// Not parallel: it counts goroutines.
func TestOffIsNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	provider, stop := Start(Options{Service: "s", Ratio: 1})
	require.Nil(t, provider)
	require.NoError(t, leak.Find(before))
	ctx, span := Child(t.Context(), "x")
	require.Equal(t, t.Context(), ctx)
	require.False(t, span.SpanContext().IsValid())
	header := http.Header{}
	Inject(Quiet(ctx), header)
	require.Empty(t, header)
	require.NoError(t, stop(t.Context()))
}

func TestSpansArriveWhole(t *testing.T) {
	t.Parallel()
	c := collector.New(t)
	provider, stop := Start(Options{Service: "backend", Version: "v1", Stack: "dev", Endpoint: c.URL, Ratio: 1})
	request := httptest.NewRequest(http.MethodGet, "/x", nil)
	request.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	ctx, outer := Server(provider, request, true)
	_, inner := provider.Tracer("other", trace.WithInstrumentationVersion("2")).Start(ctx, "inner", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("text", "t"), attribute.String("none", ""), attribute.Int("number", -7), attribute.Bool("no",
			false),
			attribute.Float64("part", 0.5)),
		trace.WithLinks(trace.Link{SpanContext: outer.SpanContext()}))
	inner.RecordError(errors.New("an error"))
	inner.SetStatus(codes.Error, "failed")
	time.Sleep(time.Millisecond)
	inner.End()
	End(outer, nil)
	require.NoError(t, stop(t.Context()))

	require.Len(t, c.Spans(), 2)
	in, out := c.Spans()[0], c.Spans()[1]
	require.Equal(t, map[string]string{"service.name": "backend", "service.version": "v1", "deployment.environment.name": "dev"}, in.Resource)
	traceID, outerID, innerID := outer.SpanContext().TraceID(), outer.SpanContext().SpanID(), inner.SpanContext().SpanID()
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", traceID.String())
	require.Equal(t, traceID[:], in.TraceId)
	require.Equal(t, outerID[:], in.ParentSpanId)
	require.Equal(t, innerID[:], in.SpanId)
	require.Equal(t, []byte{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31}, out.ParentSpanId)
	require.Equal(t, "inner", in.Name)
	require.Equal(t, otlp.Span_SPAN_KIND_CLIENT, in.Kind)
	require.Equal(t, otlp.Span_SPAN_KIND_SERVER, out.Kind)
	require.GreaterOrEqual(t, in.EndTimeUnixNano-in.StartTimeUnixNano, uint64(time.Millisecond))
	require.InDelta(t, time.Now().UnixNano(), in.EndTimeUnixNano, float64(time.Minute))
	require.Equal(
		t,
		map[string]string{"text": "t", "none": "", "number": "int_value:-7", "no": "bool_value:false", "part": "double_value:0.5"},
		collector.Attributes(in.Attributes),
	)
	require.Equal(t, otlp.Status_STATUS_CODE_ERROR, in.Status.Code)
	require.Equal(t, "failed", in.Status.Message)
	require.Equal(t, otlp.Status_STATUS_CODE_UNSET, out.Status.Code)
	require.Equal(t, "exception", in.Events[0].Name)
	require.Equal(t, "an error", collector.Attributes(in.Events[0].Attributes)["exception.message"])
	require.Equal(t, outerID[:], in.Links[0].SpanId)
	require.Equal(t, traceID[:], in.Links[0].TraceId)
	require.Empty(t, in.ProtoReflect().GetUnknown())
}

// Neither a collector that refuses connections nor one that never answers holds anybody up, at work or at the end.
func TestDeadCollector(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"refuses", "hangs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var waiting atomic.Int64
			dead := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				waiting.Add(1)
				defer waiting.Add(-1)
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			}))
			defer dead.Close()
			if name == "refuses" {
				dead.Close()
			}
			l := &log{}
			provider, stop := Start(Options{Service: "s", Endpoint: dead.URL + "/v1/traces", Ratio: 1, Logger: l.logger()})
			began := time.Now()
			for range 3 * queueSize {
				_, span := Server(provider, httptest.NewRequest(http.MethodGet, "/x", nil), false)
				span.End()
			}
			require.Less(t, time.Since(began), 6*uploadTimeout, "the queue is bounded, and nobody waits for it: there would be twelve uploads")
			began = time.Now()
			err := stop(context.Background())
			require.Less(t, time.Since(began), 5*stopTimeout)
			require.Equal(t, name == "hangs", err != nil, "%v", err)
			require.LessOrEqual(t, l.lines(), 1)
			require.Eventually(t, func() bool { return waiting.Load() == 0 }, time.Minute, time.Millisecond, "uploads end, too")
		})
	}
}

// A collector that answers with an error costs a warning a minute, not one a batch.
func TestWarningsAreRare(t *testing.T) {
	t.Parallel()
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	defer full.Close()
	l := &log{}
	e := newExporter(full.URL, l.logger())
	defer func() { _ = e.Shutdown(t.Context()) }()
	spans := make(tracetest.SpanStubs, 10).Snapshots()
	for range 5 {
		require.NoError(t, e.ExportSpans(t.Context(), spans))
	}
	require.Equal(t, 1, l.lines())
	require.Contains(t, l.b.String(), "400")
	e.next = time.Now()
	require.NoError(t, e.ExportSpans(t.Context(), spans))
	require.Contains(t, l.b.String(), `"spans_lost":50`)
}

// Not parallel: it changes the environment.
func TestEnvironmentDoesNotContradict(t *testing.T) {
	c := collector.New(t)
	for key, value := range map[string]string{
		"OTEL_TRACES_SAMPLER": "always_off", "OTEL_SERVICE_NAME": "other", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
		"OTEL_EXPORTER_OTLP_HEADERS": "authorization=x", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "0", "OTEL_BSP_MAX_QUEUE_SIZE": "1",
		"OTEL_RESOURCE_ATTRIBUTES": "team=blue,service.name=other", "OTEL_SDK_DISABLED": "true",
	} {
		t.Setenv(key, value)
	}
	provider, stop := Start(Options{Service: "agent", Endpoint: c.URL, Ratio: 1})
	for range 10 {
		_, span := Client(t.Context(), provider, http.MethodGet, "/v1/stats")
		span.End()
	}
	require.NoError(t, stop(t.Context()))
	require.Len(t, c.Spans(), 10)
	require.Equal(t, "agent", c.Spans()[0].Service)
	require.Equal(t, "blue", c.Spans()[0].Resource["team"])
	require.Equal(t, "GET", c.Spans()[0].Attr("http.request.method"))
}
