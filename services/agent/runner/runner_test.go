package runner

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/internal/fakeapi"
	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type bundle struct {
	t      *testing.T
	server *fakeapi.Server
	dir    string
	stop   context.CancelFunc
	ended  chan error
	log    *syncBuffer
	runner *Runner
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

const part = 32 << 10

func body(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// start runs an agent until the test ends, or stop is called.
func start(t *testing.T, s *fakeapi.Server, change ...func(*Options)) *bundle {
	t.Helper()
	b := &bundle{t: t, server: s, dir: t.TempDir(), ended: make(chan error, 1), log: &syncBuffer{}}
	c, err := client.New(client.Options{URL: s.URL, Auth: client.Bearer(fakeapi.Token)})
	require.NoError(t, err)
	e := download.New(download.Options{
		Connections: 2, PieceSize: part, StallTimeout: 10 * time.Second, BackoffBase: time.Millisecond, BackoffLimit: 2 * time.Millisecond,
		SyncInterval: 20 * time.Millisecond, StopGrace: 100 * time.Millisecond, Hosts: download.HostPolicy{Insecure: true},
	})
	o := Options{
		API: c, Engine: e, Dir: filepath.Join(b.dir, "files"), HealthFile: filepath.Join(b.dir, "health"), Wait: time.Second,
		StopTimeout: 4 * time.Second, MinFree: -1, Name: "test", Version: "1",
	}
	for _, f := range change {
		f(&o)
	}
	r, err := New(o)
	require.NoError(t, err)
	b.runner = r
	ctx, stop := context.WithCancel(t.Context())
	b.stop = stop
	go func() { b.ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case <-b.ended:
		case <-time.After(10 * time.Second):
			t.Error("the agent did not stop")
		}
		e.Close()
		c.Close()
	})
	return b
}

func (b *bundle) eventually(f func() bool, what string) {
	b.t.Helper()
	require.Eventually(b.t, f, 15*time.Second, 3*time.Millisecond, what)
}

func (b *bundle) states(want map[api.JobState]int) {
	b.t.Helper()
	b.eventually(func() bool {
		got := b.server.States()
		for s, n := range want {
			if got[s] != n {
				return false
			}
		}
		return true
	}, "jobs")
}

func (b *bundle) outcomes(status api.OutcomeStatus) []api.Outcome {
	b.server.Mu.Lock()
	defer b.server.Mu.Unlock()
	var all []api.Outcome
	for _, list := range b.server.Outcomes {
		for _, o := range list {
			if o.Status == status {
				all = append(all, o)
			}
		}
	}
	return all
}

func (b *bundle) shutdown() error {
	b.stop()
	err := <-b.ended
	b.ended <- err
	return err
}

// holdBucket keeps all downloads waiting until release is called; waiting counts them.
func holdBucket(s *fakeapi.Server) (release func(), waiting *atomic.Int64) {
	ch := make(chan struct{})
	waiting = new(atomic.Int64)
	s.Hook = func(op string, _ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(op, "GET /bucket") {
			waiting.Add(1)
			select {
			case <-ch:
			case <-r.Context().Done():
			}
		}
		return false
	}
	return sync.OnceFunc(func() { close(ch) }), waiting
}

func TestRunDownloadsEverything(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	sizes := []int{0, 1, part, part + 1, 7*part + 3}
	var files []*api.File
	for _, n := range sizes {
		f := s.AddFile("x", body(n), part)
		s.AddJob(f, "d/"+f.Id)
		files = append(files, f)
	}
	b := start(t, s)
	b.states(map[api.JobState]int{api.JobStateSucceeded: len(sizes)})
	for i, f := range files {
		got, err := os.ReadFile(filepath.Join(b.dir, "files/d", f.Id))
		require.NoError(t, err)
		require.True(t, bytes.Equal(body(sizes[i]), got))
	}
	require.NoError(t, Healthy(filepath.Join(b.dir, "health")))
	require.NoError(t, b.shutdown())
	for _, r := range s.Requests {
		require.LessOrEqual(t, r.Max, 4)
		require.Equal(t, "test", *r.Name)
		require.Equal(t, s.Requests[0].AgentId, r.AgentId)
	}
	require.Error(t, Healthy(filepath.Join(b.dir, "health")), "a stopped agent is not healthy")
}

func TestRunHeartbeatsKeepLeases(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	s.TTL = 900 * time.Millisecond
	f := s.AddFile("x", body(3*part), part)
	release, _ := holdBucket(s)
	s.AddJob(f, "x")
	b := start(t, s)
	b.eventually(func() bool { s.Mu.Lock(); defer s.Mu.Unlock(); return len(s.Beats) >= 8 }, "heartbeats well beyond the TTL")
	release()
	b.states(map[api.JobState]int{api.JobStateSucceeded: 1})
	require.Zero(t, s.Jobs[0].Failures)
	require.Equal(t, 1, s.Jobs[0].Grants)
}

