package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A simulated agent waits when there is nothing, repeats what was refused, and reports each job that it got.
func TestASimulatedAgent(t *testing.T) {
	type call struct {
		path  string
		waitS float64
	}
	var (
		mu    sync.Mutex
		calls []call
	)
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		waitS, _ := body["wait_s"].(float64)
		calls = append(calls, call{r.Method + " " + r.URL.Path, waitS})
		answer := `{"leases": []}`
		switch len(calls) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3, 5:
			answer = `{"leases": [{"lease_id": "l1", "file": {"size": 7, "sha256": "ab"}}]}`
		case 4, 6:
			answer = `{"state": "succeeded"}`
			if body["sha256"] != "ab" || body["bytes"] != 7.0 {
				t.Errorf("the outcome was %v", body)
			}
			if len(calls) == 6 {
				close(done)
			}
		}
		_, _ = w.Write([]byte(answer)) // the client notices
	}))
	defer server.Close()
	s := &simulation{url: server.URL, client: server.Client(), done: done, stop: func() {}}
	require.NoError(t, s.agent(t.Context(), 0))
	require.Equal(t, []call{
		{"POST /v1/leases", 0}, {"POST /v1/leases", 0}, // refused, and once more: nothing
		{"POST /v1/leases", waitLong}, {"PUT /v1/leases/l1/outcome", 0},
		{"POST /v1/leases", 0}, {"PUT /v1/leases/l1/outcome", 0},
	}, calls)
	var row crewRow
	row.read(s, 2*time.Second)
	require.Equal(t, []int{1, 1, 1, 0}, []int{row.Claims, row.Empty, row.Refused, row.Silent}) // a claim that waited is not timed
	require.InDelta(t, 1, row.Rate, 1e-9)
}

// An answer that is none ends the simulation for all agents.
func TestASimulationEndsAtAnError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, strings.Repeat("x", 1000), http.StatusConflict)
	}))
	defer server.Close()
	stopped := 0
	s := &simulation{url: server.URL, client: server.Client(), done: make(chan struct{}), stop: func() { stopped++ }}
	for range 2 {
		s.failed(s.agent(t.Context(), 0))
	}
	require.ErrorContains(t, s.err, "POST /v1/leases: status 409: xxx")
	require.Less(t, len(s.err.Error()), 600)
	require.Equal(t, 1, stopped)
}

func TestPercentiles(t *testing.T) {
	var times []time.Duration
	for i := range 200 {
		times = append(times, time.Duration(200-i))
	}
	p50, p99 := percentiles(times)
	require.Equal(t, []time.Duration{101, 199}, []time.Duration{p50, p99})
	p50, p99 = percentiles(nil)
	require.Zero(t, p50+p99)
}
