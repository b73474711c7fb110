package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// crewRow is what simulated agents see of a backend: each a goroutine of one process, which calls the API as an agent does and downloads
// nothing.
type crewRow struct {
	Agents               int
	Claims               int           // answered with a job
	Empty                int           // answered without one; then the agent asks again and waits, as agents do
	Refused              int           // calls answered with 503, and repeated
	Silent               int           // calls not answered within callLimit, and repeated
	Rate                 float64       // jobs a second
	ClaimP50, ClaimP99   time.Duration // of claims that were answered with a job
	OutcomeP50, BeatP50  time.Duration // BeatP50 is 0 if no job took long enough for a heartbeat
	OutcomeP99, BeatP99  time.Duration
	Beats                int
	Backend, DB, Clients float64 // processors that backend, database and all agents together kept busy
}

const (
	// crewRate is how many jobs a second all agents of a crew begin together, if they are enough: some half of what two cores take.
	crewRate = 200
	// beatEvery is how often an agent renews its leases.
	beatEvery = 20 * time.Second
	// askAgain is how long an agent waits that was refused, half of it more or less; twice as long each time, up to askAtMost.
	askAgain, askAtMost = time.Second, 30 * time.Second
	// callLimit is how long a call may take, the time included for which a claim waits (services/client).
	callLimit = 30 * time.Second
)

// simulation is one crew at work.
type simulation struct {
	url, token             string
	client                 *http.Client
	hold                   time.Duration // how long an agent "works" on a job
	done                   <-chan struct{}
	claimed                atomic.Int64
	mu                     sync.Mutex
	claims, outcomes, beat []time.Duration
	empty, refused, silent int
	err                    error // the first one that is no refusal; stop ends the simulation then
	stop                   func()
}

// simulate lets agents work for a time: each claims a job, holds it for as long as makes crewRate jobs a second in all, with heartbeats,
// and reports success. For each job that was claimed another one is submitted, so that the queue stays as long as it is.
func (r *rig) simulate(ctx context.Context, api *backendProcess, database string, agents int, long time.Duration) (row crewRow, err error) {
	row = crewRow{Agents: agents}
	s := &simulation{url: api.url, token: r.token, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: agents}}}
	defer s.client.CloseIdleConnections()
	if agents > 1 {
		s.hold = time.Duration(float64(agents) / crewRate * float64(time.Second))
	}
	long = max(long, s.hold+s.hold/2)
	file, err := fileFor(ctx, database)
	if err != nil {
		return row, err
	}
	before, err := r.busy(ctx, database, api.pid)
	if err != nil {
		return row, err
	}
	began := time.Now()
	work, stop := context.WithTimeout(ctx, long)
	defer stop()
	s.done, s.stop = work.Done(), stop
	var all sync.WaitGroup
	for i := range agents {
		all.Go(func() { s.failed(s.agent(ctx, time.Duration(float64(s.hold)*float64(i)/float64(agents)))) })
	}
	all.Go(func() { s.failed(s.feed(ctx, file)) })
	<-work.Done()
	after, err := r.busy(ctx, database, api.pid)
	took := time.Since(began)
	s.mu.Lock()
	row.read(s, took)
	s.mu.Unlock()
	all.Wait()
	row.Backend, row.DB, row.Clients = after.per(before, took)
	if err = errors.Join(err, s.err); err == nil && row.Claims == 0 {
		err = errors.New("no claim was answered with a job")
	}
	return row, err
}

// failed ends the simulation for all at the first error.
func (s *simulation) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.err == nil {
		s.err = err
		s.stop()
	}
}

// read takes the figures of a simulation so far.
func (row *crewRow) read(s *simulation, took time.Duration) {
	row.Claims, row.Empty, row.Refused, row.Silent, row.Beats = len(s.claims), s.empty, s.refused, s.silent, len(s.beat)
	row.Rate = float64(len(s.outcomes)) / took.Seconds()
	row.ClaimP50, row.ClaimP99 = percentiles(s.claims)
	row.OutcomeP50, row.OutcomeP99 = percentiles(s.outcomes)
	row.BeatP50, row.BeatP99 = percentiles(s.beat)
}

func percentiles(times []time.Duration) (p50, p99 time.Duration) {
	if len(times) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2], sorted[len(sorted)*99/100]
}

