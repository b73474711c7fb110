package postgres

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/backend"
)

func TestASubmissionIsAllOrNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ready, pending := b.file(), b.pendingFile()
	_, err := b.SubmitJobs(t.Context(), []backend.NewJob{
		{FileID: ready.ID, MaxAttempts: 1}, {FileID: uuid.New(), MaxAttempts: 1}, {FileID: pending.ID, MaxAttempts: 1},
	})
	requireCode(t, backend.Unprocessable, err)
	require.Equal(t, []backend.FieldError{
		{Pointer: "/jobs/1/file_id", Detail: "no such file"}, {Pointer: "/jobs/2/file_id", Detail: "the file is not ready"},
	}, err.(*backend.Error).Fields)
	for _, bad := range []backend.NewJob{
		{FileID: ready.ID, Dest: "x", MaxAttempts: 0}, {FileID: ready.ID, Dest: "x", MaxAttempts: 101},
		{FileID: ready.ID, Dest: "x", MaxAttempts: 1, Priority: 101},
		{FileID: ready.ID, MaxAttempts: 1, Dest: "a\x00"},
	} {
		_, err = b.SubmitJobs(t.Context(), []backend.NewJob{{FileID: ready.ID, MaxAttempts: 1}, bad})
		requireCode(t, backend.Invalid, err)
	}
	require.Zero(t, scalar[int](b, `SELECT count(*) FROM jobs`))
	_, err = b.GetJob(t.Context(), uuid.New())
	requireCode(t, backend.NotFound, err)
}

func TestATwinReturnsTheExistingJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.file()
	long := strings.Repeat("ä/", 500) + "x" // longer than an index row may be
	first, err := b.SubmitJobs(t.Context(), []backend.NewJob{
		{FileID: f.ID, MaxAttempts: 2}, {FileID: f.ID, Dest: long, MaxAttempts: 2},
	})
	require.NoError(t, err)
	require.Equal(t, f.Name, first[0].Job.Dest, "an empty destination is the file's name")
	second, err := b.SubmitJobs(t.Context(), []backend.NewJob{
		{FileID: f.ID, Dest: "new", MaxAttempts: 2},
		{FileID: f.ID, Dest: long, MaxAttempts: 2},
		{FileID: f.ID, Dest: f.Name, MaxAttempts: 2},
		{FileID: f.ID, Dest: "new", MaxAttempts: 2},
	})
	require.NoError(t, err)
	require.Equal(t, []bool{false, true, true, true},
		[]bool{second[0].Existing, second[1].Existing, second[2].Existing, second[3].Existing})
	require.Equal(t, first[1].Job, second[1].Job)
	require.Equal(t, first[0].Job, second[2].Job)
	require.Equal(t, second[0].Job, second[3].Job)

	l := b.claim(agent(1))[0]
	require.Equal(t, first[0].Job.ID, l.Job.ID)
	third, err := b.SubmitJobs(t.Context(), []backend.NewJob{{FileID: f.ID, MaxAttempts: 2}})
	require.NoError(t, err)
	require.True(t, third[0].Existing, "leased jobs are active")
	_, err = b.finish(l, success(l))
	require.NoError(t, err)
	fourth, err := b.SubmitJobs(t.Context(), []backend.NewJob{{FileID: f.ID, MaxAttempts: 2}})
	require.NoError(t, err)
	require.False(t, fourth[0].Existing, "succeeded jobs are not")
}

func TestConcurrentTwinSubmissionsMakeEachJobOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	files := []backend.File{b.file(), b.file(), b.file()}
	var batch []backend.NewJob
	for i := range 30 {
		batch = append(batch, backend.NewJob{FileID: files[i%3].ID, Dest: fmt.Sprintf("d%d", i), MaxAttempts: 1})
	}
	const submitters = 8
	created := make([]int, submitters)
	var g errgroup.Group
	for i := range submitters {
		mine := append([]backend.NewJob(nil), batch...)
		rand.Shuffle(len(mine), func(a, b int) { mine[a], mine[b] = mine[b], mine[a] })
		g.Go(func() error {
			submitted, err := b.SubmitJobs(t.Context(), mine)
			for k, s := range submitted {
				if s.Job.FileID != mine[k].FileID || s.Job.Dest != mine[k].Dest {
					return fmt.Errorf("job %d answers another one", k)
				}
				if !s.Existing {
					created[i]++
				}
			}
			return err
		})
	}
	require.NoError(t, g.Wait())
	total := 0
	for _, n := range created {
		total += n
	}
	require.Equal(t, len(batch), total)
	require.Equal(t, len(batch), scalar[int](b, `SELECT count(*) FROM jobs`))
}

func TestAQueuedJobIsCancelledAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(1)[0].ID
	for range 2 { // repeating it is safe
		job, err := b.CancelJob(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, backend.JobCancelled, job.State)
	}
	require.Empty(t, b.claim(agent(1)))
	require.Equal(t, []string{"submitted", "cancelled"}, b.events(id))
	_, err := b.CancelJob(t.Context(), uuid.New())
	requireCode(t, backend.NotFound, err)
}

func TestASucceededOrDeadJobCannotBeCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := b.lease(agent(1))
	_, err := b.finish(l, success(l))
	require.NoError(t, err)
	_, err = b.CancelJob(t.Context(), l.Job.ID)
	requireCode(t, backend.Conflict, err)
	l = b.lease(agent(1), func(j *backend.NewJob) { j.MaxAttempts = 1 })
	_, err = b.finish(l, backend.Outcome{Status: backend.Failed})
	require.NoError(t, err)
	_, err = b.CancelJob(t.Context(), l.Job.ID)
	requireCode(t, backend.Conflict, err)
}

func TestRetryQueuesADeadOrCancelledJobAnew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(1)
	l := b.lease(c, func(j *backend.NewJob) { j.MaxAttempts = 1 })
	_, err := b.RetryJob(t.Context(), l.Job.ID)
	requireCode(t, backend.Conflict, err) // leased
	b.heartbeat(c, l)
	b.exec(`UPDATE jobs SET releases = $2 WHERE id = $1`, l.Job.ID, maxReleases)
	dead, err := b.finish(l, backend.Outcome{Status: backend.Failed, Problem: &backend.JobProblem{Title: "disk full"}})
	require.NoError(t, err)
	require.Equal(t, backend.JobDead, dead.State)
	require.Positive(t, dead.BytesDone)

	job, err := b.RetryJob(t.Context(), l.Job.ID)
	require.NoError(t, err)
	require.Equal(t, backend.JobQueued, job.State)
	require.Zero(t, job.Failures)
	require.Nil(t, job.Problem)
	require.Zero(t, job.BytesDone, "nothing of the new attempt is there")
	require.Zero(t, scalar[int](b, `SELECT releases FROM jobs WHERE id = $1`, l.Job.ID), "all releases are free again")
	require.Equal(t, 1, job.Grants, "grants never decrease")
	_, err = b.RetryJob(t.Context(), l.Job.ID)
	requireCode(t, backend.Conflict, err) // queued

	_, err = b.CancelJob(t.Context(), l.Job.ID)
	require.NoError(t, err)
	twin, err := b.SubmitJobs(t.Context(), []backend.NewJob{{FileID: l.File.ID, Dest: l.Job.Dest, MaxAttempts: 1}})
	require.NoError(t, err)
	require.False(t, twin[0].Existing)
	_, err = b.RetryJob(t.Context(), l.Job.ID)
	requireCode(t, backend.Conflict, err) // an active twin
	_, err = b.CancelJob(t.Context(), twin[0].Job.ID)
	require.NoError(t, err)
	job, err = b.RetryJob(t.Context(), l.Job.ID)
	require.NoError(t, err)
	require.False(t, job.CancelRequested)
	again := b.claim(c)
	require.Len(t, again, 1)
	require.Equal(t, 2, again[0].Attempt)
	_, err = b.RetryJob(t.Context(), uuid.New())
	requireCode(t, backend.NotFound, err)
}

