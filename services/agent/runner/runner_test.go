package runner

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/agent/internal/fakeapi"
	"scalable-backend/services/api"
)

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
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for _, r := range s.Requests {
		require.LessOrEqual(t, r.Max, 4)
		require.Equal(t, "test", *r.Name)
		require.Equal(t, s.Requests[0].AgentId, r.AgentId)
	}
	require.Error(t, Healthy(filepath.Join(b.dir, "health")), "a stopped agent is not healthy")
}

func TestRunFailuresAreReported(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	f := s.AddFile("x", body(2*part), part)
	f.Sha256 = fakeapi.Sum([]byte("another"))
	s.AddJob(f, "x")
	g := s.AddFile("y", body(10), part)
	s.AddJob(g, "../y")
	b := start(t, s)
	b.states(map[api.JobState]int{api.JobStateDead: 2})
	require.Equal(t, "The bytes are not the catalogue's", s.Jobs[0].Problem.Title)
	require.Equal(t, "The destination was refused", s.Jobs[1].Problem.Title)
}

// An agent with room for more asks for it while it works, and not in a busy loop: the backend grants what it has not heard of again
// and again, until a heartbeat tells that the first answer arrived.
func TestAskingForMoreIsNoBusyLoop(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	s.TTL = time.Minute
	var hold atomic.Bool
	let := make(chan struct{})
	release := sync.OnceFunc(func() { close(let) })
	t.Cleanup(release)
	s.Hook = func(op string, _ http.ResponseWriter, _ *http.Request) bool {
		if strings.HasPrefix(op, "GET /bucket") && hold.Load() {
			<-let
		}
		return false
	}
	f := s.AddFile("x", body(10), part)
	s.AddJob(f, "first")
	b := start(t, s)
	b.states(map[api.JobState]int{api.JobStateSucceeded: 1})
	hold.Store(true)
	s.Mu.Lock()
	before := len(s.Requests)
	s.Mu.Unlock()
	s.AddJob(f, "second")
	begun := time.Now()
	time.Sleep(2 * time.Second)
	s.Mu.Lock()
	asked, seconds := len(s.Requests)-before, time.Since(begun).Seconds()
	s.Mu.Unlock()
	require.LessOrEqual(t, float64(asked), 3+seconds)
	release()
	b.states(map[api.JobState]int{api.JobStateSucceeded: 2})
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
	lost := 7 // more than the client's own tries
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
	s.Mu.Lock()
	defer s.Mu.Unlock()
	require.Equal(t, 1, s.Jobs[0].Grants, "in the one lease, not in a second one once it had expired")
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
	require.Less(t, time.Since(begun), patience/2, "it does not wait for as long as it may")
	require.Len(t, b.outcomes(api.OutcomeStatusReleased), 2)
	require.Equal(t, 2, s.States()[api.JobStateQueued])
}

// A successor on the same volume goes on where its predecessor was stopped.
func TestRunSuccessorResumes(t *testing.T) {
	t.Parallel()
	s := fakeapi.New(t)
	release := make(chan struct{})
	var begun atomic.Int64 // requests of the first piece
	s.Hook = func(op string, w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(op, "GET /bucket") {
			return false
		}
		if strings.HasPrefix(r.Header.Get("Range"), "bytes=0-") {
			begun.Add(1)
		} else {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		return false
	}
	f := s.AddFile("x", body(4*part), part)
	s.AddJob(f, "x")
	s.TTL = renewals
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
	second := start(t, s, func(o *Options) { o.Dir = dir })
	second.states(map[api.JobState]int{api.JobStateSucceeded: 1})
	// Of the missing pieces there may be more requests than pieces: an idle connection takes a part of a slow one's.
	require.EqualValues(t, 1, begun.Load(), "the first piece is there already")
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
