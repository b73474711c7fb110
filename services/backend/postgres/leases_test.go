package postgres

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/backend"
)

func TestJobsAreGrantedByPriorityThenAge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	low := b.submit(1, func(j *backend.NewJob) { j.Priority = -5 })[0]
	first, second := b.submit(1)[0], b.submit(1)[0]
	high := b.submit(1, func(j *backend.NewJob) { j.Priority = 5 })[0]
	var got []uuid.UUID
	for _, l := range b.claim(agent(16)) {
		got = append(got, l.Job.ID)
		require.Equal(t, 1, l.Attempt)
		require.Equal(t, backend.JobLeased, l.Job.State)
		require.Len(t, l.File.PartDigests, 2)
		require.Equal(t, "v1", l.File.Version)
	}
	require.Equal(t, []uuid.UUID{high.ID, first.ID, second.ID, low.ID}, got)
}

// One claim of all jobs shows the order of its answer; claims of one each show which of them is taken.
func TestEachClaimTakesTheBestJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	low := b.submit(1, func(j *backend.NewJob) { j.Priority = -5 })[0]
	first, second := b.submit(1)[0], b.submit(1)[0]
	high := b.submit(1, func(j *backend.NewJob) { j.Priority = 5 })[0]
	for _, want := range []backend.Job{high, first, second, low} {
		got := b.claim(agent(1))
		require.Len(t, got, 1)
		require.Equal(t, want.ID, got[0].Job.ID)
	}
}

func TestAJobIsNotGrantedBeforeItIsDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, some, err := b.NextDue(t.Context())
	require.NoError(t, err)
	require.False(t, some)
	jobs := b.submit(2)
	b.submit(1, func(j *backend.NewJob) { j.Priority = 7 })
	b.exec(`UPDATE jobs SET run_at = now() + interval '1 hour'`)
	b.exec(`UPDATE jobs SET run_at = now() + interval '1 minute' WHERE id = $1`, jobs[1].ID)
	require.Empty(t, b.claim(agent(1)))
	due, some, err := b.NextDue(t.Context())
	require.NoError(t, err)
	require.True(t, some)
	require.InDelta(t, time.Minute.Seconds(), due.Seconds(), 10)
	b.exec(`UPDATE jobs SET run_at = now() - interval '1 hour' WHERE id = $1`, jobs[0].ID)
	due, some, err = b.NextDue(t.Context())
	require.NoError(t, err)
	require.True(t, some)
	require.Zero(t, due)
}

func TestManyClaimersGetEachJobOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.submit(300)
	var mu sync.Mutex
	granted := map[uuid.UUID]int{}
	var g errgroup.Group
	for range 10 {
		g.Go(func() error {
			for {
				c := agent(7) // one claim of each: leases that are never renewed would come again
				leases, err := b.ClaimJobs(t.Context(), c)
				if err != nil || len(leases) == 0 {
					return err
				}
				mu.Lock()
				for _, l := range leases {
					granted[l.Job.ID]++
				}
				mu.Unlock()
			}
		})
	}
	require.NoError(t, g.Wait())
	// A claimer that found all jobs locked went home early; nothing is left over all the same.
	for _, l := range b.claim(agent(300)) {
		granted[l.Job.ID]++
	}
	require.Len(t, granted, 300)
	for id, n := range granted {
		require.Equal(t, 1, n, "job %s", id)
	}
	require.Equal(t, 300, scalar[int](b, `SELECT count(DISTINCT lease_id) FROM leases`))
}

func TestALostAnswerIsRedelivered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(2)
	b.submit(4)
	first := b.claim(c)
	b.exec(`UPDATE leases SET leased_until = now() + interval '1 second'`)
	again := b.claim(c)
	require.Equal(t, leaseIDs(first), leaseIDs(again), "the same leases")
	require.Equal(t, 1, again[0].Attempt)
	require.True(t, scalar[bool](b, `SELECT bool_and(leased_until > now() + interval '30 seconds') FROM leases`), "renewed")

	c.Max = 3
	third := b.claim(c)
	require.Len(t, third, 3)
	require.Equal(t, leaseIDs(first), leaseIDs(third[:2]), "they come first, and new ones fill the rest")

	other := c
	other.Caller = "another caller"
	require.Len(t, b.claim(other), 1, "another caller with this agent's id gets none of them")
	require.Equal(t, []backend.LeaseStatus{backend.LeaseOK, backend.LeaseOK, backend.LeaseOK}, b.heartbeat(c, third...))
	require.Empty(t, b.claim(c), "renewed leases have reached their agent")
}

