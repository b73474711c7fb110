package server_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

// A longer run: go test -run TestLoad -v ./backend/server -args -load.for=2m
var (
	loadAgents = flag.Int("load.agents", 1000, "simulated agents")
	loadFor    = flag.Duration("load.for", 4*time.Second, "how long each half is measured: without and with half-open connections")
	loadJob    = flag.Duration("load.job", 30*time.Second, "the mean time that a job takes an agent")
)

// TestLoad runs agents at their natural rate against two backends: each claims a job, confirms it at once, renews it as often as
// it is told, and reports. No lease may be lost and no report refused, in the first half with the agents alone, in the second with
// as many connections that never finish their request. Where the machine is too slow agents repeat calls, as the real ones do; that
// time counts.
func TestLoad(t *testing.T) {
	shared := environ(
		t,
		map[string]string{
			"BACKEND_LOG_LEVEL":          "info",
			"BACKEND_LEASE_TTL":          "60s",
			"BACKEND_SWEEP_INTERVAL":     "5s",
			"BACKEND_DATABASE_MAX_CONNS": "20",
		},
	)
	backends := []*running{start(t, shared), start(t, shared)}
	// Enough for every agent, and for those that end in the time.
	l := &load{t: t, backends: backends, everybody: make(chan struct{}), coming: make(chan struct{}, 8), calls: map[string][]time.Duration{}}
	l.submit(*loadAgents*2 + int(loadRounds*3*float64(*loadAgents)*loadFor.Seconds()/loadJob.Seconds()))
	ctx, cancel := context.WithCancel(t.Context())
	var agents sync.WaitGroup
	defer agents.Wait()
	defer cancel()
	for i := range *loadAgents {
		agents.Go(func() { l.agent(ctx, i) })
	}
	require.Eventually(t, func() bool { return l.claimed.Load() >= int64(*loadAgents) }, 5*time.Minute, 10*time.Millisecond,
		"every agent works")
	close(l.everybody)

	// A machine that is busy with other things shifts both halves of a round, or one of them in some rounds. A backend that gives
	// half-open connections its time shifts one half of each round.
	for round := 1; ; round++ {
		alone := l.measure("alone")
		release := halfOpen(t, strings.TrimPrefix(backends[0].addr["gateway"], "http://"), *loadAgents)
		besieged := l.measure(fmt.Sprintf("with %d half-open connections", *loadAgents))
		release()
		require.NotZero(t, alone.count)
		require.NotZero(t, besieged.count)
		if most := 4*alone.p99 + 2*time.Second; besieged.p99 < most || round == loadRounds {
			require.Less(t, besieged.p99, most, "in none of %d rounds", loadRounds)
			return
		}
	}
}

// loadRounds is how often both halves are measured, at most.
const loadRounds = 3

type load struct {
	t        *testing.T
	backends []*running
	claimed  atomic.Int64
	repeated atomic.Int64

	everybody chan struct{} // is closed when all agents are at work: no first job ends before, however long that takes
	coming    chan struct{} // holds those that come to work, a few at once

	mu    sync.Mutex
	calls map[string][]time.Duration
}

// submit makes jobs, all of one empty file.
func (l *load) submit(n int) {
	b := l.backends[0]
	empty := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	want := func(status int, method, path string, body any) map[string]any {
		got, answer, err := b.request(method, path, body)
		require.NoError(l.t, err)
		require.Equal(l.t, status, got, "%s %s: %v", method, path, answer)
		return answer
	}
	file := want(201, "POST", "/v1/files", map[string]any{"name": "f", "size": 0, "part_size": 5 << 20, "part_digests": []string{},
		"sha256": empty})["id"].(string)
	upload := want(201, "POST", "/v1/files/"+file+"/uploads", map[string]any{})["id"].(string)
	want(200, "PUT", "/v1/files/"+file+"/uploads/"+upload+"/completion", map[string]any{})
	for n > 0 {
		var jobs api.NewJobs
		for range min(n, 1000) {
			dest := fmt.Sprint("d", n)
			jobs.Jobs = append(jobs.Jobs, api.NewJob{FileId: file, Dest: &dest})
			n--
		}
		want(201, "POST", "/v1/jobs", jobs)
	}
}

// header names the caller as the gateway does.
type header struct {
	caller string
	next   http.RoundTripper
}

func (h header) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Gateway-Caller", h.caller)
	return h.next.RoundTrip(r)
}

