package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

type call struct {
	method, path, query string
	header              http.Header
	body                string
}

// recorder answers with the given steps in turn, the last one for ever, and keeps what it was asked.
type recorder struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
	steps []http.HandlerFunc
}

func serve(t *testing.T, steps ...http.HandlerFunc) *recorder {
	t.Helper()
	r := &recorder{steps: steps}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		step := r.steps[min(len(r.calls), len(r.steps)-1)]
		r.calls = append(r.calls, call{q.Method, q.URL.Path, q.URL.RawQuery, q.Header, string(body)})
		r.mu.Unlock()
		step(w, q)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) seen() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

func (r *recorder) api(t *testing.T, change ...func(*Options)) *API {
	t.Helper()
	o := Options{URL: r.URL + "/live", Auth: Bearer("secret"), MaxElapsed: time.Minute}
	for _, c := range change {
		c(&o)
	}
	a, err := New(o)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

func reply(status int, kind, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const (
	jsonKind    = "application/json"
	problemKind = "application/problem+json"
)

var okJob = reply(200, jsonKind, `{"id":"j"}`)

func TestCallsCarryStageTokenAndKey(t *testing.T) {
	t.Parallel()
	r := serve(t, reply(201, jsonKind, `{"id":"f"}`))
	f, err := r.api(t).CreateFile(t.Context(), api.NewFile{Name: "x"})
	require.NoError(t, err)
	require.Equal(t, "f", f.Id)
	c := r.seen()[0]
	require.Equal(t, "/live/v1/files", c.path)
	require.Equal(t, "Bearer secret", c.header.Get("Authorization"))
	require.NotEmpty(t, c.header.Get("Idempotency-Key"))
	require.Equal(t, "application/json", c.header.Get("Content-Type"))
	require.Contains(t, c.body, `"part_digests":[]`, "null is not a list")
}

func TestRetries(t *testing.T) {
	t.Parallel()
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "{")
		panic(http.ErrAbortHandler)
	}
	create := func(a *API) error { _, err := a.CreateFile(context.Background(), api.NewFile{}); return err }
	get := func(a *API) error { _, err := a.GetJob(context.Background(), "j"); return err }
	token := func(a *API) error { _, err := a.CreateToken(context.Background(), api.NewToken{}); return err }
	retry := func(a *API) error { _, err := a.RetryJob(context.Background(), "j"); return err }
	heartbeat := func(a *API) error {
		_, err := a.Heartbeat(context.Background(), "a", api.Heartbeat{}, time.Second)
		return err
	}
	for name, c := range map[string]struct {
		call  func(*API) error
		step  http.HandlerFunc
		again bool
	}{
		"GET, 503":                             {get, reply(503, problemKind, `{}`), true},
		"GET, 502 of a gateway":                {get, reply(502, "text/html", `<html>`), true},
		"GET, 500":                             {get, reply(500, problemKind, `{}`), true},
		"GET, 429":                             {get, reply(429, problemKind, `{}`), true},
		"GET, 409 with Retry-After":            {get, reply(409, problemKind, `{}`, "Retry-After", "0"), true},
		"GET, 409":                             {get, reply(409, problemKind, `{}`), false},
		"GET, 404":                             {get, reply(404, problemKind, `{}`), false},
		"GET, 400":                             {get, reply(400, problemKind, `{}`), false},
		"GET, 403":                             {get, reply(403, jsonKind, `{}`), false},
		"GET, 501":                             {get, reply(501, problemKind, `{}`), false},
		"GET, connection broken":               {get, abort, true},
		"GET, body broken off":                 {get, cut, true},
		"POST with key, connection broken":     {create, abort, true},
		"POST with key, 500":                   {create, reply(500, problemKind, `{}`), true},
		"POST without key, connection broken":  {token, abort, false},
		"POST without key, 500":                {token, reply(500, problemKind, `{}`), false},
		"POST without key, 503 and a time":     {retry, reply(503, problemKind, `{}`, "Retry-After", "0"), true},
		"POST without key, 504 of a gateway":   {retry, reply(504, jsonKind, `{"message":"Endpoint request timed out"}`), false},
		"heartbeats are repeated by the agent": {heartbeat, reply(503, problemKind, `{}`, "Retry-After", "0"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := serve(t, c.step, c.step, reply(200, jsonKind, `{}`))
			_ = c.call(r.api(t))
			require.Equal(t, c.again, len(r.seen()) > 1, "%d calls", len(r.seen()))
			if c.again {
				require.Len(t, r.seen(), 3)
				require.Equal(t, r.seen()[0].header.Get("Idempotency-Key"), r.seen()[2].header.Get("Idempotency-Key"))
				require.Equal(t, r.seen()[0].body, r.seen()[2].body)
			}
		})
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	r := serve(t, reply(503, problemKind, `{}`, "Retry-After", "1"), okJob)
	begun := time.Now()
	_, err := r.api(t).GetJob(t.Context(), "j")
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begun), time.Second)
}

