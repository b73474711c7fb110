package runner

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/api"
	"scalable-backend/services/client"
	"scalable-backend/services/internal/tracing"
)

// do works on one lease to its end.
func (r *Runner) do(l *lease) {
	span := trace.SpanFromContext(l.ctx)
	defer span.End()
	log := logger(r.o.Log, span).With(
		"lease_id", l.LeaseId, "job_id", l.Job.Id, "file_id", l.File.Id, "dest", l.Job.Dest, "attempt", l.Attempt)
	begun := time.Now()
	log.Info("lease begun", "bytes", l.File.Size)
	result, err := r.attempt(l)
	ms := time.Since(begun).Milliseconds()
	log = log.With("took_ms", ms, "bytes", l.File.Size, "fetched", result.Fetched, "resumed", result.Resumed, "reused", result.Reused,
		"retries", result.Retries, "bad_parts", result.BadParts)
	outcome := r.outcome(l, err)
	if outcome == nil {
		log.Warn("lease lost: nothing is reported", "error", err)
		tell(span, result, "lost", "none")
		return
	}
	outcome.Ms = &ms
	r.report(l, *outcome, func(how string, err error) {
		log = log.With("outcome", outcome.Status, "report", how)
		if outcome.Problem != nil {
			log = log.With("problem", outcome.Problem.Title, "detail", *outcome.Problem.Detail)
		}
		if err != nil {
			log = log.With("error", err)
		}
		log.Info("lease ended")
		tell(span, result, string(outcome.Status), how)
	})
}

// attempt downloads the file and has it handled.
func (r *Runner) attempt(l *lease) (download.Result, error) {
	if err := l.await(); err != nil {
		return download.Result{}, err
	}
	task, err := r.task(l)
	if err != nil {
		return download.Result{}, err
	}
	result, err := r.o.Engine.Fetch(l.ctx, task)
	switch {
	case errors.Is(err, errCancelled):
		// Nobody will resume this job, so its partial is removed. The lease is still this agent's, although its context has ended:
		// Held would say otherwise.
		task.Held = nil
		r.o.Engine.Discard(task)
		return result, err
	case errors.Is(err, download.ErrNoSpace):
		r.makeSpace(l.File.Size)
		return result, err
	case err != nil:
		return result, err
	}
	if result.Reused {
		r.renew(l.Job.Dest)
	}
	ctx, span := tracing.Child(l.ctx, "handle")
	err = r.o.Handler.Handle(ctx, Published{Path: r.path(l.Job.Dest), Job: l.Job, File: l.File, Attempt: l.Attempt})
	tracing.End(span, err)
	if err != nil {
		if l.ctx.Err() != nil {
			return result, context.Cause(l.ctx)
		}
		return result, fmt.Errorf("handling the file: %w", err)
	}
	return result, nil
}

func (r *Runner) task(l *lease) (download.Task, error) {
	t := download.Task{
		FileID: l.File.Id, Size: l.File.Size, PartSize: l.File.PartSize, Parts: make([][32]byte, len(l.File.PartDigests)),
		Root: r.root, Dest: l.Job.Dest, Owner: l.LeaseId, URL: l.SourceUrl, Held: l.held, Stop: r.stop, Done: &l.done,
		Note: r.note,
		Refresh: func(ctx context.Context) (string, error) {
			s, err := r.o.API.LeaseSource(ctx, l.LeaseId)
			return s.SourceUrl, err
		},
	}
	if l.File.Version != nil {
		t.Version = *l.File.Version
	}
	err := digest(&t.SHA256, l.File.Sha256)
	for i, d := range l.File.PartDigests {
		err = errors.Join(err, digest(&t.Parts[i], d))
	}
	return t, err
}

func digest(to *[32]byte, text string) error {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(to) {
		return fmt.Errorf("%q is no SHA-256", text)
	}
	copy(to[:], b)
	return nil
}

// outcome returns what is to be reported; nil when the lease is lost and nothing may be.
func (r *Runner) outcome(l *lease, err error) *api.Outcome {
	switch {
	case err == nil:
		return &api.Outcome{Status: api.OutcomeStatusSucceeded, Sha256: &l.File.Sha256, Bytes: &l.File.Size}
	case errors.Is(err, errLost):
		return nil
	case errors.Is(err, errCancelled), errors.Is(err, download.ErrStopped), errors.Is(err, errStopTimeout):
		return &api.Outcome{Status: api.OutcomeStatusReleased}
	case errors.Is(err, download.ErrNoSpace): // no failure of the job: another agent may have space
		return &api.Outcome{Status: api.OutcomeStatusReleased, Problem: problem("No space on the agent's disk", err)}
	}
	return &api.Outcome{Status: api.OutcomeStatusFailed, Problem: problem(title(err), err)}
}

// title classifies an error for people.
func title(err error) string {
	for _, c := range []struct {
		is    error
		title string
	}{
		{download.ErrDigest, "The bytes are not the catalogue's"},
		{download.ErrChanged, "The object changed"},
		{download.ErrRefused, "The source was refused"},
		{download.ErrUnsafe, "The destination was refused"},
		{download.ErrOtherFileSystem, "The destination was refused"},
		{download.ErrDirectory, "The destination is a directory"},
		{download.ErrExists, "The destination is taken"},
	} {
		if errors.Is(err, c.is) {
			return c.title
		}
	}
	return "The download failed"
}

func problem(title string, err error) *api.JobProblem {
	detail := strings.ToValidUTF8(err.Error(), "�")
	if r := []rune(detail); len(r) > 2000 { // the schema counts characters
		detail = string(r[:2000])
	}
	return &api.JobProblem{Title: title, Detail: &detail}
}

// accepted is the result of a report that the backend took.
const accepted = "accepted"

// report sends an outcome until the backend accepts or refuses it. Meanwhile the lease is still renewed.
func (r *Runner) report(l *lease, o api.Outcome, ended func(how string, err error)) {
	ctx, cancel := context.WithTimeout(trace.ContextWithSpan(r.final, trace.SpanFromContext(l.ctx)), max(3*l.ttl, time.Minute))
	defer cancel()
	waits := client.FullJitter(200*time.Millisecond, 10*time.Second)
	for {
		_, err := r.o.API.PutOutcome(ctx, l.LeaseId, o)
		switch status := client.StatusOf(err); {
		case err == nil:
			ended(accepted, nil)
			return
		case status == http.StatusUnprocessableEntity && o.Status == api.OutcomeStatusSucceeded:
			// The catalogue has another digest. The lease is still held, so the attempt is reported as failed.
			o = api.Outcome{Status: api.OutcomeStatusFailed, Ms: o.Ms, Problem: problem("The backend refused the file's digest", err)}
			continue
		case status == http.StatusGone, status == http.StatusNotFound:
			ended("too late", err)
			return
		case status >= 400 && status < 500 && retryAfter(err) == 0 &&
			status != http.StatusTooManyRequests && status != http.StatusRequestTimeout &&
			status != http.StatusUnauthorized && status != http.StatusForbidden: // credentials are renewed
			ended("refused", err)
			return
		case ctx.Err() != nil:
			ended("given up", err)
			return
		}
		r.doze(ctx, max(waits.NextBackOff(), retryAfter(err)))
	}
}
