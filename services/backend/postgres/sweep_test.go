package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/backend"
)

func TestAnExpiredLeaseIsGoneAndItsJobIsNotLost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(1)
	l := b.lease(c)
	b.heartbeat(c, l)
	require.Zero(t, b.sweep().Expired, "it lives")
	b.exec(`UPDATE leases SET leased_until = leased_until - $1::interval`, b.LeaseTTL)
	require.Equal(t, 1, b.sweep().Expired)

	require.Equal(t, "expired", b.end(l))
	require.Equal(t, []backend.LeaseStatus{backend.LeaseLost}, b.heartbeat(c, l))
	_, err := b.finish(l, success(l))
	requireCode(t, backend.Gone, err)
	_, err = b.GetLease(t.Context(), l.ID, "caller")
	requireCode(t, backend.Gone, err)
	job := b.job(l.Job.ID)
	require.Equal(t, 1, job.Failures, "expiry is a failure")
	require.NotNil(t, job.Problem)

	next := b.due(agent(1))[0]
	require.Equal(t, l.Job.ID, next.Job.ID)
	require.Equal(t, 2, next.Attempt)
	_, err = b.finish(l, success(l))
	requireCode(t, backend.Gone, err)
	job, err = b.finish(next, success(next))
	require.NoError(t, err)
	require.Equal(t, backend.JobSucceeded, job.State)
	require.Nil(t, job.Problem)
	require.Equal(t, []string{"submitted", "granted", "expired", "granted", "succeeded"}, b.events(job.ID))
}

func TestOnlyTheSweeperEndsALease(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(3)
	b.submit(3)
	leases := b.claim(c)
	b.heartbeat(c, leases...)
	b.exec(`UPDATE leases SET leased_until = now() - interval '1 hour'`)
	require.Empty(t, b.claim(agent(1)), "nobody takes it over")
	_, err := b.GetLease(t.Context(), leases[0].ID, "caller")
	require.NoError(t, err)
	_, err = b.finish(leases[1], success(leases[1]))
	require.NoError(t, err, "a late outcome counts")
	require.Equal(t, []backend.LeaseStatus{backend.LeaseOK}, b.heartbeat(c, leases[0]), "a late heartbeat renews")
	require.Equal(t, 1, b.sweep().Expired)
	require.Equal(t, []string{"live", "succeeded", "expired"}, []string{b.end(leases[0]), b.end(leases[1]), b.end(leases[2])})
}

func TestExpiryReachesDeadAndCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dead := b.lease(agent(1), func(j *backend.NewJob) { j.MaxAttempts = 1 })
	cancelled := b.lease(agent(1))
	_, err := b.CancelJob(t.Context(), cancelled.Job.ID)
	require.NoError(t, err)
	b.exec(`UPDATE leases SET leased_until = now() - interval '1 second'`)
	require.Equal(t, backend.SweepResult{Expired: 2, Dead: 1}, b.sweep())
	require.Equal(t, backend.JobDead, b.job(dead.Job.ID).State)
	require.Equal(t, backend.JobCancelled, b.job(cancelled.Job.ID).State)
	require.Equal(t, "cancelled", b.end(cancelled))
	_, err = b.finish(cancelled, backend.Outcome{Status: backend.Released})
	requireCode(t, backend.Gone, err)
}

func TestThereIsOneSweeper(t *testing.T) {
	t.Parallel()
	b := setup(t)
	release := b.hold(`SELECT pg_advisory_xact_lock($1, $2)`, sweeperClass, sweeperKey)
	_, held, err := open(t, b.url).Sweep(t.Context())
	require.NoError(t, err)
	require.False(t, held)
	release()
	b.sweep()
}

func TestAfterAGapTheSweeperWaitsOneLeaseTime(t *testing.T) {
	t.Parallel()
	b := setup(t, ttl(3*time.Second))
	c := agent(2)
	b.submit(2)
	leases := b.claim(c)
	b.heartbeat(c, leases...)
	b.exec(`UPDATE leases SET leased_until = now() - interval '1 second'`)
	b.exec(`UPDATE sweeper SET last_tick = now() - $1::interval`, b.gap()+time.Second)
	start := time.Now()
	require.Zero(t, b.sweep().Expired)
	require.Zero(t, b.sweep().Expired, "the second tick sees no gap, but the time is not over")
	require.Equal(t, []backend.LeaseStatus{backend.LeaseOK}, b.heartbeat(c, leases[0]), "an agent that comes back keeps its lease")
	b.exec(`UPDATE leases SET leased_until = now() + interval '1 hour' WHERE lease_id = $1`, leases[0].ID)
	require.Eventually(t, func() bool { return b.sweep().Expired == 1 }, patience, 10*time.Millisecond)
	require.GreaterOrEqual(t, time.Since(start), b.LeaseTTL)
	require.Equal(t, []string{"live", "expired"}, []string{b.end(leases[0]), b.end(leases[1])})
}

func TestASweepWaitsForNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	busy, late := b.lease(agent(1)), b.lease(agent(1))
	b.exec(`UPDATE leases SET leased_until = now() - interval '1 second'`)
	release := b.hold(`SELECT FROM jobs WHERE id = $1 FOR UPDATE`, busy.Job.ID)
	require.Equal(t, 1, b.sweep().Expired)
	require.Equal(t, []string{"live", "expired"}, []string{b.end(busy), b.end(late)})
	release()
	require.Equal(t, 1, b.sweep().Expired)
}

// A heartbeat, an outcome and a sweep race for the same lease: whatever each of them answered must fit the lease's end.
func TestSweepsHeartbeatsAndOutcomesAgree(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 30 {
		c := agent(2)
		b.submit(2)
		leases := b.claim(c)
		require.Len(t, leases, 2)
		b.exec(`UPDATE leases SET leased_until = now() - interval '1 second' WHERE ended_at IS NULL`)
		var statuses []backend.LeaseStatus
		var outcome error
		var g errgroup.Group
		g.Go(func() (err error) {
			statuses, err = b.Heartbeat(t.Context(), c, []backend.Progress{{LeaseID: leases[1].ID}, {LeaseID: leases[0].ID}})
			return err
		})
		g.Go(func() error { _, outcome = b.finish(leases[0], success(leases[0])); return nil })
		g.Go(func() error { _, _, err := b.Sweep(t.Context()); return err })
		require.NoError(t, g.Wait())

		require.Equal(t, statuses[0] == backend.LeaseOK, b.end(leases[1]) == "live")
		switch end := b.end(leases[0]); end {
		case "succeeded":
			require.NoError(t, outcome)
		case "expired":
			requireCode(t, backend.Gone, outcome)
		default:
			t.Fatalf("a lease with an outcome is %s", end)
		}
		b.exec(`UPDATE jobs SET run_at = now()`)
		b.exec(`UPDATE leases SET leased_until = now() - interval '1 second' WHERE ended_at IS NULL`)
		b.sweep()
		b.exec(`UPDATE jobs SET state = 'cancelled' WHERE state = 'queued'`)
	}
}

// Agents that die, fail, release and succeed drain the queue: every job succeeds exactly once, none is lost.
func TestTheQueueDrainsThroughEveryKindOfEnd(t *testing.T) {
	t.Parallel()
	b := setup(t, ttl(time.Second))
	const jobs, agents = 60, 6
	b.submit(jobs, func(j *backend.NewJob) { j.MaxAttempts = 100 })
	left := func() int { return scalar[int](b, `SELECT count(*) FROM jobs WHERE state IN ('queued', 'leased')`) }
	var g errgroup.Group
	for a := range agents {
		g.Go(func() error {
			c := agent(4)
			for step := a; ; step++ {
				leases, err := b.ClaimJobs(t.Context(), c)
				if err != nil {
					return err
				}
				if len(leases) == 0 && left() == 0 {
					return nil
				}
				for i, l := range leases {
					switch (step + i) % 4 {
					case 0:
						c = agent(4) // dies
					case 1:
						_, err = b.finish(l, backend.Outcome{Status: backend.Failed})
					default:
						_, err = b.finish(l, success(l))
					}
					if code := backend.CodeOf(err); code != "" && code != backend.Gone {
						return err
					}
				}
				if _, _, err := b.Sweep(t.Context()); err != nil {
					return err
				}
			}
		})
	}
	require.NoError(t, g.Wait())
	require.Equal(t, jobs, scalar[int](b, `SELECT count(*) FROM jobs WHERE state = 'succeeded'`))
	require.Equal(t, jobs, scalar[int](b, `SELECT count(*) FROM leases WHERE "end" = 'succeeded'`))
	require.Equal(t, jobs, scalar[int](b, `SELECT count(DISTINCT job_id) FROM leases WHERE "end" = 'succeeded'`))
	require.Positive(t, scalar[int](b, `SELECT count(*) FROM leases WHERE "end" = 'expired'`))
	require.True(t, scalar[bool](b, `SELECT bool_and(grants = (SELECT count(*) FROM leases WHERE job_id = jobs.id)) FROM jobs`))
	stats, err := b.Stats(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, jobs, stats.Succeeded)
	require.EqualValues(t, jobs*fileSize, stats.BytesDelivered)
}

func TestTheSweeperPurges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.claim(agent(1))
	b.lease(agent(1))
	b.claim(agent(1))
	_, err := b.Once(t.Context(), key("k", "body"), answer(nil))
	require.NoError(t, err)
	b.exec(`UPDATE idempotency SET expires_at = now() - interval '1 second'`)
	b.exec(`UPDATE agents SET last_seen = now() - interval '25 hours' WHERE last_seen < (SELECT max(last_seen) FROM agents)`)
	b.sweep()
	require.Zero(t, scalar[int](b, `SELECT count(*) FROM idempotency`))
	require.Equal(t, 2, scalar[int](b, `SELECT count(*) FROM agents`), "one was heard of lately, one holds a lease")
}