// agent is one simulated agent. It is in the middle of its first job when it begins, so that ends are spread from the start.
func (l *load) agent(ctx context.Context, i int) {
	transport := &http.Transport{MaxIdleConnsPerHost: 2}
	defer transport.CloseIdleConnections()
	c, err := client.New(client.Options{
		URL: l.backends[i%len(l.backends)].addr["gateway"], MaxTries: 1,
		Transport: header{fmt.Sprintf("arn:aws:sts::123456789012:assumed-role/agent/%d", i), transport},
	})
	if err != nil {
		l.t.Error(err)
		return
	}
	id, r := uuid.NewString(), rand.New(rand.NewPCG(1, uint64(i)))
	takes := rand.N(2 * *loadJob)
	if !pause(ctx, time.Duration(r.Int64N(int64(6*time.Second))), nil) {
		return
	}
	select {
	case l.coming <- struct{}{}:
	case <-ctx.Done():
		return
	}
	for began := time.Now(); ; began = (time.Time{}) {
		var leases []api.Lease
		if !l.time(ctx, "claim", func() (err error) {
			leases, err = c.Lease(ctx, api.LeaseRequest{AgentId: id, Max: 1})
			return err
		}) {
			return
		}
		if len(leases) == 0 {
			l.t.Error("the jobs are used up")
			return
		}
		if !l.work(ctx, c, id, leases[0], takes, began) {
			return
		}
		takes = time.Duration(r.Int64N(int64(2 * *loadJob)))
	}
}

// work renews a lease until its job is done, and reports. began is when an agent that has just come asked for it.
func (l *load) work(ctx context.Context, c *client.API, agent string, lease api.Lease, takes time.Duration, began time.Time) bool {
	for first, left := true, takes; ; {
		ok := l.time(ctx, "heartbeat", func() error {
			a, err := c.Heartbeat(
				ctx,
				agent,
				api.Heartbeat{Leases: []api.LeaseProgress{{LeaseId: lease.LeaseId}}},
				time.Duration(lease.TtlMs)*time.Millisecond/12,
			)
			if err == nil && (len(a.Leases) != 1 || a.Leases[0].Status != api.LeaseStatusOk) {
				l.t.Errorf("a heartbeat: want ok, got %v", a.Leases)
			}
			return err
		})
		if first && !began.IsZero() {
			l.claimed.Add(1)
			// The next one comes at once, but later when this one was served slowly.
			time.AfterFunc(max(0, 5*(time.Since(began)-time.Second)), func() { <-l.coming })
		}
		first = false
		if !ok {
			return false
		}
		interval := time.Duration(lease.HeartbeatMs) * time.Millisecond
		due := time.Now().Add(interval)
		if !pause(ctx, interval, l.everybody) {
			return false
		}
		select {
		case <-l.everybody:
		default:
			continue
		}
		next := min(left, max(0, time.Until(due)))
		if !pause(ctx, next, nil) {
			return false
		}
		if left -= next; left <= 0 {
			break
		}
	}
	return l.time(ctx, "outcome", func() error {
		job, err := c.PutOutcome(
			ctx,
			lease.LeaseId,
			api.Outcome{Status: api.OutcomeStatusSucceeded, Sha256: &lease.File.Sha256, Bytes: &lease.File.Size},
		)
		if err == nil && job.State != api.JobStateSucceeded {
			l.t.Errorf("an outcome: want succeeded, got %s", job.State)
		}
		return err
	})
}

// time makes a call until it is answered and notes how long that took. Anything but an answer or a refusal for now fails the test.
func (l *load) time(ctx context.Context, kind string, call func() error) bool {
	began := time.Now()
	longest := 30 * time.Second
	if kind == "heartbeat" { // there must be time for several in that of a lease
		longest = 2 * time.Second
	}
	failures := client.FullJitter(500*time.Millisecond, longest)
	for {
		err := call()
		if ctx.Err() != nil {
			return false
		}
		refusal, answered := errors.AsType[*client.Error](err)
		switch {
		case err == nil:
			l.mu.Lock()
			defer l.mu.Unlock()
			l.calls[kind] = append(l.calls[kind], time.Since(began))
			return true
		case !answered || refusal.Status == http.StatusServiceUnavailable:
			l.repeated.Add(1)
			if !pause(ctx, failures.NextBackOff(), nil) {
				return false
			}
		default:
			l.t.Errorf("%s, after %s: %v", kind, time.Since(began), err)
			return false
		}
	}
}

// pause waits, until it is woken at the longest, and tells whether to go on.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-wake:
		return true
	case <-ctx.Done():
		return false
	}
}
