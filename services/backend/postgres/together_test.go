package postgres

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

// Every report of a group is answered as if it were alone, whatever is wrong with the others.
func TestReportsOfAGroupAreAnsweredAsIfAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.submit(11, func(j *backend.NewJob) { j.MaxAttempts = 2 })
	c := agent(11)
	leases := b.claim(c)
	require.Len(t, leases, 11)
	failure := backend.Outcome{Status: backend.Failed, Problem: &backend.JobProblem{Title: "broken"}}
	wrong := success(leases[2])
	wrong.SHA256 = &[32]byte{1}
	_, err := b.finish(leases[4], failure)
	require.NoError(t, err)
	_, err = b.finish(leases[5], failure)
	require.NoError(t, err)
	b.exec(`UPDATE leases SET leased_until = now() - interval '1 second' WHERE lease_id = $1`, leases[6].ID)
	require.Equal(t, 1, b.sweep().Expired)
	_, err = b.CancelJob(t.Context(), leases[7].Job.ID)
	require.NoError(t, err)
	b.exec(`UPDATE jobs SET failures = 1 WHERE id = $1`, leases[8].Job.ID)
	release := b.hold(`SELECT FROM jobs WHERE id = $1 FOR UPDATE`, leases[9].Job.ID)

	tests := []reportTest{
		{leases[0].ID, "caller", success(leases[0]), "", backend.JobSucceeded},
		{leases[1].ID, "caller", failure, "", backend.JobQueued},
		{leases[2].ID, "caller", wrong, backend.Unprocessable, ""},
		{leases[3].ID, "a stranger", success(leases[3]), backend.NotFound, ""},
		{leases[4].ID, "caller", failure, "", backend.JobQueued}, // a repeat
		{leases[5].ID, "caller", success(leases[5]), backend.Conflict, ""},
		{leases[6].ID, "caller", success(leases[6]), backend.Gone, ""},
		{leases[7].ID, "caller", backend.Outcome{Status: backend.Released}, "", backend.JobCancelled},
		{leases[8].ID, "caller", failure, "", backend.JobDead},
		{leases[9].ID, "caller", success(leases[9]), "", backend.JobSucceeded}, // once it is not locked any more
		{uuid.New(), "caller", success(leases[0]), backend.NotFound, ""},
	}
	waits := time.AfterFunc(200*time.Millisecond, release)
	defer waits.Stop()
	b.reportTogether(tests)
	require.Equal(t, []string{"submitted", "granted", "succeeded"}, b.events(leases[0].Job.ID))
	require.Equal(t, []string{"submitted", "granted", "failed"}, b.events(leases[4].Job.ID))
	require.Equal(t, "live", b.end(leases[2]))

	// One that cannot be stored lets the statement fail for all of them.
	b.exec(`UPDATE jobs SET run_at = now() WHERE state = 'queued'`)
	odd := b.claim(agent(2))
	require.Len(t, odd, 2)
	b.reportTogether([]reportTest{
		{odd[0].ID, "caller", backend.Outcome{Status: backend.Failed, Problem: &backend.JobProblem{Title: "a\x00b"}}, backend.Invalid, ""},
		{odd[1].ID, "caller", success(odd[1]), "", backend.JobSucceeded},
		{leases[3].ID, "caller", success(leases[3]), "", backend.JobSucceeded},
	})
}

type reportTest struct {
	lease  uuid.UUID
	caller string
	o      backend.Outcome
	code   backend.Code
	state  backend.JobState
}

func (b *bundle) reportTogether(tests []reportTest) {
	b.t.Helper()
	calls := make([]func(), len(tests))
	for i, test := range tests {
		calls[i] = func() {
			job, err := b.FinishLease(b.t.Context(), test.lease, test.caller, test.o)
			if code := backend.CodeOf(err); code != test.code || job.State != test.state {
				b.t.Errorf("report %d: want %q and %q, got %q (%v) and %q", i, test.code, test.state, code, err, job.State)
			}
		}
	}
	gather(b.t, b.reports, calls...)
}

// Two reports of one lease do not meet in one statement.
func TestARepeatInAGroupIsARepeat(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := b.lease(agent(1))
	slower := success(l)
	slower.Duration *= 2
	b.reportTogether([]reportTest{
		{l.ID, "caller", success(l), "", backend.JobSucceeded},
		{l.ID, "caller", slower, "", backend.JobSucceeded},
		{l.ID, "caller", backend.Outcome{Status: backend.Released}, backend.Conflict, ""},
	})
	require.Equal(t, []string{"submitted", "granted", "succeeded"}, b.events(l.Job.ID))
}

