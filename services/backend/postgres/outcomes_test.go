package postgres

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/backend"
)

func TestASuccessIsTakenOnlyWithTheCataloguesDigestAndSize(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(1)
	l := b.lease(c)
	wrong := success(l)
	wrong.SHA256 = &[32]byte{1}
	long := success(l)
	size := l.File.Size + 1
	long.Bytes = &size
	for _, o := range []backend.Outcome{wrong, long, {Status: backend.Succeeded}} {
		_, err := b.finish(l, o)
		requireCode(t, backend.Unprocessable, err)
		require.NotEmpty(t, err.(*backend.Error).Fields)
	}
	require.Equal(t, []backend.LeaseStatus{backend.LeaseOK}, b.heartbeat(c, l), "the lease goes on")
	job, err := b.finish(l, success(l))
	require.NoError(t, err)
	require.Equal(t, backend.JobSucceeded, job.State)
	require.Equal(t, l.File.Size, job.BytesDone)
	_, err = b.finish(l, backend.Outcome{Status: "odd"})
	requireCode(t, backend.Invalid, err)
}

func TestAnOutcomeIsIdempotentAndAnotherOneConflicts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := b.lease(agent(1))
	first, err := b.finish(l, success(l))
	require.NoError(t, err)
	slower := success(l)
	slower.Duration *= 2
	again, err := b.finish(l, slower)
	require.NoError(t, err)
	require.Equal(t, first, again)
	_, err = b.finish(l, backend.Outcome{Status: backend.Failed})
	requireCode(t, backend.Conflict, err)
	require.Equal(t, []string{"submitted", "granted", "succeeded"}, b.events(l.Job.ID))

	_, err = b.FinishLease(t.Context(), l.ID, "another caller", success(l))
	requireCode(t, backend.NotFound, err)
	_, err = b.FinishLease(t.Context(), uuid.New(), "caller", success(l))
	requireCode(t, backend.NotFound, err)

	l = b.lease(agent(1))
	o := backend.Outcome{Status: backend.Failed, Problem: &backend.JobProblem{Title: "a", Detail: "b"}}
	_, err = b.finish(l, o)
	require.NoError(t, err)
	_, err = b.finish(l, o)
	require.NoError(t, err)
	require.Equal(t, 1, b.job(l.Job.ID).Failures, "a repeat does not count")
	_, err = b.finish(l, backend.Outcome{Status: backend.Failed, Problem: &backend.JobProblem{Title: "a", Detail: "c"}})
	requireCode(t, backend.Conflict, err)
	_, err = b.finish(l, success(l))
	requireCode(t, backend.Conflict, err)
}

func TestOfConcurrentOutcomesOneIsTaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 10 {
		l := b.lease(agent(1))
		var ok, conflict atomic.Int64
		var g errgroup.Group
		for _, o := range []backend.Outcome{
			success(l), {Status: backend.Failed}, {Status: backend.Released},
			{Status: backend.Failed, Problem: &backend.JobProblem{Title: "x"}},
		} {
			g.Go(func() error {
				switch _, err := b.finish(l, o); backend.CodeOf(err) {
				case "":
					ok.Add(1)
				case backend.Conflict:
					conflict.Add(1)
				default:
					return err
				}
				return nil
			})
		}
		require.NoError(t, g.Wait())
		require.EqualValues(t, 1, ok.Load())
		require.EqualValues(t, 3, conflict.Load())
		b.exec(`UPDATE jobs SET state = 'cancelled' WHERE state = 'queued'`)
	}
}

func TestFailuresBackOffAndThenTheJobIsDead(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.RetryBase, o.RetryCap = 100*time.Millisecond, 150*time.Millisecond })
	c := agent(1)
	l := b.lease(c) // of three attempts
	problem := &backend.JobProblem{Title: "origin is down", Detail: "503"}
	for attempt := 1; attempt <= 3; attempt++ {
		require.Equal(t, attempt, l.Attempt)
		before := scalar[time.Time](b, `SELECT now()`)
		job, err := b.finish(l, backend.Outcome{Status: backend.Failed, Problem: problem})
		require.NoError(t, err)
		require.Equal(t, attempt, job.Failures)
		require.Equal(t, problem, job.Problem)
		if attempt == 3 {
			require.Equal(t, backend.JobDead, job.State)
			break
		}
		require.Equal(t, backend.JobQueued, job.State)
		require.False(t, job.RunAt.Before(before))
		longest := min(100*time.Millisecond<<(attempt-1), 150*time.Millisecond)
		require.LessOrEqual(t, job.RunAt.Sub(job.UpdatedAt), longest)
		l = b.due(c)[0]
	}
	require.Empty(t, b.claim(c))
	require.Equal(t, backend.SweepResult{Dead: 1}, b.sweep())
	require.Equal(t, backend.SweepResult{}, b.sweep(), "each death is told once")
}

func TestBackoffHasFullJitterAndACap(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.RetryBase, o.RetryCap = time.Minute, time.Hour })
	b.submit(200, func(j *backend.NewJob) { j.MaxAttempts = 100 })
	b.exec(`UPDATE jobs SET failures = 90`)
	leases := b.claim(agent(200))
	var below, total int
	for _, l := range leases {
		job, err := b.finish(l, backend.Outcome{Status: backend.Failed})
		require.NoError(t, err)
		wait := job.RunAt.Sub(job.UpdatedAt)
		require.GreaterOrEqual(t, wait, time.Duration(0))
		require.LessOrEqual(t, wait, time.Hour)
		total++
		if wait < 30*time.Minute {
			below++
		}
	}
	require.InDelta(t, 0.5, float64(below)/float64(total), 0.2, "spread evenly over the whole time")
}

func TestAReleaseIsNoFailureTenTimes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(1)
	l := b.lease(c)
	for range maxReleases {
		job, err := b.finish(l, backend.Outcome{Status: backend.Released})
		require.NoError(t, err)
		require.Equal(t, backend.JobQueued, job.State)
		require.Zero(t, job.Failures)
		again := b.claim(c)
		require.Len(t, again, 1, "at once")
		require.NotEqual(t, l.ID, again[0].ID)
		l = again[0]
	}
	job, err := b.finish(l, backend.Outcome{Status: backend.Released})
	require.NoError(t, err)
	require.Equal(t, 1, job.Failures)
	require.NotNil(t, job.Problem)
	require.Equal(t, maxReleases+1, job.Grants)
}

func plain(status backend.OutcomeStatus) func(backend.Lease) backend.Outcome {
	return func(backend.Lease) backend.Outcome { return backend.Outcome{Status: status} }
}

func TestCancellationOfALeasedJob(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		outcome func(backend.Lease) backend.Outcome
		want    backend.JobState
	}{
		"released becomes cancelled":            {plain(backend.Released), backend.JobCancelled},
		"failed becomes cancelled":              {plain(backend.Failed), backend.JobCancelled},
		"a success that was faster remains one": {success, backend.JobSucceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			c := agent(1)
			l := b.lease(c)
			for range 2 { // repeating it is safe
				job, err := b.CancelJob(t.Context(), l.Job.ID)
				require.NoError(t, err)
				require.Equal(t, backend.JobLeased, job.State)
				require.True(t, job.CancelRequested)
			}
			require.Equal(t, []backend.LeaseStatus{backend.LeaseCancel}, b.heartbeat(c, l))
			o := test.outcome(l)
			job, err := b.finish(l, o)
			require.NoError(t, err)
			require.Equal(t, test.want, job.State)
			again, err := b.finish(l, o)
			require.NoError(t, err)
			require.Equal(t, job, again)
			require.Empty(t, b.claim(c))
		})
	}
}
