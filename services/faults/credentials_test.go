package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rotating hands out credentials as a container's endpoint does, and stands in for a gateway that knows the current key alone.
type rotating struct {
	backend http.Handler

	mu   sync.Mutex
	key  string
	used map[string]bool // keys with which a request was let in
}

// rotate makes the keys of before worthless.
func (r *rotating) rotate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.key = fmt.Sprintf("AKIAROTATION%d", len(r.used))
}

func (r *rotating) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	key := r.key
	known := strings.Contains(q.Header.Get("Authorization"), key+"/")
	if known {
		r.used[key] = true
	}
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case q.URL.Path == "/credentials":
		_ = json.NewEncoder(w).Encode(map[string]string{
			// They end so soon that they are asked for again and again, as those of a task are in the end.
			"AccessKeyId": key, "SecretAccessKey": "secret of " + key, "Token": "",
			"Expiration": time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339),
		})
	case !known:
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"message": "The security token included in the request is invalid."}`))
	default:
		q.Header.Set("X-Gateway-Caller", "arn:aws:sts::000000000000:assumed-role/agents/agent")
		r.backend.ServeHTTP(w, q)
	}
}

// The agent's AWS credentials are replaced while it works on a job, and the old ones are refused from then on: the job is done
// with the new ones, in one lease.
func TestAgentCredentialsRotate(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s3 := s.proxyS3()
	backend := s.backend(nil)
	door, err := url.Parse(doors(backend)["gateway"])
	require.NoError(t, err)
	r := &rotating{used: map[string]bool{}, backend: httputil.NewSingleHostReverseProxy(door)}
	r.rotate()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	o := s.upload(2 * part)
	s.slow(s3, 1<<10)
	job := s.submit(o, "f")
	dir := t.TempDir()
	agent := s.agent(dir, map[string]string{
		"AGENT_API_URL": server.URL + "/live", "AGENT_AUTH": "sigv4", "AGENT_TOKEN": "", "AWS_REGION": s.s3.Region,
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL + "/credentials",
	})
	agent.await("lease begun", 1)
	r.rotate()
	job = s.succeeded(job.Id)
	agent.await("lease ended", 1)
	delivered(t, dir, "f", o)
	require.Equal(t, 1, job.Grants)
	require.Zero(t, job.Failures)
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Len(t, r.used, 2)
}
