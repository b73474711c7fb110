package httpapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
	"scalable-backend/services/backend/httpapi"
	"scalable-backend/services/backend/objectstore"
	"scalable-backend/services/backend/postgres"
	"scalable-backend/services/internal/conform"
	"scalable-backend/services/internal/leak"
	"scalable-backend/services/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(testenv.Run(m))) }

const (
	mib        = 1 << 20
	partSize   = 5 * mib
	adminToken = "an-admin-token-of-the-tests"
)

// bundle is one backend with both doors on a database and a bucket of its own.
type bundle struct {
	t       *testing.T
	store   *postgres.Store
	objects *objectstore.Store
	service *backend.Service
	api     *httpapi.API
	public  string
	gateway string
	client  *http.Client
}

type options struct {
	leaseTTL  time.Duration
	rateLimit int
	tracer    trace.TracerProvider
	log       io.Writer
}

func setup(t *testing.T, change ...func(*options)) *bundle {
	t.Helper()
	o := options{leaseTTL: time.Minute, log: io.Discard}
	for _, c := range change {
		c(&o)
	}
	const patience = time.Minute // no slow machine makes a call fail, nor takes a pause of the test for a gap between two sweeps
	store, err := postgres.Open(t.Context(), postgres.Options{
		URL: testenv.Database(t), MaxConns: 8, LeaseTTL: o.leaseTTL, SweepInterval: time.Hour, Tracer: o.tracer,
		CallTimeout: patience, StatementTimeout: patience, LockTimeout: patience, AcquireTimeout: patience, ConnectTimeout: patience,
	})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(t.Context()))
	s3 := testenv.Bucket(t)
	objects, err := objectstore.New(objectstore.Config{
		Bucket: s3.Bucket, Region: s3.Region, Endpoint: s3.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(s3.AccessKey, s3.SecretKey, ""),
	})
	require.NoError(t, err)
	t.Cleanup(objects.Close)
	b := &bundle{t: t, store: store, objects: objects}
	logger := slog.New(slog.NewTextHandler(o.log, nil))
	b.service = backend.NewService(store, objects, backend.ServiceConfig{LeaseTTL: o.leaseTTL, Wake: store.Wake, Logger: logger})
	a, err := httpapi.New(
		httpapi.Config{
			Service:   b.service,
			Secret:    []byte(adminToken),
			Stage:     "live",
			RateLimit: o.rateLimit,
			Version:   "test",
			Tracer:    o.tracer,
			Logger:    logger,
		},
	)
	require.NoError(t, err)
	b.api = a
	public, gateway := httptest.NewServer(a.Public()), httptest.NewServer(a.Gateway())
	t.Cleanup(public.Close)
	t.Cleanup(gateway.Close)
	b.public, b.gateway = public.URL, gateway.URL
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	b.client = &http.Client{
		Transport:     &conform.Transport{Report: t, Next: transport, Stage: "live"},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	require.NoError(t, store.EnsureToken(t.Context(), backend.Token{
		ID: uuid.MustParse("00000000-0000-4000-8000-000000000001"), Name: "admin",
		Scopes: []backend.Scope{backend.Admin, backend.FilesRead, backend.FilesWrite, backend.Jobs},
	}, sha256.Sum256([]byte(adminToken))))
	return b
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) into(t *testing.T, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(r.body, v), "%s", r.body)
}

// request is a call with everything that a test may want to get wrong.
type request struct {
	gateway bool
	method  string
	path    string
	token   string // "" means the admin's, "-" none
	header  http.Header
	body    any // nil, []byte or what is to be JSON
	ctx     context.Context
}

func (b *bundle) send(r request) (reply, error) {
	base := b.public
	if r.gateway {
		base = b.gateway
	}
	var body io.Reader
	switch v := r.body.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(v)
	case io.Reader:
		body = v
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return reply{}, err
		}
		body = bytes.NewReader(text)
	}
	ctx := r.ctx
	if ctx == nil {
		ctx = b.t.Context()
	}
	q, err := http.NewRequestWithContext(ctx, r.method, base+r.path, body)
	if err != nil {
		return reply{}, err
	}
	if r.body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	switch {
	case r.gateway && r.token == "":
		q.Header.Set("X-Gateway-Caller", "arn:aws:sts::123456789012:assumed-role/agent/1")
	case r.gateway || r.token == "-":
	case r.token == "":
		q.Header.Set("Authorization", "Bearer "+adminToken)
	default:
		q.Header.Set("Authorization", "Bearer "+r.token)
	}
	for name, values := range r.header {
		q.Header[name] = values
	}
	response, err := b.client.Do(q)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, text}, err
}

