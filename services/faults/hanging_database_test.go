package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/internal/servers"
)

// answerLimit is the 5 s within which every request is answered, whatever the database does, and what a busy machine adds.
const answerLimit = 15 * time.Second

// A proxy takes everything and passes nothing on, as when a primary fails over or a firewall forgot a connection. Once more with
// the server itself: all its processes are stopped in the middle of what they do.
func TestDatabaseIsCutOff(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	db, through := s.proxy(s.database)
	s.backend(map[string]string{"BACKEND_DATABASE_URL": through})
	s.hangs(
		func() error { return db.Add(t.Context(), "timeout", "downstream", map[string]any{"timeout": 0}) },
		func() error {
			// A connection that was made meanwhile stays dead: the server's greeting is lost.
			return db.Remove(t.Context(), "timeout", "downstream")
		})
}

func TestDatabaseIsFrozen(t *testing.T) {
	t.Parallel()
	postgres, err := servers.StartPostgres(t.Context(), filepath.Join(shared.dir, "frozen"))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = postgres.Thaw() // of a test that failed: a frozen server would not stop
		require.NoError(t, postgres.Remove())
	})
	require.NoError(t, postgres.CreateDatabase(t.Context(), "backend"))
	s := newSystemOn(t, postgres.URL("backend"))
	s.backend(nil)
	s.hangs(postgres.Freeze, postgres.Thaw)
}

// hangs makes requests of all kinds while the database hangs: each is answered in time, with 503 and Retry-After. Health checks do
// not notice. Seconds after the database the backend is well again, by itself.
func (s *system) hangs(begin, end func() error) {
	s.t.Helper()
	t := s.t
	o := s.upload(1000)
	warm := func() error { // so that there are connections that will hang
		var load errgroup.Group
		for range 20 {
			load.Go(func() error { _, err := s.get("/v1/stats"); return err })
		}
		return load.Wait()
	}
	require.NoError(t, warm())
	require.NoError(t, begin())
	var load errgroup.Group
	slowest := make(chan time.Duration, 100)
	for range 3 {
		for _, r := range s.kinds(o) {
			load.Go(func() error {
				began := time.Now()
				resp, err := s.send(r.method, r.path, r.body)
				if err == nil && !unavailable(resp) {
					err = fmt.Errorf("%s %s answered %d", r.method, r.path, resp.StatusCode)
				}
				slowest <- time.Since(began)
				return err
			})
		}
	}
	resp, err := s.get("/healthz")
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	require.NoError(t, load.Wait())
	close(slowest)
	longest := time.Duration(0)
	for took := range slowest {
		longest = max(longest, took)
	}
	t.Logf("the slowest answer took %s", longest.Round(time.Millisecond))
	require.Less(t, longest, answerLimit)

	require.NoError(t, end())
	began := time.Now()
	require.Eventually(t, func() bool { return warm() == nil && s.well() }, patience, 10*time.Millisecond)
	t.Logf("well again after %s", time.Since(began).Round(time.Millisecond))
	require.Less(t, time.Since(began), 2*answerLimit)
}

// well reports whether twenty requests at once are served.
func (s *system) well() bool {
	var load errgroup.Group
	for range 20 {
		load.Go(func() error {
			resp, err := s.get("/v1/stats")
			if err == nil && resp.StatusCode != http.StatusOK {
				err = fmt.Errorf("%d", resp.StatusCode)
			}
			return err
		})
	}
	return load.Wait() == nil
}

type kind struct {
	method, path string
	body         any
}

// kinds are requests that need the database, one of each way through the code.
func (s *system) kinds(o object) []kind {
	id := "00000000-0000-4000-8000-000000000001"
	return []kind{
		{"GET", "/readyz", nil},
		{"GET", "/v1/stats", nil},
		{"GET", "/v1/files", nil},
		{"GET", "/v1/files/" + o.Id, nil},
		{"GET", "/v1/files/" + o.Id + "/content", nil},
		{"POST", "/v1/files/" + o.Id + "/uploads", nil},
		{"PUT", "/v1/files/" + o.Id + "/uploads/" + id + "/completion", nil},
		{"DELETE", "/v1/files/" + o.Id, nil},
		{"POST", "/v1/jobs", map[string]any{"jobs": []any{map[string]any{"file_id": o.Id}}}},
		{"POST", "/v1/leases", map[string]any{"agent_id": id, "max": 1, "wait_s": 20}},
		{"POST", "/v1/agents/" + id + "/heartbeats", map[string]any{"leases": []any{}}},
		{"PUT", "/v1/leases/" + id + "/outcome", map[string]any{"status": "released"}},
		{"POST", "/v1/tokens", map[string]any{"name": "x", "scopes": []string{"jobs"}}},
	}
}

// send makes a request with a body on a connection of its own.
func (s *system) send(method, path string, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	reader := io.Reader(bytes.NewReader(text))
	if body == nil {
		reader = nil
	}
	q, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, reader)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer "+adminToken)
	q.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(q)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	return resp, err
}