func TestRetriesEnd(t *testing.T) {
	t.Parallel()
	r := serve(t, reply(503, problemKind, `{"title":"Service Unavailable","detail":"draining"}`, "Retry-After", "0"))
	_, err := r.api(t).GetJob(t.Context(), "j")
	require.EqualError(t, err, "503 Service Unavailable: draining")
	require.Len(t, r.seen(), 5)

	r = serve(t, reply(503, problemKind, `{}`, "Retry-After", "3600"))
	_, err = r.api(t).GetJob(t.Context(), "j")
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, time.Hour, e.RetryAfter)
	require.Len(t, r.seen(), 1, "nobody waits an hour")
}

func TestTryTimesOut(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	r := serve(t, hang, okJob)
	_, err := r.api(t, func(o *Options) { o.Timeout = 500 * time.Millisecond }).GetJob(t.Context(), "j")
	require.NoError(t, err)
	require.Greater(t, len(r.seen()), 1)

	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("stopped")
	time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
	_, err = serve(t, hang).api(t).GetJob(ctx, "j")
	require.ErrorIs(t, err, why)
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step http.HandlerFunc
		want string
	}{
		"problem": {
			reply(422, problemKind, `{"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"2 jobs",
				"errors":[{"pointer":"/jobs/1","detail":"unknown file"},{"detail":"x"}],"trace_id":"t1"}`),
			"422 Unprocessable Entity: 2 jobs; /jobs/1: unknown file; x (trace t1)",
		},
		"API Gateway": {
			reply(403, jsonKind, `{"message":"Missing Authentication Token"}`, "X-Amzn-Requestid", "r1"),
			"403 Forbidden: Missing Authentication Token (request r1)",
		},
		"API Gateway, IAM": {reply(403, jsonKind, `{"Message":"User: x is not authorized"}`), "403 Forbidden: User: x is not authorized"},
		"load balancer":    {reply(413, "text/html", `<html>413</html>`), "413 Request Entity Too Large"},
		"broken problem":   {reply(400, problemKind, `{`), "400 Bad Request"},
		"wrong status in the body": {
			reply(404, problemKind, `{"title":"Fine","status":200}`), "404 Fine",
		},
		"text":  {reply(400, "text/plain; charset=utf-8", "go\naway\n"), "400 Bad Request: go away"},
		"empty": {reply(401, "", ""), "401 Unauthorized"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := serve(t, c.step).api(t).GetJob(t.Context(), "j")
			require.EqualError(t, err, c.want)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, e.Status, e.Problem.Status)
			require.Equal(t, e.Status, StatusOf(err))
		})
	}
}

func TestContentIsNotFollowed(t *testing.T) {
	t.Parallel()
	r := serve(t, reply(307, "", "", "Location", "https://bucket/x?sig=1"))
	u, err := r.api(t).ContentURL(t.Context(), "f")
	require.NoError(t, err)
	require.Equal(t, "https://bucket/x?sig=1", u)
	require.Len(t, r.seen(), 1)
}

func TestPages(t *testing.T) {
	t.Parallel()
	r := serve(t,
		reply(200, jsonKind, `{"files":[{"id":"a"},{"id":"b"}],"next_page_token":"T"}`), reply(200, jsonKind, `{"files":[{"id":"c"}]}`))
	var ids []string
	for f, err := range r.api(t).Files(t.Context(), FileFilter{State: api.FileStateReady, Name: "a b/c"}) {
		require.NoError(t, err)
		ids = append(ids, f.Id)
	}
	require.Equal(t, []string{"a", "b", "c"}, ids)
	require.Contains(t, r.seen()[0].query, "state=ready")
	require.NotContains(t, r.seen()[0].query, "page_token")
	require.Contains(t, r.seen()[1].query, "page_token=T")
}

