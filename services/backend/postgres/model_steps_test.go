package postgres

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"scalable-backend/services/backend"
)

func (m *machine) doSubmit(r *rapid.T) {
	jobs := make([]backend.NewJob, rapid.IntRange(1, 3).Draw(r, "jobs"))
	for i := range jobs {
		jobs[i] = backend.NewJob{
			FileID: rapid.SampledFrom(m.files).Draw(r, "file").ID, Dest: fmt.Sprintf("d%d", rapid.IntRange(0, 3).Draw(r, "dest")),
			Priority: rapid.IntRange(-1, 1).Draw(r, "priority"), MaxAttempts: rapid.IntRange(1, 3).Draw(r, "attempts"),
		}
	}
	submitted, err := m.SubmitJobs(m.t.Context(), jobs)
	require.NoError(r, err)
	require.Len(r, submitted, len(jobs))
	for i, got := range submitted {
		twin := m.active(jobs[i].FileID, jobs[i].Dest)
		require.Equal(r, twin != nil, got.Existing)
		if twin != nil {
			require.Equal(r, twin.id, got.Job.ID)
			continue
		}
		require.Equal(r, jobs[i], got.Job.NewJob)
		m.jobs = append(m.jobs, &modelJob{id: got.Job.ID, new: jobs[i], state: backend.JobQueued})
	}
}

// doClaim: first what the agent does not seem to know of, then the best of what is due.
func (m *machine) doClaim(r *rapid.T) {
	a := m.drawAgent(r)
	c := m.agents[a]
	c.Max = rapid.IntRange(1, 3).Draw(r, "max")
	got, err := m.ClaimJobs(m.t.Context(), c)
	require.NoError(r, err)
	m.claimed(r, a, c.Max, got)
}

// doClaimTogether: claims of several agents in one group are answered as one after the other. That of an agent with leases of which it
// does not seem to know comes last.
func (m *machine) doClaimTogether(r *rapid.T) {
	agents := rapid.Permutation([]int{0, 1, 2}).Draw(r, "agents")
	var claims []backend.Claim
	var order []int
	unknowing := -1
	for _, a := range agents {
		if !slices.ContainsFunc(m.live(a), func(l *modelLease) bool { return !l.renewed }) {
			order = append(order, a)
		} else if unknowing < 0 {
			unknowing = a
		}
	}
	if unknowing >= 0 {
		order = append(order, unknowing)
	}
	got := make([][]backend.Lease, len(order))
	errs := make([]error, len(order))
	calls := make([]func(), len(order))
	for i, a := range order {
		c := m.agents[a]
		c.Max = rapid.IntRange(1, 3).Draw(r, "max")
		claims = append(claims, c)
		calls[i] = func() { got[i], errs[i] = m.ClaimJobs(m.t.Context(), c) }
	}
	gather(m.t, m.Store.claims, calls...)
	for i, a := range order {
		require.NoError(r, errs[i])
		m.claimed(r, a, claims[i].Max, got[i])
	}
}

// claimed holds the answer to a claim against the model, and moves the model on.
func (m *machine) claimed(r *rapid.T, a, limit int, got []backend.Lease) {
	again := slices.DeleteFunc(m.live(a), func(l *modelLease) bool { return l.renewed })
	slices.SortFunc(again, func(a, b *modelLease) int { return bytes.Compare(a.job.id[:], b.job.id[:]) })
	again = again[:min(limit, len(again))]
	var due []*modelJob
	for _, j := range m.jobs {
		if j.state == backend.JobQueued && !j.waiting && !m.behind(j) {
			due = append(due, j)
		}
	}
	slices.SortFunc(due, func(a, b *modelJob) int {
		return cmp.Or(cmp.Compare(b.new.Priority, a.new.Priority), a.runAt.Compare(b.runAt), bytes.Compare(a.id[:], b.id[:]))
	})
	due = due[:min(limit-len(again), len(due))]

	require.Len(r, got, len(again)+len(due))
	ids := leaseIDs(got[:len(again)])
	for _, l := range again {
		require.Contains(r, ids, l.id)
		l.redelivered, l.old, l.timeUp = true, false, false
	}
	for i, j := range due {
		l := got[len(again)+i]
		j.state, j.bytes = backend.JobLeased, 0
		j.grants++
		require.Equal(r, j.id, l.Job.ID, "the best one first")
		require.Equal(r, j.grants, l.Attempt)
		m.leases = append(m.leases, &modelLease{id: l.ID, job: j, agent: a, outcome: -1})
	}
}

