package tracing

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const warnEvery = time.Minute

// exporter sends spans to a collector. What cannot be delivered is dropped and logged, not returned: the SDK would hand errors
// to a handler that all of the process shares.
type exporter struct {
	*otlptrace.Exporter
	log *slog.Logger

	mu   sync.Mutex
	next time.Time // no warning before
	lost int       // spans since the last warning
}

// newExporter connects to nothing yet: the first spans do.
func newExporter(endpoint string, log *slog.Logger) *exporter {
	client := otlptracehttp.NewClient(
		otlptracehttp.WithEndpointURL(endpoint), otlptracehttp.WithTimeout(uploadTimeout),
		// What one upload cannot deliver is lost: a second try would keep the spans behind it waiting.
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}),
	)
	out := otlptrace.NewUnstarted(client)
	_ = out.Start(context.Background()) // it opens nothing, so nothing can go wrong
	return &exporter{Exporter: out, log: log}
}

// ExportSpans implements sdktrace.SpanExporter.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.Exporter.ExportSpans(ctx, spans); err != nil {
		e.warn(err, len(spans))
	}
	return nil
}

func (e *exporter) warn(err error, spans int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost += spans
	if now := time.Now(); !now.Before(e.next) {
		e.log.Warn("traces are not delivered", "error", err, "spans_lost", e.lost)
		e.next, e.lost = now.Add(warnEvery), 0
	}
}
