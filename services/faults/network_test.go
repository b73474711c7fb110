package faults

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
)

// lane is an HTTP proxy in front of a backend which treats the first answers to one operation badly.
type lane struct {
	*httptest.Server

	mu    sync.Mutex
	op    string // METHOD and the end of the path
	times int
	hit   int
	spoil func(w http.ResponseWriter) bool // true: it has answered, and the backend hears nothing
}

// newLane returns a proxy that spoils some requests: before the backend has heard of them if spoil answers; otherwise the
// backend does what it is asked for, and its answer is lost with the connection.
func newLane(t *testing.T, backend, op string, times int, spoil func(w http.ResponseWriter) bool) *lane {
	t.Helper()
	to, err := url.Parse(backend)
	require.NoError(t, err)
	l := &lane{op: op, times: times, spoil: spoil}
	proxy := httputil.NewSingleHostReverseProxy(to)
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !l.strikes(r) {
			proxy.ServeHTTP(w, r)
			return
		}
		if l.spoil(w) {
			return
		}
		proxy.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *lane) strikes(r *http.Request) bool {
	method, path, _ := strings.Cut(l.op, " ")
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Method != method || !strings.HasSuffix(r.URL.Path, path) || l.hit == l.times {
		return false
	}
	l.hit++
	return true
}

func (l *lane) struck() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hit
}

// The answer to each call of an agent is lost, though the backend has done what was asked for: the job is done all the same,
// with one lease and without a failure.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for name, op := range map[string]string{
		"lease": "POST /v1/leases", "heartbeat": "POST /heartbeats", "outcome": "PUT /outcome",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A system of its own, so that each agent has but one job to take.
			s := newSystem(t)
			s3 := s.proxyS3()
			s.backend(nil)
			o := s.upload(2 * part)
			s.slow(s3, 512) // there is time for two heartbeats
			l := newLane(t, s.url, op, 2, func(http.ResponseWriter) bool { return false })
			job := s.submit(o, "f")
			dir := t.TempDir()
			agent := s.agent(dir, map[string]string{"AGENT_API_URL": l.URL})
			job = s.succeeded(job.Id)
			agent.await("lease ended", 1)
			delivered(t, dir, "f", o)
			require.Equal(t, 2, l.struck(), "the fault did strike")
			require.Zero(t, job.Failures)
			require.Equal(t, "succeeded", s.ends(job.Id)[len(s.ends(job.Id))-1])
			s.once(job.Id)
			if name != "lease" { // an agent whose request is cut may have its lease given back and granted anew
				require.Equal(t, 1, job.Grants)
			}
		})
	}
}

// API Gateway answers in forms of its own when it is in trouble: no problem documents, no JSON at all. The agent decides by
// status, waits, and goes on.
func TestNonProblemAnswersOfTheGateway(t *testing.T) {
	t.Parallel()
	answers := map[string]func(w http.ResponseWriter) bool{
		"500 JSON": answer(500, "application/json", `{"message": "Internal server error"}`),
		"502 HTML": answer(502, "text/html", "<html><body>Bad Gateway</body></html>"),
		"504 JSON": answer(504, "application/json", `{"message": "Endpoint request timed out"}`),
		"429 JSON": answer(429, "application/json", `{"message": "Too Many Requests"}`),
		"403 JSON": answer(403, "application/json", `{"message": "The security token included in the request is expired"}`),
		"503 void": answer(503, "", ""),
	}
	s := newSystem(t)
	s.backend(nil)
	o := s.upload(1000)
	dir := t.TempDir()
	for name, spoil := range answers {
		// One after the other: each agent shall meet the fault with the one job that there is.
		leases := newLane(t, s.url, "POST /v1/leases", 1, spoil)
		outcomes := newLane(t, leases.URL, "PUT /outcome", 1, spoil)
		job := s.submit(o, strings.ReplaceAll(name, " ", "-"))
		agent := s.agent(dir, map[string]string{"AGENT_API_URL": outcomes.URL})
		job = s.succeeded(job.Id)
		agent.await("lease ended", 1)
		require.Equal(t, 1, leases.struck(), name)
		require.Equal(t, 1, outcomes.struck(), name)
		require.Zero(t, job.Failures, name)
		s.once(job.Id)
		delivered(t, dir, job.Dest, o)
		agent.kill()
	}
}

func answer(status int, kind, body string) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		w.Header()["Content-Type"] = []string{kind}
		w.WriteHeader(status)
		_, _ = io.Copy(w, bytes.NewBufferString(body))
		return true
	}
}

// The way to the backend is cut for longer than a lease lives. The agent gives the lease up by itself; the job comes back and
// is done once the way is mended.
func TestAgentIsCutOffFromTheBackend(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.env["BACKEND_LEASE_TTL"] = shortTTL
	s3 := s.proxyS3()
	s.backend(nil)
	o := s.upload(2 * part)
	s.slow(s3, 128) // nothing ends by itself
	job := s.submit(o, "f")
	way, through := s.proxy(s.url)
	dir := t.TempDir()
	agent := s.agent(dir, map[string]string{"AGENT_API_URL": through})
	s.moving(job.Id)
	// A black hole, which tells nobody that anything is wrong.
	require.NoError(t, way.Add(t.Context(), "timeout", "downstream", map[string]any{"timeout": 0}))
	require.NoError(t, way.Add(t.Context(), "timeout", "upstream", map[string]any{"timeout": 0}))
	agent.await("lease lost: nothing is reported", 1)
	notDelivered(t, dir, "f")
	s.until(job.Id, "queued again", func(j api.Job) bool { return j.State == api.JobStateQueued })
	s.fast(s3)
	require.NoError(t, way.Cut(t.Context())) // what is stuck in the hole never comes out
	require.NoError(t, way.Remove(t.Context(), "timeout", "downstream"))
	require.NoError(t, way.Remove(t.Context(), "timeout", "upstream"))
	require.NoError(t, way.Mend(t.Context()))
	s.succeeded(job.Id)
	agent.await("lease ended", 1)
	delivered(t, dir, "f", o)
	s.expired(job.Id)
}

// The bucket cannot be reached for a while, in the middle of a download and of the backend's own calls.
func TestBucketIsCutOff(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s3 := s.proxyS3()
	s.backend(nil)
	o := s.upload(3 * part)
	s.slow(s3, 128)
	job := s.submit(o, "f")
	dir := t.TempDir()
	agent := s.agent(dir, nil)
	agent.await("lease begun", 1)
	require.NoError(t, s3.Cut(t.Context()))
	agent.await("try failed", 1)
	s.fast(s3) // and mended
	s.succeeded(job.Id)
	s.once(job.Id)
	agent.await("lease ended", 1)
	delivered(t, dir, "f", o)

	c, digest := s.client(), hash([]byte("x"))
	require.NoError(t, s3.Cut(t.Context()))
	file, err := c.CreateFile(t.Context(), api.NewFile{Name: "g", Size: 1, PartSize: part, Sha256: digest, PartDigests: []string{digest}})
	require.NoError(t, err, "the catalogue needs no bucket")
	resp, err := s.post("/v1/files/" + file.Id + "/uploads")
	require.NoError(t, err)
	require.True(t, unavailable(resp), "%d %v", resp.StatusCode, resp.Header)
	require.NoError(t, s3.Mend(t.Context()))
	_, err = c.CreateUpload(t.Context(), file.Id)
	require.NoError(t, err)
}
