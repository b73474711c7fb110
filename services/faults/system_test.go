package faults

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/client"
	"scalable-backend/services/internal/servers"
	"scalable-backend/services/internal/testenv"
)

// Lease times: nothing expires within the long one, though the machine be busy; the short one is for tests that wait for it.
const (
	longTTL  = "30s"
	shortTTL = "3s"
)

const (
	adminToken = "an-admin-token-of-the-tests"
	part       = 5 << 20 // the smallest that the API takes
)

// system is a deployment of its own: database, bucket, and proxies in front of them when asked for.
type system struct {
	t        *testing.T
	database string
	s3       testenv.S3
	env      map[string]string // of its backends
	url      string            // of the backend that was started last
}

func newSystem(t *testing.T) *system { return newSystemOn(t, testenv.Database(t)) }

func newSystemOn(t *testing.T, database string) *system {
	t.Helper()
	s := &system{t: t, database: database, s3: testenv.Bucket(t)}
	s.env = map[string]string{
		"BACKEND_PUBLIC_ADDR": "127.0.0.1:0", "BACKEND_GATEWAY_ADDR": "127.0.0.1:0", "BACKEND_STACK": "faults",
		"BACKEND_DATABASE_URL": s.database, "BACKEND_ADMIN_TOKEN": adminToken, "BACKEND_RATE_LIMIT": "0",
		"BACKEND_S3_ENDPOINT": s.s3.Endpoint, "BACKEND_BUCKET": s.s3.Bucket, "AWS_REGION": s.s3.Region,
		"AWS_ACCESS_KEY_ID": s.s3.AccessKey, "AWS_SECRET_ACCESS_KEY": s.s3.SecretKey,
		"BACKEND_DRAIN_TIMEOUT": "4s", "BACKEND_SWEEP_INTERVAL": "200ms", "BACKEND_LEASE_TTL": longTTL,
	}
	return s
}

// proxy puts a proxy in front of a URL's host and returns it with the URL that leads through it.
func (s *system) proxy(to string) (*servers.Proxy, string) {
	s.t.Helper()
	t, err := toxiproxy()
	require.NoError(s.t, err)
	u, err := url.Parse(to)
	require.NoError(s.t, err)
	p, err := t.Proxy(s.t.Context(), fmt.Sprintf("p%x", rand.Uint64()), u.Host)
	require.NoError(s.t, err)
	u.Host = p.Addr
	return p, u.String()
}

// proxyS3 has the backends, and so the agents, reach the bucket through a proxy.
func (s *system) proxyS3() *servers.Proxy {
	s.t.Helper()
	p, through := s.proxy(s.s3.Endpoint)
	s.env["BACKEND_S3_ENDPOINT"] = through
	return p
}

// slow keeps downloads going for a while: so many KiB/s on each connection.
func (s *system) slow(p *servers.Proxy, rate int) {
	s.t.Helper()
	require.NoError(s.t, p.Add(s.t.Context(), "bandwidth", "downstream", map[string]any{"rate": rate}))
}

// fast undoes slow, and Cut.
func (s *system) fast(p *servers.Proxy) {
	s.t.Helper()
	require.NoError(s.t, p.Remove(s.t.Context(), "bandwidth", "downstream"))
	require.NoError(s.t, p.Mend(s.t.Context()))
}

// afresh is fast for when a connection may be there that nobody reads from: it would hold up the change.
func (s *system) afresh(p *servers.Proxy) {
	s.t.Helper()
	require.NoError(s.t, p.Cut(s.t.Context()))
	s.fast(p)
}

// begin starts a backend without waiting for it.
func (s *system) begin(change map[string]string) *program {
	s.t.Helper()
	env := maps.Clone(s.env)
	maps.Copy(env, change)
	return launch(s.t, "backend", exec.Command(binary(s.t, "backend")), env)
}

// backend starts a backend and waits until it serves.
func (s *system) backend(change map[string]string) *program {
	s.t.Helper()
	p := s.begin(change)
	s.url = doors(p)["public"]
	return p
}

// doors waits until a backend serves and returns the URLs of its doors.
func doors(p *program) map[string]string {
	p.t.Helper()
	open := map[string]string{}
	for i := range 2 {
		line := p.await("listening", i+1)
		open[line["door"].(string)] = "http://" + line["addr"].(string)
	}
	return open
}

// agentEnv is the environment of an agent that keeps its files in dir.
func (s *system) agentEnv(dir string) map[string]string {
	return map[string]string{
		"AGENT_API_URL": s.url, "AGENT_TOKEN": adminToken, "AGENT_DATA_DIR": dir, "AGENT_INSECURE_SOURCES": "true",
		"AGENT_HEALTH_FILE": filepath.Join(dir, "health"), "AGENT_STOP_TIMEOUT": "10s", "AGENT_LOG_LEVEL": "debug",
	}
}

