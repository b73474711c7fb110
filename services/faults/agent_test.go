package faults

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
)

// An agent is killed at a random moment of a download; its successor on the same volume takes the file over from the journal.
func TestAgentKilledAnywhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		journaled bool
		within    time.Duration
	}{
		"before a piece is whole":     {false, 5 * time.Second},
		"after a piece is journalled": {true, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			s.env["BACKEND_LEASE_TTL"] = shortTTL
			s3 := s.proxyS3()
			s.backend(nil)
			o := s.upload(4*part + 12345)
			s.slow(s3, 512) // on each of two connections: a piece, which is a part, takes 10 s, and the file 20 s
			job := s.submit(o, "f")
			dir := t.TempDir()
			agent := s.agent(dir, nil)
			s.moving(job.Id)
			if c.journaled {
				require.Eventually(t, func() bool { return journaled(t, dir) }, patience, 20*time.Millisecond)
			}
			time.Sleep(rand.N(c.within))
			agent.kill()
			noted := journaled(t, dir)
			s.afresh(s3)
			successor := s.agent(dir, nil)
			s.succeeded(job.Id)
			ended := successor.await("lease ended", 1)
			delivered(t, dir, "f", o)
			s.expired(job.Id)
			resumed := ended["resumed"].(float64)
			if noted {
				require.GreaterOrEqual(t, resumed, float64(part), "what the journal holds is not fetched again")
			}
			require.InDelta(t, len(o.body), ended["fetched"].(float64)+resumed, 0, "no byte of a whole piece comes twice")
		})
	}
}

// journaled tells whether a journal in an agent's directory holds a piece.
func journaled(t *testing.T, dir string) bool {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "files", ".partial", "*.journal"))
	require.NoError(t, err)
	for _, name := range found {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		whole := text[:bytes.LastIndexByte(text, '\n')+1]
		if bytes.Contains(whole, []byte(`"done":`)) {
			return true
		}
	}
	return false
}

// An agent sleeps past the end of its lease. Another one does the job; the first, awake again, publishes and reports nothing.
func TestAgentPausedPastItsLeaseIsFenced(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.env["BACKEND_LEASE_TTL"] = shortTTL
	s3 := s.proxyS3()
	s.backend(nil)
	o := s.upload(2 * part)
	s.slow(s3, 128) // nothing ends by itself
	job := s.submit(o, "f")
	one, two := t.TempDir(), t.TempDir()
	sleeper := s.agent(one, map[string]string{"AGENT_NAME": "sleeper"})
	sleeper.await("lease begun", 1)
	s.moving(job.Id)
	sleeper.signal(syscall.SIGSTOP)
	s.until(job.Id, "queued again", func(j api.Job) bool { return j.State == api.JobStateQueued })
	s.afresh(s3)
	other := s.agent(two, map[string]string{"AGENT_NAME": "other"})
	s.succeeded(job.Id)
	delivered(t, two, "f", o)
	sleeper.signal(syscall.SIGCONT)
	sleeper.await("lease lost: nothing is reported", 1)
	notDelivered(t, one, "f")
	require.Empty(t, sleeper.said("lease ended"))
	s.expired(job.Id)
	other.await("lease ended", 1)
}

// Two agents share a volume and come to work on one job at the same time, the first one without a lease any more: the file is
// published whole, and one success is accepted.
func TestTwoAgentsOnOneJobAndOneVolume(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.env["BACKEND_LEASE_TTL"] = shortTTL
	s3 := s.proxyS3()
	s.backend(nil)
	o := s.upload(3 * part)
	job := s.submit(o, "f")
	s.slow(s3, 128)
	dir := t.TempDir()
	lane, through := s.proxy(s.url)
	first := s.agent(dir, map[string]string{"AGENT_API_URL": through, "AGENT_HEALTH_FILE": dir + "/first"})
	first.await("lease begun", 1)
	s.moving(job.Id)
	require.NoError(t, lane.Cut(t.Context())) // it goes on downloading, and cannot renew
	second := s.agent(dir, nil)
	second.await("lease begun", 1)
	s.fast(s3)
	s.succeeded(job.Id)
	second.await("lease ended", 1)
	first.await("lease lost: nothing is reported", 1)
	delivered(t, dir, "f", o)
	s.expired(job.Id)
}

// SIGTERM: the agent gives back what it cannot finish, at once and without a failure, and exits with 0.
func TestAgentTerminatedGivesBack(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s3 := s.proxyS3()
	s.backend(nil)
	o := s.upload(4 * part)
	s.slow(s3, 512)
	job := s.submit(o, "f")
	dir := t.TempDir()
	agent := s.agent(dir, nil)
	agent.await("lease begun", 1)
	began := time.Now()
	agent.signal(syscall.SIGTERM)
	require.Zero(t, agent.ended())
	require.Less(t, time.Since(began), patience/2)
	job = s.job(job.Id)
	require.Equal(t, api.JobStateQueued, job.State)
	require.Zero(t, job.Failures)
	s.afresh(s3)
	s.agent(dir, nil)
	s.succeeded(job.Id)
	require.Equal(t, []string{"released", "succeeded"}, s.ends(job.Id))
}