// agent works until the time is over; what it holds then it finishes at once.
func (s *simulation) agent(ctx context.Context, first time.Duration) error {
	id := uuid.NewString()
	waitS := 0
	for wait := first; s.sleep(wait); wait = 0 {
		lease, took, err := s.claim(ctx, id, waitS)
		if err != nil {
			return err
		}
		s.mu.Lock()
		switch {
		case lease == nil:
			s.empty++
		case waitS == 0:
			s.claims = append(s.claims, took)
		}
		s.mu.Unlock()
		if lease == nil {
			waitS = waitLong
			continue
		}
		waitS = 0
		s.claimed.Add(1)
		for left := s.hold; left > 0 && s.sleep(min(left, beatEvery)); left -= beatEvery {
			if left <= beatEvery {
				break
			}
			if err := s.heartbeat(ctx, id, lease.ID); err != nil {
				return err
			}
		}
		if err := s.finish(ctx, lease); err != nil {
			return err
		}
	}
	return nil
}

// sleep returns whether there is time left to work.
func (s *simulation) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
	}
	select { // both may have come
	case <-s.done:
		return false
	default:
		return true
	}
}

type simulatedLease struct {
	ID   string `json:"lease_id"`
	File struct {
		Size   int64
		SHA256 string
	}
}

func (s *simulation) claim(ctx context.Context, agent string, waitS int) (lease *simulatedLease, took time.Duration, err error) {
	var list struct{ Leases []simulatedLease }
	took, err = s.call(ctx, http.MethodPost, "/v1/leases",
		map[string]any{"agent_id": agent, "max": 1, "wait_s": waitS, "name": "simulated"}, &list)
	if err != nil || len(list.Leases) == 0 {
		return nil, took, err
	}
	return &list.Leases[0], took, nil
}

func (s *simulation) heartbeat(ctx context.Context, agent, lease string) error {
	var answer struct{ Leases []struct{ Status string } }
	took, err := s.call(ctx, http.MethodPost, "/v1/agents/"+agent+"/heartbeats",
		map[string]any{"leases": []any{map[string]any{"lease_id": lease, "bytes_done": 1}}}, &answer)
	if err == nil && (len(answer.Leases) != 1 || answer.Leases[0].Status != "ok") {
		err = fmt.Errorf("a heartbeat was answered with %+v, want ok", answer)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beat = append(s.beat, took)
	return err
}

func (s *simulation) finish(ctx context.Context, lease *simulatedLease) error {
	var job struct{ State string }
	took, err := s.call(ctx, http.MethodPut, "/v1/leases/"+lease.ID+"/outcome",
		map[string]any{"status": "succeeded", "sha256": lease.File.SHA256, "bytes": lease.File.Size, "ms": 1000}, &job)
	if err == nil && job.State != "succeeded" {
		err = fmt.Errorf("the job of a lease that succeeded is %q", job.State)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes = append(s.outcomes, took)
	return err
}

// feed submits a job for each one that was claimed.
func (s *simulation) feed(ctx context.Context, file string) error {
	run, fed := uuid.NewString(), int64(0)
	for s.sleep(50 * time.Millisecond) {
		var jobs []any
		for ; fed < s.claimed.Load() && len(jobs) < 1000; fed++ {
			jobs = append(jobs, map[string]any{"file_id": file, "dest": fmt.Sprintf("fed/%s/%d", run, fed)})
		}
		if len(jobs) == 0 {
			continue
		}
		if _, err := s.call(ctx, http.MethodPost, "/v1/jobs", map[string]any{"jobs": jobs}, nil); err != nil {
			return err
		}
	}
	return nil
}

// call sends a request, again while it is answered with 503 as under more load than there is room for, and reads its answer to the end.
// It returns how long the last one took.
func (s *simulation) call(ctx context.Context, method, path string, body, into any) (took time.Duration, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	for wait := askAgain; ; wait = min(askAtMost, 2*wait) {
		began := time.Now()
		status, answer, err := s.once(ctx, method, path, text)
		took = time.Since(began)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			s.repeat(&s.silent)
			continue
		case err != nil:
			return took, err
		case status == http.StatusServiceUnavailable:
			s.repeat(&s.refused)
			pause(ctx, time.Duration(float64(wait)*(0.5+rand.Float64())))
			continue
		case status >= http.StatusBadRequest:
			return took, fmt.Errorf("%s %s: status %d: %s", method, path, status, answer[:min(len(answer), 500)])
		case into == nil:
			return took, nil
		}
		return took, json.Unmarshal(answer, into)
	}
}

func (s *simulation) repeat(counter *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*counter++
}

func (s *simulation) once(ctx context.Context, method, path string, body []byte) (status int, text []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	return answer.StatusCode, text, err
}

// fileFor is a file of a database for jobs that are submitted.
func fileFor(ctx context.Context, url string) (id string, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, `SELECT id FROM files ORDER BY created_at DESC LIMIT 1`).Scan(&id)
	return id, err
}