func (s *system) agent(dir string, change map[string]string) *program {
	s.t.Helper()
	env := s.agentEnv(dir)
	maps.Copy(env, change)
	p := launch(s.t, "agent", exec.Command(binary(s.t, "agent"), "run"), env)
	p.await("agent started", 1)
	return p
}

func (s *system) client() *client.API {
	s.t.Helper()
	c, err := client.New(client.Options{URL: s.url, Auth: client.Bearer(adminToken)})
	require.NoError(s.t, err)
	s.t.Cleanup(c.Close)
	return c
}

// object is a file in the catalogue and its bytes.
type object struct {
	api.File
	body []byte
}

// upload stores a file.
func (s *system) upload(size int) object {
	s.t.Helper()
	c, ctx := s.client(), s.t.Context()
	body := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size), byte(size >> 8)}).Read(body)
	n := api.NewFile{Name: "f", Size: int64(size), PartSize: part, Sha256: hash(body)}
	for from := 0; from < size; from += part {
		n.PartDigests = append(n.PartDigests, hash(body[from:min(from+part, size)]))
	}
	file, err := c.CreateFile(ctx, n)
	require.NoError(s.t, err)
	up, err := c.CreateUpload(ctx, file.Id)
	require.NoError(s.t, err)
	page, err := c.UploadParts(ctx, file.Id, up.Id, 1000, "")
	require.NoError(s.t, err)
	for i, p := range page.Parts {
		require.NotNil(s.t, p.Url)
		s.put(*p.Url, *p.Headers, body[i*part:min((i+1)*part, size)])
	}
	file, err = c.CompleteUpload(ctx, file.Id, up.Id)
	require.NoError(s.t, err)
	return object{file, body}
}

func (s *system) put(to string, header map[string]string, body []byte) {
	s.t.Helper()
	q, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, to, bytes.NewReader(body))
	require.NoError(s.t, err)
	for key, value := range header {
		q.Header.Set(key, value)
	}
	resp, err := http.DefaultClient.Do(q)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	require.Equal(s.t, 200, resp.StatusCode, string(text))
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// submit makes a job that delivers to dest.
func (s *system) submit(o object, dest string) api.Job {
	s.t.Helper()
	jobs, err := s.client().CreateJobs(s.t.Context(), []api.NewJob{{FileId: o.Id, Dest: &dest}})
	require.NoError(s.t, err)
	return s.job(jobs[0].Job.Id)
}

func (s *system) job(id string) api.Job {
	s.t.Helper()
	job, err := s.client().GetJob(s.t.Context(), id)
	require.NoError(s.t, err)
	return job
}

// until waits for a job to be as wanted.
func (s *system) until(id, what string, want func(api.Job) bool) api.Job {
	s.t.Helper()
	c := s.client()
	deadline := time.Now().Add(patience)
	var job api.Job
	for time.Now().Before(deadline) {
		ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
		got, err := c.GetJob(ctx, id)
		cancel()
		if err == nil {
			if job = got; want(job) {
				return job
			}
			require.NotContains(s.t, []api.JobState{api.JobStateDead, api.JobStateCancelled}, job.State, "%+v", job.Problem)
		}
		time.Sleep(25 * time.Millisecond)
	}
	require.Fail(s.t, "the job is not "+what, "%+v", job)
	return job
}

func (s *system) succeeded(id string) api.Job {
	s.t.Helper()
	return s.until(id, "succeeded", func(j api.Job) bool { return j.State == api.JobStateSucceeded })
}

// moving waits until the agents have told of bytes of a job.
func (s *system) moving(id string) api.Job {
	s.t.Helper()
	return s.until(id, "moving", func(j api.Job) bool { return j.State == api.JobStateLeased && j.BytesDone > 0 })
}

// get makes a request on a connection of its own and returns the answer.
func (s *system) get(path string) (*http.Response, error) { return s.request(http.MethodGet, path) }

func (s *system) post(path string) (*http.Response, error) { return s.request(http.MethodPost, path) }

func (s *system) request(method, path string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(q)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp, err
}

// served makes a request until it is answered with 200. On a busy machine the database may be too slow for it at times; every other
// answer is an error.
func (s *system) served(path string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		began := time.Now()
		resp, err := s.get(path)
		if err != nil || resp.StatusCode == http.StatusOK {
			return err
		}
		text, err := io.ReadAll(resp.Body)
		if !unavailable(resp) || !slowDatabase(text, time.Since(began)) || time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("GET %s answered %d %s", path, resp.StatusCode, text), err)
		}
	}
}

// slowDatabase reports whether a request was refused because the database took too long for it: a refusal at once has another reason,
// such as a backend that ends and closes its connections too early.
func slowDatabase(body []byte, took time.Duration) bool {
	const least = 2 * time.Second // less than each of the backend's limits
	return took >= least && bytes.Contains(body, []byte(`"detail":"the database `))
}

// unavailable reports whether an answer says in the API's own form that the caller may try again later.
func unavailable(resp *http.Response) bool {
	return resp.StatusCode == 503 && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") &&
		resp.Header.Get("Retry-After") != ""
}