// Jobs that a group gives back wake the waiters, as one that is given back alone does.
func TestAGroupWakes(t *testing.T) {
	t.Parallel()
	var woken atomic.Int32
	b := setup(t, func(o *Options) { o.OnWake = func() { woken.Add(1) } })
	b.submit(3)
	leases := b.claim(agent(3))
	before := woken.Load()
	wake := b.Wake()
	b.reportTogether([]reportTest{
		{leases[0].ID, "caller", success(leases[0]), "", backend.JobSucceeded},
		{leases[1].ID, "caller", success(leases[1]), "", backend.JobSucceeded},
	})
	require.Equal(t, before, woken.Load(), "nothing to be leased")
	b.reportTogether([]reportTest{{leases[2].ID, "caller", backend.Outcome{Status: backend.Released}, "", backend.JobQueued}})
	require.Equal(t, before+1, woken.Load())
	<-wake
}

// Claims of a group get the best jobs in the order in which they came, and leases of which an agent may not know come first.
func TestClaimsOfAGroup(t *testing.T) {
	t.Parallel()
	b := setup(t)
	known := b.lease(agent(1))
	lost := agent(2)
	first := b.lease(lost)
	jobs := b.submit(7)
	late := b.submit(1, func(j *backend.NewJob) { j.Priority = 3 })[0]
	one, two, none, twice := agent(1), agent(2), agent(3), agent(1)
	got := make([][]backend.Lease, 6)
	claim := func(i int, c backend.Claim) func() {
		return func() {
			leases, err := b.ClaimJobs(t.Context(), c)
			if err != nil {
				t.Error(err)
			}
			got[i] = leases
		}
	}
	none.Max = 0
	gather(t, b.claims, claim(0, one), claim(1, two), claim(2, lost), claim(3, twice), claim(4, twice), claim(5, none))
	ids := func(leases []backend.Lease) (ids []uuid.UUID) {
		for _, l := range leases {
			ids = append(ids, l.Job.ID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{late.ID}, ids(got[0]))
	require.Equal(t, []uuid.UUID{jobs[0].ID, jobs[1].ID}, ids(got[1]))
	require.Equal(t, []uuid.UUID{jobs[2].ID}, ids(got[3]))
	require.Equal(t, got[3][0].ID, got[4][0].ID, "the second claim of one agent finds the lease of the first")
	require.Empty(t, got[5])
	require.Len(t, got[2], 2)
	require.Equal(t, first.ID, got[2][0].ID, "redelivered")
	require.Equal(t, jobs[3].ID, got[2][1].Job.ID)
	require.Equal(t, "live", b.end(known))
}

// In a group, too, an answer holds no more part digests than API Gateway lets through.
func TestDigestsBoundEachClaimOfAGroup(t *testing.T) {
	t.Parallel()
	b := setup(t)
	jobs := b.submit(6)
	const parts = maxDigests / 32 / 2
	b.exec(fmt.Sprintf(`UPDATE files SET size = %d, part_size = 1, part_sha256 = decode(repeat('00', %d), 'hex') WHERE id = $1`,
		parts, 32*parts), jobs[0].FileID)
	got := make([]int, 2)
	calls := make([]func(), 2)
	for i := range calls {
		calls[i] = func() {
			leases, err := b.ClaimJobs(t.Context(), agent(3))
			if err != nil {
				t.Error(err)
			}
			got[i] = len(leases)
		}
	}
	gather(t, b.claims, calls...)
	require.Equal(t, []int{2, 2}, got)
}

// The statements that calls share keep their plans, which were made when nothing was known of the tables: each must lead through
// indexes alone, in a database that is empty and in one that has grown meanwhile.
func TestSharedPlansUseIndexes(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.MaxConns = 1 })
	statements := map[string]int{noteSeen: 5, withUnconfirmed: 3, grantUnconfirmed: 5, finishTogether: 10} // with their parameters
	check := func(when string) {
		tx, err := b.pool.Begin(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
		_, err = tx.Exec(t.Context(), steadyPlans)
		require.NoError(t, err)
		for sql, parameters := range statements {
			_, err := tx.Exec(t.Context(), "PREPARE statement AS "+sql)
			require.NoError(t, err)
			lines, err := all(t.Context(), tx, scanText,
				"EXPLAIN EXECUTE statement (NULL"+strings.Repeat(", NULL", parameters-1)+")")
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), "DEALLOCATE statement")
			require.NoError(t, err)
			plan := strings.Join(lines, "\n")
			require.NotContains(t, plan, "Seq Scan", "%s: %s\n%s", when, sql, plan)
			require.NotContains(t, plan, "Hash", "%s: %s\n%s", when, sql, plan)
		}
	}
	require.Equal(t, "off", scalar[string](b, `SHOW jit`))
	check("empty")
	b.exec(`ANALYZE jobs, leases, files, agents, job_events`)
	check("empty and analyzed")
	file := b.submit(300)[0].FileID
	b.straw(file, 1, 10_000)
	check("full")
	b.exec(`ANALYZE jobs, leases, files, agents, job_events`)
	check("full and analyzed")
}
