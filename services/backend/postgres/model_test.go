package postgres

import (
	"flag"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"scalable-backend/services/backend"
)

var modelFor = flag.Duration("model", 8*time.Second, "how long the queue is compared with its model; raise -rapid.checks with it")

// TestTheQueueIsItsModel drives the queue and a model of it in memory through the same random steps. Whatever a step answers,
// and all rows after it, must be what the model says. Time is moved by hand: leases last an hour, and a step ends the hour.
func TestTheQueueIsItsModel(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *Options) { o.LeaseTTL, o.RetryBase, o.RetryCap = time.Hour, time.Hour, time.Hour })
	m := &machine{bundle: b}
	for range 2 {
		m.files = append(m.files, b.file())
	}
	for range 3 {
		m.agents = append(m.agents, agent(1))
	}
	began, checks, steps := time.Now(), 0, 0
	broken := false
	rapid.Check(t, func(r *rapid.T) {
		// A run that failed is run again, however late it is: one that then passed would be called flaky, and not be shown.
		if !broken && time.Since(began) > *modelFor {
			return
		}
		whole := false
		defer func() { broken = broken || !whole }()
		m.reset()
		for range 2 { // most of what can go wrong begins with leases
			m.doSubmit(r)
			m.compare(r)
			m.doClaim(r)
		}
		actions := map[string]func(*rapid.T){
			"submit": m.doSubmit, "claim": m.doClaim, "claim again": m.doClaim, "heartbeat": m.doHeartbeat,
			"claim together": m.doClaimTogether, "finish together": m.doFinishTogether,
			"finish": m.doFinish, "finish too": m.doFinish, "time passes": m.timePasses, "sweep": m.doSweep, "abandon": m.doAbandon,
			"cancel": m.doCancel, "retry": m.doRetry, "wear out": m.wearOut,
			"": func(r *rapid.T) { steps++; m.compare(r); m.ordered(r) },
		}
		r.Repeat(actions)
		checks++
		whole = true
	})
	t.Logf("%d steps in %d runs", steps, checks)
	require.Positive(t, checks)
}

// modelJob and modelLease are what the model knows of a row.
type modelJob struct {
	id              uuid.UUID
	new             backend.NewJob
	state           backend.JobState
	grants          int
	failures        int
	releases        int
	bytes           int64
	cancelRequested bool
	problem         string // its title
	waiting         bool   // for its next attempt
	runAt           time.Time
}

type modelLease struct {
	id          uuid.UUID
	job         *modelJob
	agent       int
	renewed     bool
	redelivered bool
	old         bool   // more than ten seconds since it was delivered
	timeUp      bool   // the sweeper may end it
	end         string // "" while it lives
	outcome     int    // that ended it, of outcomes; -1 for none
}

// machine is the system under test beside its model.
type machine struct {
	*bundle
	files  []backend.File
	agents []backend.Claim

	jobs   []*modelJob
	leases []*modelLease
	died   int  // since the last sweep
	hold   bool // nothing expires: the sweeper was away
}

func (m *machine) reset() {
	m.jobs, m.leases, m.died, m.hold = nil, nil, 0, false
	m.exec(`DELETE FROM leases`)
	m.exec(`DELETE FROM jobs`)
	m.exec(`UPDATE totals SET succeeded = 0, dead = 0, cancelled = 0, died = 0, bytes_delivered = 0`)
	m.exec(`UPDATE sweeper SET last_tick = now(), hold_until = now(), died_seen = 0`)
}

// live lists the leases that have not ended, of one agent or of all (-1).
func (m *machine) live(agent int) (live []*modelLease) {
	for _, l := range m.leases {
		if l.end == "" && (agent < 0 || l.agent == agent) {
			live = append(live, l)
		}
	}
	return live
}

func (m *machine) active(file uuid.UUID, dest string) *modelJob {
	for _, j := range m.jobs {
		if j.new.FileID == file && j.new.Dest == dest && (j.state == backend.JobQueued || j.state == backend.JobLeased) {
			return j
		}
	}
	return nil
}

