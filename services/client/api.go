package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/api"
)

// Options of an API. Only URL is required; zero values take the defaults.
type Options struct {
	// URL is the base of the API, with the stage of an API Gateway if it has one: "https://….amazonaws.com/live".
	URL string
	// Auth signs each try. Nil sends requests as they are.
	Auth Authenticator
	// UserAgent of every request.
	UserAgent string
	// Timeout of one try, body included; 15 s.
	Timeout time.Duration
	// MaxTries of one call that may be repeated; 5.
	MaxTries int
	// MaxElapsed is how long a call goes on trying; 2 min. A Retry-After beyond it ends the call.
	MaxElapsed time.Duration
	// Transport carries the requests; a transport with timeouts by default.
	Transport http.RoundTripper
	// Log gets a record of each repeated try, at level debug. Nil logs nothing.
	Log *slog.Logger
	// Tracer makes a span of each call and sends its id to the server. Nil makes no spans.
	Tracer trace.TracerProvider
}

// API calls the backend: the generated client with authentication, timeouts, retries and typed errors.
//
// A call fails with an *Error when the server answered, with the transport's error when it did not, and with the context's
// cause when that ended first.
type API struct {
	raw   *Client
	retry *retrier
}

// New returns an API. It connects to nothing.
func New(o Options) (*API, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("parsing the API's URL: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("API URL %q: want http(s)://host[:port][/stage]", o.URL)
	}
	r := newRetrier(o)
	raw, err := NewClient(strings.TrimRight(o.URL, "/"), WithHTTPClient(r))
	if err != nil {
		return nil, fmt.Errorf("making the client: %w", err)
	}
	return &API{raw: raw, retry: r}, nil
}

// Close drops idle connections.
func (a *API) Close() { a.retry.client.CloseIdleConnections() }

func defaultTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       55 * time.Second, // below the load balancer's 60 s, so that this side closes idle connections first
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// into decodes the answer of a raw call: want is the status of success.
func into[T any](want int) func(*http.Response, error) (T, error) {
	return func(resp *http.Response, err error) (T, error) {
		var v T
		if err != nil {
			return v, unwrap(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return v, fmt.Errorf("reading the answer: %w", err)
		}
		if resp.StatusCode != want {
			return v, errorOf(resp, body)
		}
		if want == http.StatusNoContent {
			return v, nil
		}
		if err := json.Unmarshal(body, &v); err != nil {
			return v, fmt.Errorf("decoding the answer of %s: %w", resp.Request.URL.Path, err)
		}
		return v, nil
	}
}

// unwrap removes the *url.Error, whose text repeats method and URL.
func unwrap(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func newKey() *string {
	key := uuid.NewString()
	return &key
}

// CreateFile registers a file. Repeats within one call carry the same Idempotency-Key.
func (a *API) CreateFile(ctx context.Context, f api.NewFile) (api.File, error) {
	if f.PartDigests == nil {
		f.PartDigests = []string{} // a nil slice would be sent as null
	}
	return into[api.File](http.StatusCreated)(a.raw.CreateFile(ctx, &api.CreateFileParams{IdempotencyKey: newKey()}, f))
}

// GetFile returns a file with its part digests.
func (a *API) GetFile(ctx context.Context, id string) (api.File, error) {
	return into[api.File](http.StatusOK)(a.raw.GetFile(ctx, id))
}

// DeleteFile deletes a file and its object; ifMatch may be empty.
func (a *API) DeleteFile(ctx context.Context, id, ifMatch string) error {
	p := &api.DeleteFileParams{}
	if ifMatch != "" {
		p.IfMatch = &ifMatch
	}
	_, err := into[struct{}](http.StatusNoContent)(a.raw.DeleteFile(ctx, id, p))
	return err
}

// ContentURL returns a presigned URL of a file's bytes.
func (a *API) ContentURL(ctx context.Context, id string) (string, error) {
	resp, err := a.raw.GetFileContent(ctx, id)
	if err != nil {
		return "", unwrap(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusTemporaryRedirect {
		return "", errorOf(resp, body)
	}
	where := resp.Header.Get("Location")
	if where == "" {
		return "", errors.New("the redirect to the content names no location")
	}
	return where, nil
}

// CreateUpload begins an upload.
func (a *API) CreateUpload(ctx context.Context, fileID string) (api.Upload, error) {
	// A repeat leaves at worst an upload without parts behind, which the bucket's lifecycle rule removes.
	return into[api.Upload](http.StatusCreated)(a.raw.CreateUpload(repeatable(ctx), fileID))
}

// UploadParts returns one page of an upload's parts; an empty token asks for the first.
func (a *API) UploadParts(ctx context.Context, fileID, uploadID string, size int, token string) (api.UploadPartPage, error) {
	p := &api.ListUploadPartsParams{PageSize: &size}
	if token != "" {
		p.PageToken = &token
	}
	return into[api.UploadPartPage](http.StatusOK)(a.raw.ListUploadParts(ctx, fileID, uploadID, p))
}

// CompleteUpload assembles the object and returns the file, ready. S3 needs a while to assemble a large object, so each try
// may take as long as an API Gateway allows.
func (a *API) CompleteUpload(ctx context.Context, fileID, uploadID string) (api.File, error) {
	return into[api.File](http.StatusOK)(a.raw.CompleteUpload(withTimeout(ctx, longestTry), fileID, uploadID))
}

// AbortUpload drops an upload and its parts.
func (a *API) AbortUpload(ctx context.Context, fileID, uploadID string) error {
	_, err := into[struct{}](http.StatusNoContent)(a.raw.AbortUpload(ctx, fileID, uploadID))
	return err
}

// CreateJobs submits up to 1000 jobs, all or none.
func (a *API) CreateJobs(ctx context.Context, jobs []api.NewJob) ([]api.SubmittedJob, error) {
	r, err := into[api.SubmittedJobs](http.StatusCreated)(
		a.raw.CreateJobs(ctx, &api.CreateJobsParams{IdempotencyKey: newKey()}, api.NewJobs{Jobs: jobs}))
	return r.Jobs, err
}

// GetJob returns a job.
func (a *API) GetJob(ctx context.Context, id string) (api.Job, error) {
	return into[api.Job](http.StatusOK)(a.raw.GetJob(ctx, id))
}

// Attempts returns the newest attempts at a job, at most limit (1 to 1000), the newest first.
func (a *API) Attempts(ctx context.Context, jobID string, limit int) ([]api.Attempt, error) {
	list, err := into[api.AttemptList](http.StatusOK)(a.raw.ListAttempts(ctx, jobID, &api.ListAttemptsParams{Limit: &limit}))
	return list.Attempts, err
}

// CancelJob cancels a job, or asks its agent to.
func (a *API) CancelJob(ctx context.Context, id string) (api.Job, error) {
	return into[api.Job](http.StatusOK)(a.raw.CancelJob(ctx, id))
}

// RetryJob queues a dead or cancelled job again.
func (a *API) RetryJob(ctx context.Context, id string) (api.Job, error) {
	return into[api.Job](http.StatusOK)(a.raw.RetryJob(ctx, id))
}
