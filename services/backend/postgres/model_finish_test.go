package postgres

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"scalable-backend/services/backend"
)

// outcomes are what agents report. The second is not of the file.
func (m *machine) outcomes(l *modelLease) []backend.Outcome {
	good := backend.Lease{}
	for _, f := range m.files {
		if f.ID == l.job.new.FileID {
			good.File = f
		}
	}
	bad := success(good)
	bad.SHA256 = new([32]byte)
	return []backend.Outcome{
		success(good), bad, {Status: backend.Failed}, {Status: backend.Failed, Problem: &backend.JobProblem{Title: "broken"}},
		{Status: backend.Released},
	}
}

// modelReport is a report that is to be made, with the code of its answer.
type modelReport struct {
	lease  *modelLease
	which  int // of outcomes
	o      backend.Outcome
	caller string
	want   backend.Code
	ends   bool // the lease
}

func (m *machine) drawReport(r *rapid.T) (d modelReport) {
	l := m.drawLease(r)
	all := m.outcomes(l)
	d = modelReport{lease: l, which: rapid.IntRange(0, len(all)-1).Draw(r, "outcome"), caller: "caller"}
	d.o = all[d.which]
	d.o.Duration = time.Duration(rapid.IntRange(0, 1000).Draw(r, "ms")) * time.Millisecond // tells no outcome from another
	if rapid.IntRange(0, 9).Draw(r, "caller") == 0 {
		d.caller = "a stranger"
	}
	switch {
	case d.caller != "caller":
		d.want = backend.NotFound
	case l.end != "" && l.outcome < 0:
		d.want = backend.Gone
	case l.end != "" && l.outcome != d.which:
		d.want = backend.Conflict
	case l.end == "" && d.which == 1:
		d.want = backend.Unprocessable
	}
	d.ends = d.want == "" && l.end == ""
	return d
}

// reported moves the model on by a report that ends its lease.
func (m *machine) reported(d modelReport) {
	problem := "released too often"
	if d.o.Status == backend.Failed {
		problem = "the agent reported a failure"
	}
	if d.o.Problem != nil {
		problem = d.o.Problem.Title
	}
	m.endLease(d.lease, string(d.o.Status), d.which, problem)
}

func (m *machine) doFinish(r *rapid.T) { m.finishTogether(r, []modelReport{m.drawReport(r)}) }

// doFinishTogether: reports of several leases in one group are answered as if each were alone.
func (m *machine) doFinishTogether(r *rapid.T) {
	var reports []modelReport
	for range rapid.IntRange(2, 4).Draw(r, "reports") {
		d := m.drawReport(r)
		if !slices.ContainsFunc(reports, func(other modelReport) bool { return other.lease == d.lease }) {
			reports = append(reports, d)
		}
	}
	m.finishTogether(r, reports)
}

func (m *machine) finishTogether(r *rapid.T, reports []modelReport) {
	jobs, errs, calls := make([]backend.Job, len(reports)), make([]error, len(reports)), make([]func(), len(reports))
	for i, d := range reports {
		calls[i] = func() { jobs[i], errs[i] = m.FinishLease(m.t.Context(), d.lease.id, d.caller, d.o) }
	}
	if len(calls) == 1 {
		calls[0]()
	} else {
		gather(m.t, m.Store.reports, calls...)
	}
	for i, d := range reports {
		require.Equal(r, d.want, backend.CodeOf(errs[i]), "%v", errs[i])
		if d.ends {
			m.reported(d)
		}
	}
	// A repeat tells how the job is now, after what the others of the group did to it.
	for i, d := range reports {
		if d.want == "" {
			require.Equal(r, d.lease.job.state, jobs[i].State)
			require.Equal(r, d.lease.job.failures, jobs[i].Failures)
		}
	}
}