// A backend that is older than content URLs refuses to be asked for them, and is not asked again.
func TestPagesOfAnOlderBackend(t *testing.T) {
	t.Parallel()
	r := serve(t, reply(400, problemKind, `{"title":"no such parameter","status":400}`),
		reply(200, jsonKind, `{"files":[{"id":"a"}],"next_page_token":"T"}`), reply(200, jsonKind, `{"files":[{"id":"b"}]}`))
	var ids []string
	for f, err := range r.api(t).Files(t.Context(), FileFilter{ContentURLs: func() bool { return true }}) {
		require.NoError(t, err)
		ids = append(ids, f.Id)
	}
	require.Equal(t, []string{"a", "b"}, ids)
	require.Contains(t, r.seen()[0].query, "content_urls=true")
	for _, c := range r.seen()[1:] {
		require.NotContains(t, c.query, "content_urls")
	}
}

// The signature is recomputed from what arrived: method, path, query, signed headers and body.
func TestSigV4(t *testing.T) {
	t.Parallel()
	creds := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "SECRET", SessionToken: "SESSION"}
	r := serve(t, reply(503, problemKind, `{}`, "Retry-After", "0"), reply(200, jsonKind, `{"leases":[]}`))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	auth := NewSigV4(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil }), "eu-central-1")
	auth.Now = func() time.Time { return now }
	a := r.api(t, func(o *Options) { o.Auth = auth })
	_, err := a.PutOutcome(t.Context(), "0198b2f4-0000-7000-8000-000000000000", api.Outcome{Status: api.OutcomeStatusReleased})
	require.NoError(t, err)
	for _, err := range a.Files(t.Context(), FileFilter{Name: "ä b&c"}) {
		_ = err // the answer is of another kind; what counts is the request
		break
	}
	require.Len(t, r.seen(), 3, "the second try is signed as well")
	for _, c := range r.seen() {
		got := c.header.Get("Authorization")
		require.True(t, strings.HasPrefix(got, "AWS4-HMAC-SHA256 Credential=AKID/20260102/eu-central-1/execute-api/aws4_request, "), got)
		require.Equal(t, "SESSION", c.header.Get("X-Amz-Security-Token"))
		again, err := http.NewRequest(c.method, r.URL+c.path+"?"+c.query, strings.NewReader(c.body))
		require.NoError(t, err)
		_, signed, _ := strings.Cut(got, "SignedHeaders=")
		signed, _, _ = strings.Cut(signed, ",")
		for _, h := range strings.Split(signed, ";") {
			if h != "host" && h != "content-length" {
				again.Header[http.CanonicalHeaderKey(h)] = c.header[http.CanonicalHeaderKey(h)]
			}
		}
		sum := sha256.Sum256([]byte(c.body))
		again.Header.Del("Authorization")
		require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), creds, again, hex.EncodeToString(sum[:]), "execute-api", "eu-central-1", now))
		require.Equal(t, again.Header.Get("Authorization"), got)
	}
}

func TestSigV4WithoutCredentials(t *testing.T) {
	t.Parallel()
	r := serve(t, okJob)
	auth := NewSigV4(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no role")
	}), "eu-central-1")
	_, err := r.api(t, func(o *Options) { o.Auth = auth; o.MaxTries = 1 }).GetJob(t.Context(), "j")
	require.ErrorContains(t, err, "no role")
	require.Empty(t, r.seen())
}

func TestNewRefusesURLs(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "x", "ftp://x", "https://", "https://u:p@x", "https://x?a=b", "https://x#y"} {
		_, err := New(Options{URL: u})
		require.Error(t, err, u)
	}
}

func TestFullJitter(t *testing.T) {
	t.Parallel()
	b := FullJitter(time.Second, 4*time.Second)
	for i := range 100 {
		limit := min(4*time.Second, time.Second<<min(i, 10))
		d := b.NextBackOff()
		require.GreaterOrEqual(t, d, time.Duration(0))
		require.LessOrEqual(t, d, limit)
	}
}