func leaseIDs(leases []backend.Lease) (ids []uuid.UUID) {
	for _, l := range leases {
		ids = append(ids, l.ID)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

func TestAHeartbeatAnswersEachLeaseInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c, other := agent(2), agent(1)
	b.submit(3)
	mine, theirs := b.claim(c), b.claim(other)[0]
	_, err := b.CancelJob(t.Context(), mine[1].Job.ID)
	require.NoError(t, err)
	b.exec(`UPDATE leases SET leased_until = now() + interval '1 second'`)
	require.Equal(t,
		[]backend.LeaseStatus{backend.LeaseLost, backend.LeaseCancel, backend.LeaseLost, backend.LeaseOK},
		b.heartbeat(c, theirs, mine[1], backend.Lease{ID: uuid.New()}, mine[0]))
	require.EqualValues(t, 5, b.job(mine[0].Job.ID).BytesDone)
	require.Equal(t, []uuid.UUID{mine[0].ID}, scalar[[]uuid.UUID](b,
		`SELECT array_agg(lease_id) FROM leases WHERE leased_until > now() + interval '30 seconds'`), "only ok renews")

	stranger := c
	stranger.Caller = "another caller"
	require.Equal(t, []backend.LeaseStatus{backend.LeaseLost}, b.heartbeat(stranger, mine[0]))
	require.Empty(t, b.heartbeat(c), "nothing listed, nothing answered")
	require.Equal(t, "live", b.end(mine[0]), "younger than ten seconds")
}

func TestUnlistedLeasesGoBackWithoutAFailure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(3)
	b.submit(3)
	leases := b.claim(c)
	_, err := b.CancelJob(t.Context(), leases[2].Job.ID)
	require.NoError(t, err)
	b.exec(`UPDATE leases SET granted_at = now() - interval '11 seconds', delivered_at = now() - interval '11 seconds'`)
	require.Equal(t, []backend.LeaseStatus{backend.LeaseOK}, b.heartbeat(c, leases[0]))
	job := b.job(leases[1].Job.ID)
	require.Equal(t, backend.JobQueued, job.State)
	require.Zero(t, job.Failures)
	require.Equal(t, "released", b.end(leases[1]))
	require.Equal(t, backend.JobCancelled, b.job(leases[2].Job.ID).State)
	require.Equal(t, "cancelled", b.end(leases[2]))
	again := b.claim(agent(1))
	require.Len(t, again, 1)
	require.Equal(t, 2, again[0].Attempt)
	require.NotEqual(t, leases[1].ID, again[0].ID)

	_, err = b.finish(leases[1], success(leases[1]))
	requireCode(t, backend.Gone, err)
	require.Equal(t, []backend.LeaseStatus{backend.LeaseOK, backend.LeaseLost}, b.heartbeat(c, leases[0], leases[1]))
}

func TestARedeliveredLeaseIsYoungAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(1)
	l := b.lease(c)
	b.exec(`UPDATE leases SET granted_at = now() - interval '11 seconds', delivered_at = now() - interval '11 seconds'`)
	require.Len(t, b.claim(c), 1)
	require.Empty(t, b.heartbeat(c))
	require.Equal(t, "live", b.end(l), "a heartbeat sent before the second answer does not list it")
}

func TestAbandonedLeasesGoBackWithoutAFailure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(3)
	b.submit(3)
	leases := b.claim(c)
	b.heartbeat(c, leases[0])                          // has reached its agent
	b.claim(backend.Claim{AgentID: c.AgentID, Max: 3}) // another caller: nothing
	require.NoError(t, b.Abandon(t.Context(), leaseIDs(leases[:2])))
	require.Equal(t, []string{"live", "released", "live"}, []string{b.end(leases[0]), b.end(leases[1]), b.end(leases[2])})
	job := b.job(leases[1].Job.ID)
	require.Equal(t, backend.JobQueued, job.State)
	require.Zero(t, job.Failures)
	require.Equal(t, []string{"submitted", "granted", "abandoned"}, b.events(job.ID))

	c.Max = 1
	require.Equal(t, leases[2].ID, b.claim(c)[0].ID, "redelivered")
	require.NoError(t, b.Abandon(t.Context(), leaseIDs(leases)))
	require.Equal(t, "live", b.end(leases[2]), "it belongs to the newer answer")
}

func TestALeaseIsSeenByItsCallerWhileItLives(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := b.lease(agent(1))
	got, err := b.GetLease(t.Context(), l.ID, "caller")
	require.NoError(t, err)
	require.Equal(t, l, got)
	_, err = b.GetLease(t.Context(), l.ID, "another caller")
	requireCode(t, backend.NotFound, err)
	_, err = b.GetLease(t.Context(), uuid.New(), "caller")
	requireCode(t, backend.NotFound, err)
	_, err = b.finish(l, success(l))
	require.NoError(t, err)
	_, err = b.GetLease(t.Context(), l.ID, "caller")
	requireCode(t, backend.Gone, err)
}

// Not parallel: snapshots of others, even in other databases, keep dead versions from being pruned in time.
func TestHeartbeatsStayHOT(t *testing.T) {
	b := setup(t, func(o *Options) { o.MaxConns = 1 })
	const agents, each = 12, 4
	b.submit(agents * each)
	var claims []backend.Claim
	var leases [][]backend.Lease
	for range agents {
		c := agent(each)
		claims, leases = append(claims, c), append(leases, b.claim(c))
	}
	ratio := func(table string) (hot, all int64) {
		b.exec(`SELECT pg_stat_force_next_flush()`)
		require.NoError(t, b.pool.QueryRow(t.Context(),
			`SELECT n_tup_hot_upd, n_tup_upd FROM pg_stat_user_tables WHERE relname = $1`, table).Scan(&hot, &all))
		return hot, all
	}
	jobsHot, jobsAll := ratio("jobs")
	leasesHot, leasesAll := ratio("leases")
	const rounds = 40
	for i := range rounds {
		for a, c := range claims {
			progress := make([]backend.Progress, each)
			for k, l := range leases[a] {
				progress[k] = backend.Progress{LeaseID: l.ID, BytesDone: int64(i + 1)}
			}
			_, err := b.Heartbeat(t.Context(), c, progress)
			require.NoError(t, err)
		}
	}
	for table, before := range map[string][2]int64{"jobs": {jobsHot, jobsAll}, "leases": {leasesHot, leasesAll}} {
		hot, all := ratio(table)
		hot, all = hot-before[0], all-before[1]
		require.EqualValues(t, rounds*agents*each, all, table)
		require.Greater(t, float64(hot)/float64(all), 0.95, table)
	}
}
