package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

func TestStatsCountWhatIsThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	empty, err := b.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, backend.Stats{}, empty)

	c, silent := agent(1), agent(1)
	done := b.lease(c)
	_, err = b.finish(done, success(done))
	require.NoError(t, err)
	dead := b.lease(c, func(j *backend.NewJob) { j.MaxAttempts = 1 })
	_, err = b.finish(dead, backend.Outcome{Status: backend.Failed})
	require.NoError(t, err)
	leased := b.lease(c)
	b.heartbeat(c, leased)
	jobs := b.submit(3)
	_, err = b.CancelJob(t.Context(), jobs[0].ID)
	require.NoError(t, err)
	b.exec(`UPDATE jobs SET run_at = now() - interval '1 hour' WHERE id = $1`, jobs[1].ID)
	b.pendingFile()
	b.claim(backend.Claim{AgentID: silent.AgentID, Caller: "caller", Name: "silent"})
	b.exec(`UPDATE agents SET last_seen = now() - $1::interval WHERE name = 'silent'`, 2*b.LeaseTTL+time.Second)

	stats, err := b.Stats(t.Context())
	require.NoError(t, err)
	require.InDelta(t, time.Hour.Seconds(), stats.OldestQueued.Seconds(), 60)
	stats.OldestQueued = 0
	require.Equal(t, backend.Stats{
		Queued: 2, Leased: 1, Succeeded: 1, Dead: 1, Cancelled: 1, AgentsSeen: 1,
		FilesReady: 4, FilesPending: 1, BytesStored: 4 * fileSize, BytesDelivered: fileSize,
	}, stats)
	_, err = b.RetryJob(t.Context(), dead.Job.ID)
	require.NoError(t, err)
	stats, err = b.Stats(t.Context())
	require.NoError(t, err)
	require.Zero(t, stats.Dead)

	agents, err := b.ListAgents(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, agents, 2)
	require.Equal(t, []string{"agent", "silent"}, []string{agents[0].Name, agents[1].Name})
	require.Equal(t, 1, agents[0].Leases)
	require.EqualValues(t, 5, agents[0].BytesDone)
	agents, err = b.ListAgents(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, agents, 1)
}

func TestClaimsOfAWaiterDoNotRewriteItsAgent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(1)
	b.claim(c)
	before := scalar[string](b, `SELECT ctid::text FROM agents`)
	b.claim(c)
	require.Equal(t, before, scalar[string](b, `SELECT ctid::text FROM agents`))
	c.Version = "2"
	b.claim(c)
	require.Equal(t, "2", scalar[string](b, `SELECT version FROM agents`))
}
