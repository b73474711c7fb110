package tracing

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func recorded(ratio float64) (*sdktrace.TracerProvider, *tracetest.SpanRecorder) {
	r := tracetest.NewSpanRecorder()
	return sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(r),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))),
	), r
}

// Only a trusted caller has its trace recorded, whatever the ratio; another's is at most pointed to.
func TestServerTrust(t *testing.T) {
	t.Parallel()
	const callers = "0af7651916cd43dd8448eb211c80319c"
	for name, c := range map[string]struct {
		traceparent string
		trusted     bool
		ratio       float64
		goesOn      bool
		recorded    int
		links       int
	}{
		"trusted, sampled":              {"00-" + callers + "-b7ad6b7169203331-01", true, 0, true, 1, 0},
		"trusted, not sampled":          {"00-" + callers + "-b7ad6b7169203331-00", true, 1, true, 0, 0},
		"not trusted, sampled":          {"00-" + callers + "-b7ad6b7169203331-01", false, 0, false, 0, 0},
		"not trusted, not sampled":      {"00-" + callers + "-b7ad6b7169203331-00", false, 1, false, 1, 1},
		"not trusted, sampled, chosen":  {"00-" + callers + "-b7ad6b7169203331-01", false, 1, false, 1, 1},
		"trusted, without":              {"", true, 1, false, 1, 0},
		"trusted, no trace of W3C":      {"00-xyz-1-01", true, 1, false, 1, 0},
		"trusted, all zero is no trace": {"00-00000000000000000000000000000000-0000000000000000-01", true, 1, false, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider, spans := recorded(c.ratio)
			r := httptest.NewRequest(http.MethodPost, "/secret-path", nil)
			r.Header.Set("Traceparent", c.traceparent)
			r.Header.Set("Tracestate", "vendor=free-text")
			ctx, span := Server(provider, r, c.trusted)
			span.End()
			require.Equal(t, c.goesOn, span.SpanContext().TraceID().String() == callers)
			require.True(t, span.SpanContext().IsValid(), "a trace id for the log, recorded or not")
			require.Equal(t, span.SpanContext(), trace.SpanContextFromContext(ctx))
			require.Empty(t, span.SpanContext().TraceState().String())
			require.Len(t, spans.Ended(), c.recorded)
			if c.recorded == 1 {
				require.Len(t, spans.Ended()[0].Links(), c.links)
				require.Equal(t, "POST", spans.Ended()[0].Name())
			}
		})
	}
}

func TestChildAndQuiet(t *testing.T) {
	t.Parallel()
	provider, spans := recorded(1)
	_, orphan := Child(t.Context(), "orphan")
	orphan.End()
	ctx, parent := Client(t.Context(), provider, "BREW", "/v1/pots/{id}")
	_, child := Child(ctx, "child")
	child.End()
	quiet := Quiet(ctx)
	_, hidden := Child(quiet, "hidden")
	hidden.End()
	require.Equal(t, parent.SpanContext(), trace.SpanContextFromContext(quiet))
	parent.End()
	require.Len(t, spans.Ended(), 2)
	require.Equal(t, "child", spans.Ended()[0].Name())
	require.Equal(t, parent.SpanContext().SpanID(), spans.Ended()[0].Parent().SpanID())
	require.Equal(t, "_OTHER /v1/pots/{id}", spans.Ended()[1].Name())

	none, unsampled := recorded(0)
	ctx, _ = Client(t.Context(), none, "GET", "/v1/stats")
	_, child = Child(ctx, "child")
	child.End()
	require.Empty(t, unsampled.Ended())
}