// behind reports whether a queued job waits for another one of its destination: one that is leased, or an older one that is queued.
// The model lists jobs in the order of their submission.
func (m *machine) behind(j *modelJob) bool {
	older := true
	for _, other := range m.jobs {
		switch {
		case other == j:
			older = false
		case other.new.Dest != j.new.Dest:
		case other.state == backend.JobLeased || (older && other.state == backend.JobQueued):
			return true
		}
	}
	return false
}

func (m *machine) drawAgent(r *rapid.T) int {
	return rapid.IntRange(0, len(m.agents)-1).Draw(r, "agent")
}

// drawLease takes any lease that ever was.
func (m *machine) drawLease(r *rapid.T) *modelLease {
	if len(m.leases) == 0 {
		r.Skip("no lease")
	}
	live := m.live(-1)
	if len(live) > 0 && rapid.IntRange(0, 3).Draw(r, "live") > 0 {
		return rapid.SampledFrom(live).Draw(r, "lease")
	}
	return rapid.SampledFrom(m.leases).Draw(r, "lease")
}

// doHeartbeat lists some of the agent's leases, and now and then one that is not its own.
func (m *machine) doHeartbeat(r *rapid.T) {
	a := m.drawAgent(r)
	var progress []backend.Progress
	var want []backend.LeaseStatus
	listed := map[*modelLease]bool{}
	for _, l := range m.leases {
		if rapid.IntRange(0, 3).Draw(r, "listed") == 0 || (l.agent != a && rapid.IntRange(0, 3).Draw(r, "another's") > 0) {
			continue
		}
		listed[l] = true
		progress = append(progress, backend.Progress{LeaseID: l.id, BytesDone: rapid.Int64Range(0, fileSize).Draw(r, "bytes")})
		switch {
		case l.end != "" || l.agent != a:
			want = append(want, backend.LeaseLost)
		case l.job.cancelRequested:
			want = append(want, backend.LeaseCancel)
		default:
			want = append(want, backend.LeaseOK)
		}
	}
	got, err := m.Heartbeat(m.t.Context(), m.agents[a], progress)
	require.NoError(r, err)
	require.Equal(r, len(want), len(got))
	for i, status := range want {
		require.Equal(r, status, got[i])
	}
	for _, p := range progress {
		l := m.lease(p.LeaseID)
		if l.end != "" || l.agent != a {
			continue
		}
		l.renewed, l.job.bytes = true, p.BytesDone
		if !l.job.cancelRequested {
			l.timeUp = false
		}
	}
	for _, l := range m.live(a) {
		if !listed[l] && l.old {
			m.endLease(l, unlisted, -1, "")
		}
	}
}

func (m *machine) lease(id uuid.UUID) *modelLease {
	return m.leases[slices.IndexFunc(m.leases, func(l *modelLease) bool { return l.id == id })]
}

