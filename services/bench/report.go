package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// report is all that a run has measured.
type report struct {
	Full               bool
	Rounds             int
	Took               time.Duration
	Machine            []string // lines
	Downloads, Uploads []transfer
	Queue              []queueRow
	Growth             []growthRow
	Requests           []requestRow
	Starts             []startRow
}

const introduction = `# Benchmarks

Written by %s on %s; it took %.0f minutes. Each peer ran %d times, the peers in turn, and its result was checked each time.
Figures are medians, with the least and the greatest in parentheses. CPU is user and system time of all processes of a peer, memory the
most that they had at one time. Peers run on the same machine as their servers, so compare rows with each other, and not with another
machine's.

![How far each goal is reached](benchmarks.svg)

`

func (r *report) markdown() string {
	var b strings.Builder
	command := "`make bench`"
	if r.Full {
		command = "`make bench BENCH=full`"
	}
	fmt.Fprintf(&b, introduction, command, time.Now().UTC().Format(time.DateOnly), r.Took.Minutes(), r.Rounds)
	table(&b, "ours", "against", "goal", "measured", "")
	for _, g := range r.goals() {
		outcome := "**not reached**"
		if g.met() {
			outcome = "reached"
		}
		row(&b, g.What, g.Against, g.wanted(), fmt.Sprintf("%.2f%s", g.Got, g.Unit), outcome)
	}
	for _, t := range slices.Concat(r.Downloads, r.Uploads) {
		t.markdown(&b)
	}
	r.queueTables(&b)
	r.requestTables(&b)
	b.WriteString("\n## Machine and versions\n\n")
	for _, line := range r.Machine {
		b.WriteString("- " + line + "\n")
	}
	b.WriteString("\n## Commands\n\nEach runs in an empty directory. `$LISTS` holds names, URLs and digests in the form that a peer reads.\n")
	seen := map[string]bool{}
	for _, t := range slices.Concat(r.Downloads, r.Uploads) {
		for _, p := range t.Results {
			if !seen[p.Peer.Shell] {
				seen[p.Peer.Shell] = true
				fmt.Fprintf(&b, "\n%s:\n\n```sh\n%s\n```\n", p.Peer.Name, p.Peer.Shell)
			}
		}
	}
	return b.String()
}

func (t transfer) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n", strings.ToUpper(t.Title[:1])+t.Title[1:])
	table(b, "peer", "CPU s per GiB", "wall s", "MB/s", "memory, MiB")
	n := float64(t.Bytes) / gib
	for _, p := range t.Results {
		m := p.medians()
		least, most := spread(p.Samples, func(s sample) time.Duration { return s.CPU })
		shortest, longest := spread(p.Samples, func(s sample) time.Duration { return s.Wall })
		row(b, bold(p.Peer.Ours, p.Peer.Name),
			fmt.Sprintf("%.2f (%.2f–%.2f)", m.CPU.Seconds()/n, least.Seconds()/n, most.Seconds()/n),
			fmt.Sprintf("%.2f (%.2f–%.2f)", m.Wall.Seconds(), shortest.Seconds(), longest.Seconds()),
			fmt.Sprintf("%.0f", float64(t.Bytes)/1e6/m.Wall.Seconds()), fmt.Sprintf("%.0f", float64(m.RSS)/mib))
	}
}

const queueIntroduction = `
## Queue

Jobs from claim to outcome, through the store, on PostgreSQL with fsync and synchronous_commit, %d connections. An agent claims, reports all
that it got, and claims again; River's workers take jobs that do nothing. A job's cost is the server's: CPU of its processes, write-ahead
log, and how often that was flushed.

`

func (r *report) queueTables(b *strings.Builder) {
	if len(r.Queue) > 0 {
		fmt.Fprintf(b, queueIntroduction, queueConns)
		table(b, "", "jobs/s", "µs of CPU a job", "bytes of log a job", "flushes a job")
		for _, q := range r.Queue {
			s := slices.Sorted(slices.Values(q.Rates))
			c := q.Costs[len(q.Costs)-1]
			row(b, bold(q.Ours, q.Name), fmt.Sprintf("%.0f (%.0f–%.0f)", middle(q.Rates), s[0], s[len(s)-1]), fmt.Sprint(c.CPU.Microseconds()),
				fmt.Sprintf("%.0f", c.LogBytes), fmt.Sprintf("%.2f", c.Flushes))
		}
	}
	if len(r.Growth) > 0 {
		fmt.Fprintf(b, "\n## Growth\n\nOne agent, one job at a time, %d times.\n\n", growthClaims)
		table(b, "queued jobs", "ended jobs", "claim p50 ms", "p99 ms", "outcome p50 ms", "p99 ms")
		for _, g := range r.Growth {
			row(b, fmt.Sprint(g.Queued), fmt.Sprint(g.Ended), ms(g.ClaimP50), ms(g.ClaimP99), ms(g.OutcomeP50), ms(g.OutcomeP99))
		}
	}
}

func (r *report) requestTables(b *strings.Builder) {
	if len(r.Requests) > 0 {
		b.WriteString("\n## The API\n\n16 connections; latency at half the rate, from when a request was due.\n\n")
		table(b, "call", "requests/s", "p50 ms", "p99 ms", "a bare handler", "pgbench, its main query")
		for _, q := range r.Requests {
			row(b, q.Title, fmt.Sprintf("%.0f", q.Rate), ms(q.P50), ms(q.P99), fmt.Sprintf("%.0f", q.Bare),
				fmt.Sprintf("%.0f", q.PostgresTPS))
		}
	}
	if len(r.Starts) > 0 {
		b.WriteString("\n## Starts\n\n")
		table(b, "", "ms")
		for _, s := range r.Starts {
			row(b, s.Title, fmt.Sprintf("%s (%s–%s)", ms(middle(s.Times)), ms(slices.Min(s.Times)), ms(slices.Max(s.Times))))
		}
	}
}

// table begins a table, row adds a line to it.
func table(b *strings.Builder, columns ...string) {
	row(b, columns...)
	b.WriteString("|" + strings.Repeat("---|", len(columns)) + "\n")
}

func row(b *strings.Builder, cells ...string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }

func bold(yes bool, text string) string {
	if yes {
		return "**" + text + "**"
	}
	return text
}
