// Package tracing sends OpenTelemetry traces to a collector when a service is told to, and has the few kinds of spans that the
// services make. It sets none of OpenTelemetry's globals.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The limits of what waits for the collector. A span that finds the queue full is dropped: no caller ever waits.
const (
	queueSize     = 2048
	batchSize     = 512
	batchEvery    = 5 * time.Second
	uploadTimeout = 5 * time.Second
	// stopTimeout bounds the delivery of the last spans; the services' own times to stop leave room for it.
	stopTimeout = 3 * time.Second
)

// Options of a service's traces.
type Options struct {
	Service, Version, Stack string // who the spans are from
	// Endpoint is the full URL of a collector that takes OTLP over HTTP. Empty means no traces.
	Endpoint string
	// Ratio is the part of the traces that begin here and are recorded, 0 to 1. A trace that goes on here is recorded if it is
	// where it began.
	Ratio float64
	// Logger hears of spans that are lost. Nil means slog's default.
	Logger *slog.Logger
}

// Start returns where spans go, and what delivers the last of them within a few seconds. Without an endpoint the provider is
// nil: there are no spans, no goroutines and no connections.
func Start(o Options) (trace.TracerProvider, func(context.Context) error) {
	if o.Endpoint == "" {
		return nil, func(context.Context) error { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	out := newExporter(o.Endpoint, o.Logger)
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", o.Service), attribute.String("service.version", o.Version),
			attribute.String("deployment.environment.name", o.Stack))),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Ratio))),
		// Every setting is given, so that the SDK takes none of them out of the environment.
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit: 2048, AttributeCountLimit: 64, EventCountLimit: 16, LinkCountLimit: 4,
			AttributePerEventCountLimit: 16, AttributePerLinkCountLimit: 4,
		}),
		sdktrace.WithBatcher(out,
			sdktrace.WithMaxQueueSize(queueSize), sdktrace.WithMaxExportBatchSize(batchSize),
			sdktrace.WithBatchTimeout(batchEvery), sdktrace.WithExportTimeout(uploadTimeout)),
	)
	return provider, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, stopTimeout)
		defer cancel()
		defer func() { _ = out.Shutdown(context.WithoutCancel(ctx)) }() // ends an upload that still goes on
		if err := provider.Shutdown(ctx); err != nil {
			return fmt.Errorf("delivering the last spans: %w", err)
		}
		return nil
	}
}
