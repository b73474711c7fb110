package main

import (
	"fmt"
	"strings"
	"time"
)

const introduction = `# Benchmarks

Written by "make bench" from what it has measured, which is in [benchmarks.json](benchmarks.json); each part says when, in which kind of
run, and how busy the machine was before. Peers ran in turn, and the result of each was checked each time. Figures are medians, with the
least and the greatest in parentheses. CPU is user and system time of all processes of a peer, memory the most that they had at one time.
Peers run on the same machine as their servers, so compare rows with each other, and not with another machine's.

![How far each goal is reached](benchmarks.svg)

`

func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString(introduction)
	table(&b, "ours", "against", "goal", "measured", "")
	for _, g := range r.goals() {
		outcome := "**not reached**"
		if g.met() {
			outcome = "reached"
		}
		row(&b, g.What, g.Against, g.wanted(), fmt.Sprintf("%.2f%s", g.Got, g.Unit), outcome)
	}
	if len(r.Failed) > 0 {
		b.WriteString("\nThe last run could not measure:\n\n")
		for _, f := range r.Failed {
			b.WriteString("- " + strings.Join(strings.Fields(f), " ") + "\n")
		}
	}
	if len(r.Downloads.Rows) > 0 {
		r.Downloads.heading(&b, "Downloads")
	}
	for _, t := range r.Downloads.Rows {
		t.markdown(&b)
	}
	if len(r.Uploads.Rows) > 0 {
		r.Uploads.heading(&b, "Uploads")
	}
	for _, t := range r.Uploads.Rows {
		t.markdown(&b)
	}
	r.memoryTable(&b)
	r.queueTable(&b)
	r.heldTable(&b)
	r.growthTables(&b)
	r.waitingTable(&b)
	r.requestTable(&b)
	r.startTable(&b)
	r.buildTable(&b)
	b.WriteString("\n## Machine and versions\n\n")
	for _, line := range r.Machine {
		b.WriteString("- " + line + "\n")
	}
	b.WriteString("\n## Commands\n\nEach runs in an empty directory. `$LISTS` holds names, URLs and digests in the form that a peer reads.\n")
	seen := map[string]bool{}
	for _, t := range r.transfers() {
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
	fmt.Fprintf(b, "\n### %s\n\n", strings.ToUpper(t.Title[:1])+t.Title[1:])
	table(b, "peer", "CPU s per GiB", "wall s", "MB/s", "memory, MiB")
	n := float64(t.Bytes) / gib
	for _, p := range t.Results {
		m := p.medians()
		memory := fmt.Sprintf("%.0f", float64(m.RSS)/mib)
		if !p.finished() {
			row(b, bold(p.Peer.Ours, p.Peer.Name), "", fmt.Sprintf("not done in %.0f", p.Peer.Limit.Seconds()), "", memory)
			continue
		}
		least, most := spread(p.Samples, func(s sample) time.Duration { return s.CPU })
		shortest, longest := spread(p.Samples, func(s sample) time.Duration { return s.Wall })
		row(b, bold(p.Peer.Ours, p.Peer.Name),
			fmt.Sprintf("%.2f (%.2f–%.2f)", m.CPU.Seconds()/n, least.Seconds()/n, most.Seconds()/n),
			fmt.Sprintf("%.2f (%.2f–%.2f)", m.Wall.Seconds(), shortest.Seconds(), longest.Seconds()),
			fmt.Sprintf("%.0f", float64(t.Bytes)/1e6/m.Wall.Seconds()), memory)
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