// The older of two versions is not retried when the newer one counts, also after retention has removed what tells of the newer one.
func TestAnOlderVersionDoesNotReplaceANewerOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to := func(dest string) func(*backend.NewJob) {
		return func(j *backend.NewJob) { j.Dest, j.MaxAttempts = dest, 1 }
	}
	older := b.lease(agent(1), to("d"))
	_, err := b.finish(older, backend.Outcome{Status: backend.Failed})
	require.NoError(t, err)
	cancelled := b.submit(1, to("d"))[0]
	_, err = b.CancelJob(t.Context(), cancelled.ID)
	require.NoError(t, err)
	retry := func(detail string) {
		t.Helper()
		for _, id := range []uuid.UUID{older.Job.ID, cancelled.ID} {
			_, err := b.RetryJob(t.Context(), id)
			requireCode(t, backend.Conflict, err)
			require.ErrorContains(t, err, detail)
		}
	}
	newer := b.submit(1, to("d"))[0]
	retry("a newer job of the same destination is queued or leased")
	l := b.claim(agent(1))[0]
	require.Equal(t, newer.ID, l.Job.ID)
	retry("a newer job of the same destination is queued or leased")
	_, err = b.finish(l, success(l))
	require.NoError(t, err)
	retry("a newer job of the same destination has succeeded: submit the file again")
	last := b.lease(agent(1), to("d"))
	_, err = b.finish(last, success(last))
	require.NoError(t, err)
	require.Equal(t, []string{"submitted", "granted", "failed", "superseded"}, b.events(older.Job.ID), "told once")
	require.NotContains(t, b.events(newer.ID), "superseded", "it has succeeded itself")
	b.exec(`UPDATE jobs SET created_at = created_at - interval '31 days', updated_at = updated_at - interval '31 days'`)
	b.retain(backend.Retention{Ended: 30 * day, Dead: 90 * day})
	require.Equal(t, 1, scalar[int](b, `SELECT count(*) FROM jobs`))
	_, err = b.RetryJob(t.Context(), older.Job.ID)
	requireCode(t, backend.Conflict, err)

	elsewhere := b.lease(agent(1), to("e"))
	_, err = b.finish(elsewhere, backend.Outcome{Status: backend.Failed})
	require.NoError(t, err)
	failed := b.lease(agent(1), to("e"))
	_, err = b.finish(failed, backend.Outcome{Status: backend.Failed})
	require.NoError(t, err)
	_, err = b.RetryJob(t.Context(), elsewhere.Job.ID)
	require.NoError(t, err, "the newer one has not succeeded")
}

func TestJobsAreListedByStateAndFile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	jobs := b.submit(5)
	c := agent(3)
	leases := b.claim(c)
	_, err := b.finish(leases[0], success(leases[0]))
	require.NoError(t, err)
	_, err = b.finish(leases[1], backend.Outcome{Status: backend.Failed})
	require.NoError(t, err)
	b.exec(`UPDATE jobs SET state = 'dead' WHERE id = $1`, leases[1].Job.ID)
	_, err = b.CancelJob(t.Context(), jobs[4].ID)
	require.NoError(t, err)
	other := b.submit(1)[0]
	ids := func(f backend.JobFilter) (ids []uuid.UUID) {
		listed, err := b.ListJobs(t.Context(), f, backend.Page{Size: 10})
		require.NoError(t, err)
		for _, j := range listed {
			ids = append(ids, j.ID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{leases[0].Job.ID}, ids(backend.JobFilter{State: backend.JobSucceeded}))
	require.Equal(t, []uuid.UUID{leases[1].Job.ID}, ids(backend.JobFilter{State: backend.JobDead}))
	require.Equal(t, []uuid.UUID{leases[2].Job.ID}, ids(backend.JobFilter{State: backend.JobLeased}))
	require.Equal(t, []uuid.UUID{jobs[4].ID}, ids(backend.JobFilter{State: backend.JobCancelled}))
	require.Equal(t, []uuid.UUID{other.ID, jobs[3].ID}, ids(backend.JobFilter{State: backend.JobQueued}))
	require.Equal(t, []uuid.UUID{other.ID}, ids(backend.JobFilter{FileID: &other.FileID}))
	require.Equal(t, []uuid.UUID{jobs[3].ID}, ids(backend.JobFilter{FileID: &jobs[0].FileID, State: backend.JobQueued}))
	_, err = b.ListJobs(t.Context(), backend.JobFilter{State: "odd"}, backend.Page{Size: 1})
	requireCode(t, backend.Invalid, err)
}
