package httpapi_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

func TestLeaseToOutcome(t *testing.T) {
	t.Parallel()
	b := setup(t)
	data := []byte("to be delivered")
	file := b.ready("dir/f.bin", data)
	submitted := b.submit(file)
	require.Equal(t, "dir/f.bin", submitted[0].Job.Dest)
	agent, asked := uuid.NewString(), time.Now().Truncate(time.Second)
	leases := b.lease(agent, 0)
	require.Len(t, leases, 1)
	l := leases[0]
	require.Equal(t, 1, l.Attempt)
	require.EqualValues(t, 60_000, l.TtlMs)
	require.EqualValues(t, 20_000, l.HeartbeatMs)
	require.Equal(t, file, l.File)
	require.WithinRange(t, l.UrlExpiresAt, asked.Add(15*time.Minute), time.Now().Add(15*time.Minute))
	require.Equal(t, l.LeaseId, b.lease(agent, 0)[0].LeaseId, "the answer may have been lost")

	var source api.Source
	b.call(200, "GET", "/v1/leases/"+l.LeaseId+"/source", nil, &source)
	response, err := http.Get(source.SourceUrl)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, 200, response.StatusCode)

	var beat api.HeartbeatAnswer
	b.call(
		200,
		"POST",
		"/v1/agents/"+agent+"/heartbeats",
		api.Heartbeat{Leases: []api.LeaseProgress{{LeaseId: l.LeaseId, BytesDone: 3}, {LeaseId: uuid.NewString()}}},
		&beat,
	)
	require.Equal(t, api.LeaseStatusOk, beat.Leases[0].Status)
	require.Equal(t, api.LeaseStatusLost, beat.Leases[1].Status)
	require.Equal(t, l.LeaseId, beat.Leases[0].LeaseId)
	b.do(200, request{method: "POST", path: "/v1/agents/" + agent + "/heartbeats", body: []byte(`{"leases":[]}`)})

	// Another caller may neither read nor end it.
	b.do(404, request{gateway: true, method: "GET", path: "/v1/leases/" + l.LeaseId + "/source"})
	b.do(
		404,
		request{gateway: true, method: "PUT", path: "/v1/leases/" + l.LeaseId + "/outcome", body: api.Outcome{Status: api.OutcomeStatusReleased}},
	)

	path := "/v1/leases/" + l.LeaseId + "/outcome"
	right, wrong, size, short := hexDigest(data), hexDigest([]byte("x")), int64(len(data)), int64(3)
	b.call(422, "PUT", path, api.Outcome{Status: api.OutcomeStatusSucceeded, Sha256: &wrong, Bytes: &size}, nil)
	b.call(422, "PUT", path, api.Outcome{Status: api.OutcomeStatusSucceeded, Sha256: &right, Bytes: &short}, nil)
	var job api.Job
	b.call(200, "PUT", path, api.Outcome{Status: api.OutcomeStatusSucceeded, Sha256: &right, Bytes: &size}, &job)
	require.Equal(t, api.JobStateSucceeded, job.State)
	b.call(200, "PUT", path, api.Outcome{Status: api.OutcomeStatusSucceeded, Sha256: &right, Bytes: &size}, nil)
	b.call(409, "PUT", path, api.Outcome{Status: api.OutcomeStatusReleased}, nil)
	b.call(410, "GET", "/v1/leases/"+l.LeaseId+"/source", nil, nil)
	b.call(409, "PUT", "/v1/jobs/"+job.Id+"/cancellation", nil, nil)
	b.call(409, "POST", "/v1/jobs/"+job.Id+"/retries", nil, nil)

	var stats api.Stats
	b.call(200, "GET", "/v1/stats", nil, &stats)
	require.EqualValues(t, 1, stats.Succeeded)
	require.Equal(t, size, stats.BytesDelivered)
	require.EqualValues(t, 1, stats.AgentsSeen)
	http.DefaultClient.CloseIdleConnections()
}

