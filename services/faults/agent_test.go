package faults

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
)

// An agent is killed at a random moment of a download; its successor on the same volume takes the file over from the journal.
func TestAgentKilledAnywhere(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.env["BACKEND_LEASE_TTL"] = shortTTL
	s3 := s.proxyS3()
	s.backend(nil)
	o := s.upload(4*part + 12345)
	s.slow(s3, 512)
	job := s.submit(o, "f")
	dir := t.TempDir()
	agent := s.agent(dir, nil)
	s.moving(job.Id)
	time.Sleep(rand.N(5 * time.Second)) // anywhere: the download takes at least twice as long
	agent.kill()
	s.afresh(s3)
	successor := s.agent(dir, nil)
	s.succeeded(job.Id)
	ended := successor.await("lease ended", 1)
	delivered(t, dir, "f", o)
	s.expired(job.Id)
	require.InDelta(t, len(o.body), ended["fetched"].(float64)+ended["resumed"].(float64), 0, "no byte of a whole piece comes twice")
}

// An agent sleeps past the end of its lease. Another one does the job; the first, awake again, publishes and reports nothing.
func TestAgentPausedPastItsLeaseIsFenced(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.env["BACKEND_LEASE_TTL"] = shortTTL
	s3 := s.proxyS3()
	s.backend(nil)
	o := s.upload(2 * part)
	s.slow(s3, 1<<10)
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
	s.slow(s3, 1<<10)
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
	require.Less(t, time.Since(began), 20*time.Second)
	job = s.job(job.Id)
	require.Equal(t, api.JobStateQueued, job.State)
	require.Zero(t, job.Failures)
	s.afresh(s3)
	s.agent(dir, nil)
	s.succeeded(job.Id)
	require.Equal(t, []string{"released", "succeeded"}, s.ends(job.Id))
}
