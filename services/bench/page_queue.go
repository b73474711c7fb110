package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const queueIntroduction = `
Jobs from claim to outcome, through the store, on PostgreSQL with fsync and synchronous_commit, %d connections. An agent claims, reports all
that it got, and claims again; River's workers take jobs that do nothing; pgbench sends the statements that the backend sends for the row
above it, as many claims and outcomes in a transaction as the backend had on average, on %d connections. A job's cost is the server's: CPU
of its processes, write-ahead log, how often that was flushed, and which share of the updates left the indexes alone (HOT).

`

func (r *report) queueTable(b *strings.Builder) {
	if len(r.Queue.Rows) == 0 {
		return
	}
	r.Queue.heading(b, "Queue")
	fmt.Fprintf(b, queueIntroduction, queueConns, ceilingClients)
	table(b, "", "jobs/s", "µs of CPU a job", "bytes of log a job", "flushes a job", "HOT updates, %")
	for _, q := range r.Queue.Rows {
		s := slices.Sorted(slices.Values(q.Rates))
		c := q.cost()
		row(b, bold(q.Ours, q.Name), fmt.Sprintf("%.0f (%.0f–%.0f)", middle(q.Rates), s[0], s[len(s)-1]), fmt.Sprint(c.CPU.Microseconds()),
			fmt.Sprintf("%.0f", c.LogBytes), fmt.Sprintf("%.2f", c.Flushes), fmt.Sprintf("%.0f", c.hotShare()))
	}
}

const heldIntroduction = `
Jobs a second while a transaction with a snapshot is open, as a long pg_dump keeps one: until it ends no dead row version is removed.

`

func (r *report) heldTable(b *strings.Builder) {
	if len(r.Held.Rows) == 0 {
		return
	}
	r.Held.heading(b, "A transaction held open")
	b.WriteString(heldIntroduction)
	table(b, "agents", "jobs at a time", "held, s", "before", "while", "its first sixth", "its last sixth", "after", "queued before", "left")
	for _, h := range r.Held.Rows {
		row(b, fmt.Sprint(h.Workers), fmt.Sprint(h.Batch), fmt.Sprintf("%.0f", h.Held.Seconds()), whole(h.Before), whole(h.While), whole(h.First),
			whole(h.Last), whole(h.After), fmt.Sprint(h.Queued), fmt.Sprint(h.Left))
	}
}

func whole(f float64) string { return fmt.Sprintf("%.0f", f) }

const growthIntroduction = `
A database is filled with as many jobs, half of them queued and half ended with lease and events, and a file for each ten. Then simulated
agents work through a backend's API: goroutines of one process that claim, hold, renew and finish, and download nothing. A lone one works
without a pause; more of them together begin some %d jobs a second, so what grows is the number of agents and not the load. For each job
that is claimed another one is submitted. Backend, database and agents share this machine: the last column says how many processors they
kept busy. A claim in vain got nothing at once; the agent then asks again and waits. A refused call was answered with 503, an
unanswered one not within 30 s; both are repeated.

`

func (r *report) growthTables(b *strings.Builder) {
	if len(r.Growth.Rows) == 0 {
		return
	}
	r.Growth.heading(b, "Growth")
	fmt.Fprintf(b, growthIntroduction, crewRate)
	table(b, "jobs", "agents", "jobs/s", "claim p50 ms", "p99 ms", "outcome p50 ms", "p99 ms", "heartbeat p50 ms", "p99 ms",
		"claims in vain", "calls refused", "unanswered", "backend + database + agents")
	for _, g := range r.Growth.Rows {
		for _, c := range g.Crews {
			row(b, count(g.Jobs), count(c.Agents), whole(c.Rate), ms(c.ClaimP50), ms(c.ClaimP99), ms(c.OutcomeP50), ms(c.OutcomeP99),
				some(c.BeatP50), some(c.BeatP99), fmt.Sprint(c.Empty), fmt.Sprint(c.Refused), fmt.Sprint(c.Silent),
				fmt.Sprintf("%.2f + %.2f + %.2f", c.Backend, c.DB, c.Clients))
		}
	}
	b.WriteString("\nThe database, the sweeper, and pages for one reader while nothing else is going on, in ms:\n\n")
	columns := []string{"jobs", "bytes a job", "bytes a file", "filled in, s", "sweep"}
	for _, p := range r.Growth.Rows[0].Pages {
		columns = append(columns, p.Title)
	}
	table(b, columns...)
	for _, g := range r.Growth.Rows {
		cells := []string{count(g.Jobs), whole(g.BytesPerJob), whole(g.BytesPerFile), whole(g.Fill.Seconds()), ms(g.Sweep)}
		for _, p := range g.Pages {
			cells = append(cells, ms(p.P50))
		}
		row(b, cells...)
	}
}

// count writes a number with its thousands apart.
func count(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// some is a time, or nothing if there was none.
func some(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return ms(d)
}

const waitingIntroduction = `
Agents that wait for work at an empty queue, each with one call that is answered when there is some; then jobs come, all at once.

`

func (r *report) waitingTable(b *strings.Builder) {
	if len(r.Waiting.Rows) == 0 {
		return
	}
	r.Waiting.heading(b, "Waiting agents")
	b.WriteString(waitingIntroduction)
	table(b, "agents", "backend, processors", "database, processors", "backend, MiB", "MiB without agents", "jobs that came",
		"first claimed, ms", "all claimed, ms")
	for _, w := range r.Waiting.Rows {
		row(b, count(w.Agents), fmt.Sprintf("%.3f", w.Backend), fmt.Sprintf("%.3f", w.DB), whole(float64(w.RSS)/mib),
			whole(float64(w.RSSBefore)/mib), count(w.Jobs), ms(w.First), ms(w.All))
	}
}
