package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"scalable-backend/services/internal/tracing"
)

// maxAnswer bounds what is read of one answer; a page of 1000 files is about half a MiB.
const maxAnswer = 32 << 20

// policy says how one call is tried. It is passed in the context, because the generated client has no parameter for it.
type policy struct {
	timeout    time.Duration // of one try; 0 is the default
	once       bool          // never repeat
	repeatable bool          // a POST that may be repeated although it carries no Idempotency-Key
}

type policyKey struct{}

func policyOf(ctx context.Context) policy {
	p, _ := ctx.Value(policyKey{}).(policy)
	return p
}

func once(ctx context.Context, timeout time.Duration) context.Context {
	return context.WithValue(ctx, policyKey{}, policy{timeout: timeout, once: true})
}

func withTimeout(ctx context.Context, timeout time.Duration) context.Context {
	return context.WithValue(ctx, policyKey{}, policy{timeout: timeout})
}

func repeatable(ctx context.Context) context.Context {
	return context.WithValue(ctx, policyKey{}, policy{repeatable: true})
}

// retrier sends the generated client's requests: it authenticates and repeats them. It reads each answer to its end, so that an
// answer that breaks off counts as a failed try.
type retrier struct {
	o      Options
	client *http.Client
}

func newRetrier(o Options) *retrier {
	o.Timeout = cmp.Or(o.Timeout, 15*time.Second)
	o.MaxTries = cmp.Or(o.MaxTries, 5)
	o.MaxElapsed = cmp.Or(o.MaxElapsed, 2*time.Minute)
	o.UserAgent = cmp.Or(o.UserAgent, "scalable-backend-client")
	if o.Transport == nil {
		o.Transport = defaultTransport()
	}
	return &retrier{o: o, client: &http.Client{
		Transport: o.Transport,
		// A redirect of the content is an answer to us; any other would carry our credentials elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Do implements HttpRequestDoer.
func (r *retrier) Do(req *http.Request) (*http.Response, error) {
	tried := 0
	if r.o.Tracer == nil {
		return r.do(req.Context(), req, &tried)
	}
	ctx, span := tracing.Client(req.Context(), r.o.Tracer, req.Method, route(req.URL.Path))
	resp, err := r.do(ctx, req, &tried)
	finish(span, req, tried, resp, err)
	return resp, err
}

// do sends a request until it is answered or its tries are used up, and counts them in tried.
func (r *retrier) do(ctx context.Context, req *http.Request, tried *int) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, fmt.Errorf("reading the request's body: %w", err)
		}
	}
	p := policyOf(ctx)
	tries := r.o.MaxTries
	if p.once {
		tries = 1
	}
	safe := isIdempotent(req) || p.repeatable
	resp, err := backoff.Retry(ctx, func() (*http.Response, error) {
		*tried++
		resp, err := r.try(ctx, req, body, cmp.Or(p.timeout, r.o.Timeout))
		return resp, decide(resp, err, safe)
	},
		backoff.WithBackOff(FullJitter(200*time.Millisecond, 10*time.Second)),
		backoff.WithMaxTries(uint(tries)),
		backoff.WithMaxElapsedTime(r.o.MaxElapsed),
		backoff.WithNotify(func(err error, wait time.Duration) { r.notify(req, err, wait) }))
	if ctx.Err() != nil && err != nil {
		return nil, context.Cause(ctx)
	}
	// All tries are used up: the caller gets the last answer.
	if a, ok := errors.AsType[*retryableAnswer](err); ok {
		return a.resp, nil
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

func (r *retrier) notify(req *http.Request, err error, wait time.Duration) {
	if r.o.Log != nil {
		r.o.Log.Debug("call repeated", "method", req.Method, "path", req.URL.Path, "error", err, "wait", wait.String())
	}
}

// try makes one attempt and reads the answer.
func (r *retrier) try(ctx context.Context, req *http.Request, body []byte, timeout time.Duration) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req = req.Clone(ctx)
	req.Body = http.NoBody
	req.ContentLength = int64(len(body))
	if len(body) > 0 {
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	req.Header.Set("User-Agent", r.o.UserAgent)
	req.Header.Set("Accept", "application/json, application/problem+json")
	if r.o.Tracer != nil {
		tracing.Inject(ctx, req.Header) // before it is signed
	}
	if r.o.Auth != nil {
		if err := r.o.Auth.Authenticate(ctx, req, body); err != nil {
			return nil, err
		}
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, unwrap(err))
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if len(answer) > maxAnswer {
		return nil, backoff.Permanent(fmt.Errorf("the answer is larger than %d bytes", maxAnswer))
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, nil
}

// retryableAnswer is an answer of the server after which the call is tried again. backoff.Retry repeats only errors, so the
// answer travels as one; after the last try do takes it out again and returns it.
type retryableAnswer struct {
	resp  *http.Response
	after *backoff.RetryAfterError // nil without a Retry-After
}

func (a *retryableAnswer) Error() string { return a.resp.Status }

func (a *retryableAnswer) Unwrap() error {
	if a.after == nil {
		return nil
	}
	return a.after
}

// decide says what follows from a try: nil ends the call with the answer, a permanent error ends it, any other error repeats it.
func decide(resp *http.Response, err error, safe bool) error {
	if err != nil {
		if !safe {
			return backoff.Permanent(err) // the server may have carried it out
		}
		return err
	}
	wait, has := retryAfter(resp.Header, time.Now())
	a := &retryableAnswer{resp: resp}
	if has {
		a.after = &backoff.RetryAfterError{Duration: wait}
	}
	switch s := resp.StatusCode; {
	case s == http.StatusTooManyRequests && (safe || has),
		s == http.StatusServiceUnavailable && (safe || has), // with a Retry-After the server has not begun the work
		s == http.StatusConflict && has && safe,
		s == http.StatusRequestTimeout && safe,
		s >= 500 && s != http.StatusNotImplemented && safe:
		return a
	}
	return nil
}

// isIdempotent reports whether repeating a request does no harm.
func isIdempotent(req *http.Request) bool {
	return req.Method != http.MethodPost || req.Header.Get("Idempotency-Key") != ""
}

// FullJitter is exponential backoff with full jitter: each wait is uniform between zero and an interval that doubles from
// base up to limit.
func FullJitter(base, limit time.Duration) backoff.BackOff {
	b := &backoff.ExponentialBackOff{InitialInterval: base, Multiplier: 2, MaxInterval: limit}
	b.Reset()
	return fullJitter{b}
}

type fullJitter struct{ *backoff.ExponentialBackOff }

func (j fullJitter) NextBackOff() time.Duration {
	return rand.N(j.ExponentialBackOff.NextBackOff() + 1)
}

var _ HttpRequestDoer = (*retrier)(nil)