// do sends a request and wants a status.
func (b *bundle) do(want int, r request) reply {
	b.t.Helper()
	got, err := b.send(r)
	require.NoError(b.t, err)
	require.Equal(b.t, want, got.status, "%s %s: %s", r.method, r.path, got.body)
	return got
}

func (b *bundle) call(want int, method, path string, body any, into any) reply {
	b.t.Helper()
	got := b.do(want, request{method: method, path: path, body: body})
	if into != nil {
		got.into(b.t, into)
	}
	return got
}

func hexDigest(data []byte) string {
	d := sha256.Sum256(data)
	return hex.EncodeToString(d[:])
}

func describe(name string, data []byte) api.NewFile {
	f := api.NewFile{Name: name, Size: int64(len(data)), Sha256: hexDigest(data), PartSize: partSize, PartDigests: []string{}}
	for begin := 0; begin < len(data); begin += partSize {
		f.PartDigests = append(f.PartDigests, hexDigest(data[begin:min(begin+partSize, len(data))]))
	}
	return f
}

// register registers a file, begins an upload of it and returns both.
func (b *bundle) register(name string, data []byte) (api.File, api.Upload) {
	b.t.Helper()
	var file api.File
	b.call(201, "POST", "/v1/files", describe(name, data), &file)
	var upload api.Upload
	b.call(201, "POST", "/v1/files/"+file.Id+"/uploads", nil, &upload)
	return file, upload
}

func uploadPath(u api.Upload) string { return "/v1/files/" + u.FileId + "/uploads/" + u.Id }

// put PUTs the bytes of a part to its URL and returns S3's status.
func (b *bundle) put(part api.UploadPart, data []byte) int {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPut, *part.Url, bytes.NewReader(data))
	require.NoError(b.t, err)
	for name, value := range *part.Headers {
		r.Header.Set(name, value)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	require.NoError(b.t, err)
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(b.t, err)
	return response.StatusCode
}

func (b *bundle) putParts(u api.Upload, data []byte) {
	b.t.Helper()
	var page api.UploadPartPage
	b.call(200, "GET", uploadPath(u)+"/parts", nil, &page)
	for _, part := range page.Parts {
		require.False(b.t, part.Uploaded)
		require.Equal(b.t, 200, b.put(part, data[part.Offset:part.Offset+part.Size]))
	}
}

// ready makes a file that can be downloaded.
func (b *bundle) ready(name string, data []byte) api.File {
	b.t.Helper()
	_, upload := b.register(name, data)
	b.putParts(upload, data)
	var file api.File
	b.call(200, "PUT", uploadPath(upload)+"/completion", nil, &file)
	require.Equal(b.t, api.FileStateReady, file.State)
	return file
}

func (b *bundle) submit(files ...api.File) []api.SubmittedJob {
	b.t.Helper()
	var jobs api.NewJobs
	for _, f := range files {
		jobs.Jobs = append(jobs.Jobs, api.NewJob{FileId: f.Id})
	}
	var submitted api.SubmittedJobs
	b.call(201, "POST", "/v1/jobs", jobs, &submitted)
	return submitted.Jobs
}

func (b *bundle) lease(agent string, wait int) []api.Lease {
	b.t.Helper()
	var list api.LeaseList
	b.call(200, "POST", "/v1/leases", api.LeaseRequest{AgentId: agent, Max: 4, WaitS: &wait}, &list)
	return list.Leases
}

// token makes a token with scopes.
func (b *bundle) token(scopes ...api.Scope) string {
	b.t.Helper()
	var made api.CreatedToken
	b.call(201, "POST", "/v1/tokens", api.NewToken{Name: "test", Scopes: scopes}, &made)
	return made.Token
}

func problemOf(t *testing.T, r reply) api.Problem {
	t.Helper()
	var p api.Problem
	r.into(t, &p)
	return p
}