func TestExpiredLease(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *options) { o.leaseTTL = time.Second })
	file := b.ready("f", []byte("x"))
	b.submit(file)
	l := b.lease(uuid.NewString(), 0)[0]
	require.Eventually(t, func() bool {
		result, _, err := b.store.Sweep(t.Context())
		require.NoError(t, err)
		return result.Expired == 1
	}, time.Minute, 50*time.Millisecond)
	digest, size := hexDigest([]byte("x")), int64(1)
	b.call(410, "PUT", "/v1/leases/"+l.LeaseId+"/outcome", api.Outcome{Status: api.OutcomeStatusSucceeded, Sha256: &digest, Bytes: &size}, nil)
	b.call(410, "GET", "/v1/leases/"+l.LeaseId+"/source", nil, nil)
	var job api.Job
	b.call(200, "GET", "/v1/jobs/"+l.Job.Id, nil, &job)
	require.Equal(t, api.JobStateQueued, job.State, "nothing is lost")
	require.Equal(t, 1, job.Failures)

	next := b.lease(uuid.NewString(), 20)
	require.Len(t, next, 1)
	require.Equal(t, 2, next[0].Attempt)
	b.call(
		200,
		"PUT",
		"/v1/leases/"+next[0].LeaseId+"/outcome",
		api.Outcome{Status: api.OutcomeStatusSucceeded, Sha256: &digest, Bytes: &size},
		&job,
	)
	require.Equal(t, api.JobStateSucceeded, job.State)
}

// A person sees who worked on a job, how each attempt ended and why it failed, and which agents there are.
func TestAttemptsAndAgents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	job := b.submit(b.ready("f", []byte("x")))[0].Job
	var attempts api.AttemptList
	b.call(200, "GET", "/v1/jobs/"+job.Id+"/attempts", nil, &attempts)
	require.Empty(t, attempts.Attempts)
	first, second := uuid.NewString(), uuid.NewString()
	name, version, detail := "agent-1", "0.1.0", "no space"
	var list api.LeaseList
	b.call(200, "POST", "/v1/leases", api.LeaseRequest{AgentId: first, Max: 1, Name: &name, Version: &version}, &list)
	problem := api.JobProblem{Title: "It failed", Detail: &detail}
	b.call(200, "PUT", "/v1/leases/"+list.Leases[0].LeaseId+"/outcome", api.Outcome{Status: api.OutcomeStatusFailed, Problem: &problem}, nil)
	l := b.lease(second, 20)[0]
	beat := api.Heartbeat{Leases: []api.LeaseProgress{{LeaseId: l.LeaseId, BytesDone: 1}}}
	b.call(200, "POST", "/v1/agents/"+second+"/heartbeats", beat, nil)

	b.call(200, "GET", "/v1/jobs/"+job.Id+"/attempts", nil, &attempts)
	require.Len(t, attempts.Attempts, 2)
	now, before := attempts.Attempts[0], attempts.Attempts[1]
	require.Equal(t, api.Attempt{Attempt: 2, LeaseId: l.LeaseId, AgentId: second, GrantedAt: now.GrantedAt}, now)
	require.WithinDuration(t, time.Now(), now.GrantedAt, time.Minute)
	require.False(t, before.EndedAt.Before(before.GrantedAt))
	failed := api.AttemptEndFailed
	require.Equal(t, api.Attempt{Attempt: 1, LeaseId: list.Leases[0].LeaseId, AgentId: first, AgentName: &name,
		GrantedAt: before.GrantedAt, EndedAt: before.EndedAt, End: &failed, Problem: &problem}, before)
	b.call(200, "GET", "/v1/jobs/"+job.Id+"/attempts?limit=1", nil, &attempts)
	require.Equal(t, []api.Attempt{now}, attempts.Attempts)
	b.call(404, "GET", "/v1/jobs/"+uuid.NewString()+"/attempts", nil, nil)

	var agents api.AgentList
	b.call(200, "GET", "/v1/agents", nil, &agents)
	require.Len(t, agents.Agents, 2)
	caller := "token:00000000-0000-4000-8000-000000000001"
	require.Equal(t, api.Agent{Id: second, Caller: caller, LastSeenAt: agents.Agents[0].LastSeenAt, Leases: 1, BytesDone: 1}, agents.Agents[0])
	require.Equal(t, api.Agent{Id: first, Name: &name, Version: &version, Caller: caller, LastSeenAt: agents.Agents[1].LastSeenAt},
		agents.Agents[1])
	b.call(200, "GET", "/v1/agents?limit=1", nil, &agents)
	require.Len(t, agents.Agents, 1)
	for _, path := range []string{"/v1/agents?limit=0", "/v1/agents?limit=1001", "/v1/jobs/" + job.Id + "/attempts?limit=x"} {
		b.call(400, "GET", path, nil, nil)
	}
}