// The backend does not answer heartbeats: the agent gives the lease up by itself, publishes nothing and reports nothing.
func TestRunGivesUpUnrenewedLease(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	s.TTL = 600 * time.Millisecond
	f := s.AddFile("x", body(3*part), part)
	var mu sync.Mutex
	broken, release := true, make(chan struct{})
	s.Hook = func(op string, w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		down := broken
		mu.Unlock()
		switch {
		case down && strings.Contains(op, "heartbeats"):
			w.WriteHeader(http.StatusBadGateway)
			return true
		case down && strings.HasPrefix(op, "GET /bucket"):
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		return false
	}
	s.AddJob(f, "x")
	b := start(t, s)
	b.eventually(func() bool { s.Mu.Lock(); defer s.Mu.Unlock(); return s.Jobs[0].Failures >= 1 }, "the lease expires")
	require.Empty(t, b.outcomes(api.OutcomeStatusSucceeded))
	_, err := os.Stat(filepath.Join(b.dir, "files/x"))
	require.ErrorIs(t, err, os.ErrNotExist)
	mu.Lock()
	broken = false
	mu.Unlock()
	close(release)
	b.states(map[api.JobState]int{api.JobStateSucceeded: 1})
}

func TestRunStatuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[api.LeaseStatus]api.OutcomeStatus{
		api.LeaseStatusLost:   "",
		api.LeaseStatusCancel: api.OutcomeStatusReleased,
		api.LeaseStatusDrain:  api.OutcomeStatusSucceeded,
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			s := fakeapi.New(t)
			s.TTL = 900 * time.Millisecond
			f := s.AddFile("x", body(3*part), part)
			release, _ := holdBucket(s)
			defer release()
			s.AddJob(f, "x")
			b := start(t, s)
			b.eventually(func() bool {
				s.Mu.Lock()
				defer s.Mu.Unlock()
				if len(s.Beats) == 0 {
					return false
				}
				s.Status[s.Beats[0].Leases[0].LeaseId] = status
				// After that one more job, which shows whether the agent goes on.
				return true
			}, "a heartbeat")
			var before int
			b.eventually(func() bool {
				s.Mu.Lock()
				defer s.Mu.Unlock()
				before = len(s.Beats)
				return before >= 3 || status != api.LeaseStatusDrain
			}, "more heartbeats")
			if status == api.LeaseStatusDrain {
				release()
			}
			if want != "" {
				b.eventually(func() bool { return len(b.outcomes(want)) == 1 }, "the outcome")
			} else {
				b.eventually(func() bool { s.Mu.Lock(); defer s.Mu.Unlock(); return s.Jobs[0].Failures == 1 }, "nothing renews the lease")
				require.Empty(t, s.Outcomes)
			}
			if status == api.LeaseStatusCancel {
				entries, err := os.ReadDir(filepath.Join(b.dir, "files", download.PartialDir))
				require.NoError(t, err)
				require.Empty(t, entries, "nobody will go on from there")
			}
		})
	}
}

func TestRunFailuresAreReported(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	f := s.AddFile("x", body(2*part), part)
	f.PartDigests[1] = fakeapi.Sum([]byte("another"))
	s.AddJob(f, "x")
	g := s.AddFile("y", body(10), part)
	s.AddJob(g, "../y")
	b := start(t, s)
	b.states(map[api.JobState]int{api.JobStateDead: 2})
	require.Equal(t, "The bytes are not the catalogue's", s.Jobs[0].Problem.Title)
	require.Equal(t, "The destination was refused", s.Jobs[1].Problem.Title)
}

func TestRunHandler(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	s.AddJob(s.AddFile("good", body(10), part), "good")
	s.AddJob(s.AddFile("bad", body(11), part), "bad")
	b := start(t, s, func(o *Options) {
		o.Handler = HandlerFunc(func(_ context.Context, p Published) error {
			if _, err := os.Stat(p.Path); err != nil {
				return err
			}
			if p.Job.Dest == "bad" {
				return errors.New("do not like it")
			}
			return nil
		})
	})
	b.states(map[api.JobState]int{api.JobStateSucceeded: 1, api.JobStateDead: 1})
	require.Contains(t, *s.Jobs[1].Problem.Detail, "do not like it")
}