// timePasses for one lease, for what waits, or for the sweeper's hold.
func (m *machine) timePasses(r *rapid.T) {
	switch rapid.SampledFrom([]string{"ttl", "ttl", "ten seconds", "backoff", "backoff", "hold"}).Draw(r, "what") {
	case "ttl":
		l := m.drawLease(r)
		l.timeUp = true
		m.exec(`UPDATE leases SET leased_until = now() - interval '1 second' WHERE lease_id = $1`, l.id)
	case "ten seconds":
		l := m.drawLease(r)
		l.old = true
		m.exec(
			`UPDATE leases SET granted_at = granted_at - interval '11 seconds',
				delivered_at = delivered_at - interval '11 seconds' WHERE lease_id = $1`,
			l.id,
		)
	case "backoff":
		m.exec(`UPDATE jobs SET run_at = now() WHERE state = 'queued' AND run_at > now()`)
		for _, j := range m.jobs {
			j.waiting = false
		}
	case "hold":
		m.exec(`UPDATE sweeper SET hold_until = now()`)
		m.hold = false
	}
}

func (m *machine) doSweep(r *rapid.T) {
	if rapid.IntRange(0, 4).Draw(r, "gap") == 0 {
		m.exec(`UPDATE sweeper SET last_tick = now() - $1::interval`, m.gap()+time.Minute)
		m.hold = true
	}
	want := backend.SweepResult{}
	if !m.hold {
		for _, l := range m.live(-1) {
			if l.timeUp {
				want.Expired++
				defer m.endLease(l, expired, -1, "the lease expired") // after the sweep
				if !l.job.cancelRequested && l.job.failures+1 >= l.job.new.MaxAttempts {
					want.Dead++
					defer func() { m.died-- }()
				}
			}
		}
	}
	want.Dead += m.died
	m.died = 0
	require.Equal(r, want, m.sweep())
}

func (m *machine) doAbandon(r *rapid.T) {
	var ids []uuid.UUID
	for _, l := range m.leases {
		if rapid.Bool().Draw(r, "abandoned") {
			ids = append(ids, l.id)
		}
	}
	require.NoError(r, m.Abandon(m.t.Context(), ids))
	for _, l := range m.live(-1) {
		if slices.Contains(ids, l.id) && !l.renewed && !l.redelivered {
			m.endLease(l, abandoned, -1, "")
		}
	}
}

func (m *machine) drawJob(r *rapid.T) *modelJob {
	if len(m.jobs) == 0 {
		r.Skip("no job")
	}
	return rapid.SampledFrom(m.jobs).Draw(r, "job")
}

func (m *machine) doCancel(r *rapid.T) {
	j := m.drawJob(r)
	_, err := m.CancelJob(m.t.Context(), j.id)
	switch j.state {
	case backend.JobQueued:
		j.state, j.cancelRequested = backend.JobCancelled, true
	case backend.JobLeased:
		j.cancelRequested = true
	case backend.JobCancelled:
	default:
		requireCode(m.t, backend.Conflict, err)
		return
	}
	require.NoError(r, err)
}

func (m *machine) doRetry(r *rapid.T) {
	j := m.drawJob(r)
	ended := j.state == backend.JobDead || j.state == backend.JobCancelled
	ok := ended && !m.overtaken(j) && m.active(j.new.FileID, j.new.Dest) == nil
	_, err := m.RetryJob(m.t.Context(), j.id)
	if !ok {
		require.Equal(r, backend.Conflict, backend.CodeOf(err), "%v", err)
		return
	}
	require.NoError(r, err)
	*j = modelJob{id: j.id, new: j.new, state: backend.JobQueued, grants: j.grants}
}

// overtaken reports whether a newer job of the same destination is queued or leased, or has succeeded.
func (m *machine) overtaken(j *modelJob) bool {
	newer := m.jobs[slices.Index(m.jobs, j)+1:]
	return slices.ContainsFunc(newer, func(other *modelJob) bool {
		return other.new.Dest == j.new.Dest && other.state != backend.JobDead && other.state != backend.JobCancelled
	})
}

// wearOut brings a job to the last release that is free.
func (m *machine) wearOut(r *rapid.T) {
	j := m.drawJob(r)
	j.releases = maxReleases
	m.exec(`UPDATE jobs SET releases = $2 WHERE id = $1`, j.id, maxReleases)
}
