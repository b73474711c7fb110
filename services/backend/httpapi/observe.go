package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"
)

// request collects what the log and the metrics tell of a request.
type request struct {
	path, trace, route, caller string
	pattern                    string // of the route, "GET /v1/files/{file_id}"; empty without one
	status                     int
	bytes                      int64
	err                        error
}

func (i *request) written() bool { return i.status != 0 }

func infoOf(ctx context.Context) *request {
	if i, ok := ctx.Value(requestKey).(*request); ok {
		return i
	}
	return &request{}
}

// observed is around everything: trace, panics, security headers, log and metrics.
func (d *door) observed() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		info := &request{path: r.URL.Path, trace: traceID(r.Header), route: "none"}
		ctx, span := d.begin(r, info)
		defer span.End()
		r = r.WithContext(context.WithValue(ctx, requestKey, info))
		rec := &recorder{ResponseWriter: w, info: info}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // net/http compares the value, too
				d.config.Logger.ErrorContext(r.Context(), "panic", "trace_id", info.trace, "panic", p, "backtrace", string(debug.Stack()))
				d.fail(rec, r, errPanic)
			} else if p != nil {
				panic(p)
			}
			d.tell(span, r, info, d.record(r, info, time.Since(began)))
		}()
		d.ServeHTTP(rec, r)
	})
}

var errPanic = &statusError{status: http.StatusInternalServerError, detail: "an error of this service; it has been logged"}

// record logs failures, and every request at debug level, and returns the status. A request whose client went away before the answer
// counts as 499, as in nginx, and not as a failure of this service.
func (a *API) record(r *http.Request, info *request, took time.Duration) (status int) {
	status = info.status
	if status == 0 {
		status = 499
		if r.Context().Err() == nil {
			status = http.StatusOK
		}
	}
	a.config.Observe(info.route, status, took)
	level := slog.LevelDebug
	switch {
	case status == http.StatusServiceUnavailable:
		level = slog.LevelWarn
	case status >= 500:
		level = slog.LevelError
	}
	if !a.config.Logger.Enabled(r.Context(), level) {
		return status
	}
	attrs := []slog.Attr{
		slog.String("trace_id", info.trace), slog.String("method", r.Method), slog.String("path", info.path), slog.String("route", info.route),
		slog.String(
			"caller",
			info.caller,
		), slog.Int("status", status), slog.Int64("bytes", info.bytes), slog.Float64("took_ms", float64(took.Microseconds())/1000),
	}
	if info.err != nil {
		attrs = append(attrs, slog.String("error", info.err.Error()))
	}
	a.config.Logger.LogAttrs(r.Context(), level, "request", attrs...)
	return status
}

// recorder notes status and size of an answer.
type recorder struct {
	http.ResponseWriter
	info *request
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) WriteHeader(status int) {
	if r.info.status == 0 && status >= 200 {
		r.info.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.info.status == 0 {
		r.info.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.info.bytes += int64(n)
	return n, err
}

var (
	traceparent = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$`)
	amazonTrace = regexp.MustCompile(`(?:^|;)Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;|$)`)
)

// traceID is the caller's, as W3C or AWS write it, or a new one.
func traceID(h http.Header) string {
	if m := traceparent.FindStringSubmatch(h.Get("Traceparent")); m != nil && strings.Trim(m[1], "0") != "" {
		return m[1]
	}
	if m := amazonTrace.FindStringSubmatch(h.Get("X-Amzn-Trace-Id")); m != nil {
		return m[1] + m[2]
	}
	var id [16]byte
	_, _ = rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