// endLease is what the end of a lease does to it and to its job.
func (m *machine) endLease(l *modelLease, kind string, outcome int, problem string) {
	j := l.job
	failure := kind == failed || kind == expired || (kind == released && j.releases >= maxReleases)
	l.outcome = outcome
	switch {
	case kind == succeeded || kind == failed || kind == released:
		l.end = kind
	case j.cancelRequested:
		l.end = "cancelled"
	case kind == expired:
		l.end = expired
	default:
		l.end = released
	}
	if failure {
		j.failures++
		j.problem = problem
	}
	if kind == released {
		j.releases++
	}
	switch {
	case kind == succeeded:
		j.state, j.bytes, j.problem = backend.JobSucceeded, fileSize, ""
	case j.cancelRequested:
		j.state = backend.JobCancelled
	case failure && j.failures >= j.new.MaxAttempts:
		j.state = backend.JobDead
		m.died++
	default:
		j.state, j.waiting = backend.JobQueued, failure
	}
	if j.waiting {
		m.exec(`UPDATE jobs SET run_at = now() + interval '30 minutes' WHERE id = $1`, j.id)
	}
}

// stopTime lets the steps, however long they take, make no lease ten seconds old.
func (m *machine) stopTime() {
	var young []uuid.UUID
	for _, l := range m.live(-1) {
		if !l.old {
			young = append(young, l.id)
		}
	}
	m.exec(`UPDATE leases SET granted_at = granted_at + (now() - delivered_at), delivered_at = now() WHERE lease_id = ANY($1)`, young)
}

// compare reads all rows and holds them against the model.
func (m *machine) compare(r *rapid.T) {
	m.stopTime()
	rows, err := m.pool.Query(m.t.Context(), `
		SELECT id, state, grants, failures, releases, bytes_done, cancel_requested, coalesce(problem->>'title', ''), run_at,
			run_at > now() FROM jobs`)
	require.NoError(r, err)
	defer rows.Close()
	found := map[uuid.UUID]modelJob{}
	for rows.Next() {
		var j modelJob
		require.NoError(
			r,
			rows.Scan(&j.id, &j.state, &j.grants, &j.failures, &j.releases, &j.bytes, &j.cancelRequested, &j.problem, &j.runAt, &j.waiting),
		)
		found[j.id] = j
	}
	require.NoError(r, rows.Err())
	require.Len(r, found, len(m.jobs))
	var stats backend.Stats
	for _, j := range m.jobs {
		got := found[j.id]
		j.runAt, got.new = got.runAt, j.new
		if j.state != backend.JobQueued {
			j.waiting, got.waiting = false, false
		}
		require.Equal(r, *j, got)
		count(&stats, j)
	}
	ends, err := m.pool.Query(
		m.t.Context(),
		`SELECT lease_id, coalesce("end", ''), leased_until < now(), outcome_hash IS NOT NULL FROM leases`,
	)
	require.NoError(r, err)
	defer ends.Close()
	type end struct {
		end              string
		timeUp, reported bool
	}
	got, want := map[uuid.UUID]end{}, map[uuid.UUID]end{}
	for ends.Next() {
		var id uuid.UUID
		var e end
		require.NoError(r, ends.Scan(&id, &e.end, &e.timeUp, &e.reported))
		got[id] = e
	}
	require.NoError(r, ends.Err())
	for _, l := range m.leases {
		want[l.id] = end{l.end, l.timeUp, l.outcome >= 0}
	}
	require.Equal(r, want, got)
	actual, err := m.Stats(m.t.Context())
	require.NoError(r, err)
	require.Equal(r, stats, backend.Stats{
		Queued: actual.Queued, Leased: actual.Leased, Succeeded: actual.Succeeded, Dead: actual.Dead, Cancelled: actual.Cancelled,
	})
	require.Equal(r, stats.Succeeded*fileSize, actual.BytesDelivered)
}

// ordered holds each destination to its promise: one lease at a time, and nothing older is done after a newer one has succeeded.
func (m *machine) ordered(r *rapid.T) {
	require.Zero(r, scalar[int](m.bundle, `
		SELECT count(*) FROM jobs a JOIN jobs b ON a.dest_hash = b.dest_hash AND a.id <> b.id
		WHERE a.state = 'leased' AND b.state = 'leased'`))
	require.Zero(r, scalar[int](m.bundle, `
		SELECT count(*) FROM jobs older JOIN jobs newer ON older.dest_hash = newer.dest_hash
		WHERE older.state IN ('queued', 'leased') AND newer.state = 'succeeded'
			AND (older.created_at, older.id) < (newer.created_at, newer.id)`))
}

func count(s *backend.Stats, j *modelJob) {
	*map[backend.JobState]*int64{
		backend.JobQueued: &s.Queued, backend.JobLeased: &s.Leased, backend.JobSucceeded: &s.Succeeded,
		backend.JobDead: &s.Dead, backend.JobCancelled: &s.Cancelled,
	}[j.state]++
}