func TestCancelAndRetry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.ready("f", nil)
	job := b.submit(file)[0].Job
	b.call(200, "PUT", "/v1/jobs/"+job.Id+"/cancellation", nil, &job)
	require.Equal(t, api.JobStateCancelled, job.State)
	b.call(200, "POST", "/v1/jobs/"+job.Id+"/retries", nil, &job)
	require.Equal(t, api.JobStateQueued, job.State)
	var page api.JobPage
	b.call(200, "GET", "/v1/jobs?state=queued&file_id="+file.Id, nil, &page)
	require.Len(t, page.Jobs, 1)
	b.call(200, "GET", "/v1/jobs?state=dead", nil, &page)
	require.Empty(t, page.Jobs)
}

// waiting starts a long poll and returns where its answer will come.
func waiting(ctx context.Context, b *bundle) <-chan reply {
	answers := make(chan reply, 1)
	go func() {
		defer close(answers)
		if got, err := b.send(request{ctx: ctx, method: "POST", path: "/v1/leases", body: map[string]any{"agent_id": uuid.NewString(),
			"max": 4, "wait_s": 20}}); err == nil {
			answers <- got
		}
	}()
	return answers
}

// agentsSeen waits until so many agents, the one of the long poll among them, have looked at the queue.
func (b *bundle) agentsSeen(n int64) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		stats, err := b.store.Stats(b.t.Context())
		require.NoError(b.t, err)
		return stats.AgentsSeen >= n
	}, time.Minute, 10*time.Millisecond)
}

func TestLongPollWakesForWork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.ready("f", nil)
	answers := waiting(t.Context(), b)
	b.agentsSeen(1)
	began := time.Now()
	b.submit(file)
	var list api.LeaseList
	(<-answers).into(t, &list)
	require.Len(t, list.Leases, 1)
	require.Less(t, time.Since(began), 15*time.Second, "the poll has 20 s and does not use them up")
}

func TestLongPollEndsWithoutWork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	began := time.Now()
	require.Empty(t, b.lease(uuid.NewString(), 1))
	require.GreaterOrEqual(t, time.Since(began), time.Second)
}

func TestDrainEndsLongPolls(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.ready("f", nil)
	b.submit(file)
	agent := uuid.NewString()
	l := b.lease(agent, 0)[0]
	answers := waiting(t.Context(), b)
	b.agentsSeen(2)
	b.call(200, "GET", "/readyz", nil, nil)
	began := time.Now()
	b.service.Drain()
	require.Equal(t, 200, (<-answers).status)
	require.Less(t, time.Since(began), 15*time.Second, "the poll has 20 s and does not use them up")
	b.call(503, "GET", "/readyz", nil, nil)
	b.call(200, "GET", "/healthz", nil, nil)
	b.call(503, "POST", "/v1/leases", api.LeaseRequest{AgentId: uuid.NewString(), Max: 1}, nil)
	var beat api.HeartbeatAnswer
	b.call(200, "POST", "/v1/agents/"+agent+"/heartbeats", api.Heartbeat{Leases: []api.LeaseProgress{{LeaseId: l.LeaseId}}}, &beat)
	require.Equal(t, api.LeaseStatusDrain, beat.Leases[0].Status)
	digest, size := hexDigest(nil), int64(0)
	b.call(200, "PUT", "/v1/leases/"+l.LeaseId+"/outcome", api.Outcome{Status: api.OutcomeStatusSucceeded, Sha256: &digest, Bytes: &size}, nil)
}

func TestClientGoneGetsNoLease(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.ready("f", nil)
	b.submit(file)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	leases, err := b.service.Claim(ctx, backend.Claim{AgentID: uuid.New(), Caller: "c", Max: 1}, time.Second)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, leases)

	// Gone between grant and answer: back to the queue, without a failure.
	claim := backend.Claim{AgentID: uuid.New(), Caller: "c", Max: 1}
	leases, err = b.service.Claim(t.Context(), claim, 0)
	require.NoError(t, err)
	require.Len(t, leases, 1)
	b.service.Forget(t.Context(), leases)
	job, err := b.store.GetJob(t.Context(), leases[0].Job.ID)
	require.NoError(t, err)
	require.Equal(t, backend.JobQueued, job.State)
	require.Zero(t, job.Failures)

	// The client leaves while waiting: the wait ends, and a job that comes later is not leased for it.
	claimed, err := b.service.Claim(t.Context(), claim, 0)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	ctx, cancel = context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := b.service.Claim(ctx, backend.Claim{AgentID: uuid.New(), Caller: "c", Max: 1}, 20*time.Second)
		ended <- err
	}()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	later := b.submit(b.ready("later", nil))
	job, err = b.store.GetJob(t.Context(), uuid.MustParse(later[0].Job.Id))
	require.NoError(t, err)
	require.Equal(t, backend.JobQueued, job.State)
}