// The answer to the outcome is lost twice; its repetition is taken.
func TestRunOutcomeIsRepeated(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	s.AddJob(s.AddFile("x", body(10), part), "x")
	var mu sync.Mutex
	lost := 2
	s.Hook = func(op string, w http.ResponseWriter, _ *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(op, "outcome") && lost > 0 {
			lost--
			panic(http.ErrAbortHandler)
		}
		return false
	}
	b := start(t, s)
	b.states(map[api.JobState]int{api.JobStateSucceeded: 1})
	require.Len(t, b.outcomes(api.OutcomeStatusSucceeded), 1)
}

func TestRunReleasesOnStop(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	release, waiting := holdBucket(s)
	defer release()
	for range 2 {
		f := s.AddFile("x", body(3*part), part)
		s.AddJob(f, f.Id)
	}
	b := start(t, s)
	b.eventually(func() bool { return waiting.Load() == 4 }, "two connections for each job")
	begun := time.Now()
	require.NoError(t, b.shutdown())
	require.Less(t, time.Since(begun), 4*time.Second)
	require.Len(t, b.outcomes(api.OutcomeStatusReleased), 2)
	require.Equal(t, 2, s.States()[api.JobStateQueued])
}

// A successor on the same volume goes on where its predecessor was stopped.
func TestRunSuccessorResumes(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	release := make(chan struct{})
	s.Hook = func(op string, w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(op, "GET /bucket") && !strings.HasPrefix(r.Header.Get("Range"), "bytes=0-") {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		return false
	}
	f := s.AddFile("x", body(4*part), part)
	s.AddJob(f, "x")
	dir := t.TempDir()
	first := start(t, s, func(o *Options) { o.Dir = dir })
	first.eventually(func() bool {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		for _, beat := range s.Beats {
			if len(beat.Leases) == 1 && beat.Leases[0].BytesDone == part {
				return true
			}
		}
		return false
	}, "the first piece")
	require.NoError(t, first.shutdown())
	close(release)
	var fetched int
	s.Mu.Lock()
	s.Calls = nil
	s.Mu.Unlock()
	second := start(t, s, func(o *Options) { o.Dir = dir })
	second.states(map[api.JobState]int{api.JobStateSucceeded: 1})
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for _, c := range s.Calls {
		if strings.HasPrefix(c, "GET /bucket") {
			fetched++
		}
	}
	require.Equal(t, 3, fetched, "only the missing pieces")
}

func TestSweep(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	b := start(t, s, func(o *Options) {
		o.Retain, o.TidyEvery = time.Hour, 5*time.Millisecond
		for name, age := range map[string]time.Duration{
			"old": 2 * time.Hour, "new": time.Minute, "sub/old": 2 * time.Hour,
			download.PartialDir + "/abandoned": 48 * time.Hour, download.PartialDir + "/young": 2 * time.Hour,
		} {
			file := filepath.Join(o.Dir, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, nil, 0o600))
			then := time.Now().Add(-age)
			require.NoError(t, os.Chtimes(file, then, then))
		}
	})
	gone := func(name string) bool { _, err := os.Stat(filepath.Join(b.dir, "files", name)); return err != nil }
	b.eventually(func() bool { return gone("old") && gone("sub/old") && gone(download.PartialDir+"/abandoned") }, "old files")
	require.False(t, gone("new"))
	require.False(t, gone(download.PartialDir+"/young"))
}

// Without space nothing is leased, and no attempt is burnt.
func TestNoSpaceStopsLeasing(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	s.AddJob(s.AddFile("x", body(10), part), "x")
	b := start(t, s, func(o *Options) { o.MinFree = 1 << 62 })
	require.Never(t, func() bool { return s.States()[api.JobStateLeased] > 0 }, 200*time.Millisecond, 10*time.Millisecond)
	require.NoError(t, b.shutdown())
	require.Empty(t, s.Requests)
}

func TestLeaseDeadline(t *testing.T) {
	t.Parallel()
	granted := api.Lease{TtlMs: 60_000, HeartbeatMs: 20_000}
	l := newLease(t.Context(), granted, time.Now().Add(-49*time.Second))
	defer l.close()
	require.NoError(t, l.held())
	ok, _ := l.fresh()
	require.False(t, ok, "too little is left to begin")
	l.renew(time.Now().Add(-60 * time.Second))
	require.NoError(t, l.held(), "an older request changes nothing")
	late := newLease(t.Context(), granted, time.Now().Add(-51*time.Second))
	defer late.close()
	require.ErrorIs(t, late.held(), errLost, "5/6 of the TTL from the sending of the request")
	late.renew(time.Now())
	require.NoError(t, late.held())
	require.NoError(t, late.await())
	late.end(errLost)
	late.renew(time.Now().Add(time.Second))
	require.ErrorIs(t, late.held(), errLost, "what is lost stays lost")
}
