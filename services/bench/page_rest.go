package main

import (
	"fmt"
	"slices"
	"strings"
)

func (r *report) memoryTable(b *strings.Builder) {
	if len(r.Memory.Rows) == 0 {
		return
	}
	r.Memory.heading(b, "Memory by size")
	b.WriteString("\nOne download of a file that the origin makes up as it sends it, with all the agent's defaults.\n\n")
	table(b, "file", "memory, MiB", "journal, bytes", "wall s")
	for _, m := range r.Memory.Rows {
		if m.Omitted != "" {
			row(b, bytesText(m.Bytes), "not measured: "+m.Omitted, "", "")
			continue
		}
		row(b, bytesText(m.Bytes), fmt.Sprintf("%.0f", float64(m.RSS)/mib), fmt.Sprint(m.Journal), fmt.Sprintf("%.2f", m.Wall.Seconds()))
	}
}

func (r *report) requestTable(b *strings.Builder) {
	if len(r.Requests.Rows) == 0 {
		return
	}
	r.Requests.heading(b, "The API")
	b.WriteString("\n16 connections; latency at half the rate, from when a request was due.\n\n")
	table(b, "call", "requests/s", "p50 ms", "p99 ms", "a bare handler", "pgbench, its main query")
	for _, q := range r.Requests.Rows {
		row(b, q.Title, whole(q.Rate), ms(q.P50), ms(q.P99), whole(q.Bare), whole(q.PostgresTPS))
	}
}

func (r *report) startTable(b *strings.Builder) {
	if len(r.Starts.Rows) == 0 {
		return
	}
	r.Starts.heading(b, "Starts")
	b.WriteString("\n")
	table(b, "", "ms")
	for _, s := range r.Starts.Rows {
		row(b, s.Title, fmt.Sprintf("%s (%s–%s)", ms(middle(s.Times)), ms(slices.Min(s.Times)), ms(slices.Max(s.Times))))
	}
}

const buildIntroduction = `
Once each, beside a main that does nothing but import what the program imports from other modules. Cold is with an empty build cache.

`

func (r *report) buildTable(b *strings.Builder) {
	if len(r.Builds.Rows) == 0 {
		return
	}
	r.Builds.heading(b, "The program and its tools")
	b.WriteString(buildIntroduction)
	table(b, "", "wall s", "CPU s", "memory, MiB")
	for _, x := range r.Builds.Rows {
		row(b, x.Title, secondsText(x.Wall), secondsText(x.CPU), fmt.Sprintf("%.0f", float64(x.RSS)/mib))
	}
}
