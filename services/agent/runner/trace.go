package runner

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/api"
)

// traced is the context of the work on a lease, with the span of its job if there is one. A trace is one job on one agent.
func (r *Runner) traced(l api.Lease) context.Context {
	if r.o.Tracer == nil {
		return r.work
	}
	ctx, _ := r.o.Tracer.Tracer("scalable-backend/services/agent/runner").Start(r.work, "job", trace.WithNewRoot(),
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
			attribute.String("job.id", l.Job.Id), attribute.Int("job.attempt", l.Attempt), attribute.String("lease.id", l.LeaseId),
			attribute.String("file.id", l.File.Id), attribute.Int64("file.size", l.File.Size), attribute.String("agent.id", r.id)))
	return ctx
}

// logger adds the trace's id to a lease's log records, so that a trace can be found from a record and the other way round.
func logger(log *slog.Logger, span trace.Span) *slog.Logger {
	if id := span.SpanContext().TraceID(); id.IsValid() {
		return log.With("trace_id", id.String())
	}
	return log
}

// tell adds the result to a job's span. how says what became of the report: accepted, refused, too late, given up or none.
func tell(span trace.Span, result download.Result, outcome, how string) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("job.outcome", outcome), attribute.String("job.report", how),
		attribute.Int64("job.fetched", result.Fetched), attribute.Int64("job.resumed", result.Resumed),
		attribute.Int64("job.retries", result.Retries), attribute.Bool("job.reused", result.Reused))
	if outcome != string(api.OutcomeStatusSucceeded) || how != accepted {
		span.SetStatus(codes.Error, "")
	}
}
