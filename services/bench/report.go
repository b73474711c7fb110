package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
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

// goal compares a figure of ours with a peer's or a limit.
type goal struct {
	What, Against, Goal string
	Got                 float64
	Most                bool // whether Got may be at most Limit, or has to be at least Limit
	Limit               float64
	Unit                string
}

func (g goal) met() bool {
	if g.Most {
		return g.Got <= g.Limit
	}
	return g.Got >= g.Limit
}

// best returns the peer, ours left out, with the least of a figure.
func (t transfer) best(of func(sample) float64) (name string, least float64) {
	for _, r := range t.Results {
		if v := of(r.medians()); !r.Peer.Ours && (name == "" || v < least) {
			name, least = r.Peer.Name, v
		}
	}
	return name, least
}

func (t transfer) ours() sample {
	i := slices.IndexFunc(t.Results, func(r result) bool { return r.Peer.Ours })
	return t.Results[i].medians()
}

func cpuOf(s sample) float64  { return s.CPU.Seconds() }
func wallOf(s sample) float64 { return s.Wall.Seconds() }
func rssOf(s sample) float64  { return float64(s.RSS) }

// goals are the project's goals, beside what was measured.
func (r *report) goals() (all []goal) {
	for _, t := range slices.Concat(r.Downloads, r.Uploads) {
		for _, g := range []struct {
			what  string
			limit float64
			of    func(sample) float64
		}{{"CPU", 0.9, cpuOf}, {"wall", 1, wallOf}, {"memory", 1, rssOf}} {
			name, least := t.best(g.of)
			all = append(all, goal{
				What: t.Title + ": " + g.what, Against: name, Goal: fmt.Sprintf("at most %g ×", g.limit), Got: g.of(t.ours()) / least, Most: true,
				Limit: g.limit, Unit: " ×",
			})
		}
	}
	for _, workers := range []int{8, 80} {
		var ours, river float64
		for _, q := range r.Queue {
			switch {
			case q.Workers != workers:
			case q.Ours:
				ours = max(ours, middle(q.Rates))
			default:
				river = middle(q.Rates)
			}
		}
		if river > 0 {
			all = append(all, goal{What: fmt.Sprintf("claim and outcome, %d workers", workers), Against: "River", Goal: "at least 1.2 ×", Got: ours / river,
				Limit: 1.2, Unit: " ×"})
		}
	}
	if len(r.Growth) > 1 {
		first, last := r.Growth[0], r.Growth[len(r.Growth)-1]
		all = append(all, goal{What: fmt.Sprintf("a claim's p99, %d to %d jobs", first.Queued+first.Ended, last.Queued+last.Ended), Against: "itself",
			Goal: "at most 1.5 ×", Got: last.ClaimP99.Seconds() / first.ClaimP99.Seconds(), Most: true, Limit: 1.5, Unit: " ×"})
	}
	for _, q := range r.Requests {
		ceiling, name := q.Bare, "a bare handler"
		if q.PostgresTPS < ceiling {
			ceiling, name = q.PostgresTPS, "pgbench"
		}
		all = append(all, goal{What: q.Title, Against: name, Goal: "at least 0.7 ×", Got: q.Rate / ceiling, Limit: 0.7, Unit: " ×"})
	}
	for i, s := range r.Starts {
		limit := []float64{0.2, 1}[i]
		all = append(all, goal{What: s.Title, Against: "itself", Goal: fmt.Sprintf("under %g s", limit), Got: s.Times[len(s.Times)/2].Seconds(),
			Most: true, Limit: limit, Unit: " s"})
	}
	return all
}

func middle(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return s[len(s)/2]
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `make bench`%s on %s; it took %.0f minutes. Each peer ran %d times, the peers in turn, and its result was "+
		"checked each time. Figures are\nmedians, with the least and the greatest in parentheses. CPU is user and system time of all processes of a peer.\n"+
		"Peers run on the same machine as their servers, so compare rows with each other, and not with another machine's.\n\n",
		map[bool]string{true: " with `BENCH=full`"}[r.Full], time.Now().UTC().Format(time.DateOnly), r.Took.Minutes(), r.Rounds)
	b.WriteString("![ratios](benchmarks.svg)\n\n| ours | against | goal | measured | |\n|---|---|---|---|---|\n")
	for _, g := range r.goals() {
		fmt.Fprintf(&b, "| %s | %s | %s | %.2f%s | %s |\n", g.What, g.Against, g.Goal, g.Got, g.Unit, map[bool]string{true: "reached", false: "**not reached**"}[g.met()])
	}
	for _, t := range slices.Concat(r.Downloads, r.Uploads) {
		fmt.Fprintf(&b, "\n## %s\n\n| peer | CPU s per GiB | wall s | MB/s | memory, MiB |\n|---|---|---|---|---|\n", upper(t.Title))
		n := float64(t.Bytes) / gib
		for _, p := range t.Results {
			m := p.medians()
			cl, cm := spread(p.Samples, func(s sample) time.Duration { return s.CPU })
			wl, wm := spread(p.Samples, func(s sample) time.Duration { return s.Wall })
			fmt.Fprintf(&b, "| %s | %.2f (%.2f–%.2f) | %.2f (%.2f–%.2f) | %.0f | %.0f |\n", bold(p.Peer), m.CPU.Seconds()/n, cl.Seconds()/n, cm.Seconds()/n,
				m.Wall.Seconds(), wl.Seconds(), wm.Seconds(), float64(t.Bytes)/1e6/m.Wall.Seconds(), float64(m.RSS)/mib)
		}
	}
	r.queueTables(&b)
	if len(r.Requests) > 0 {
		b.WriteString("\n## The API\n\n16 connections; latency at half the rate, from when a request was due.\n\n| call | requests/s | p50 ms | p99 ms | a bare handler | pgbench, its main query |\n" +
			"|---|---|---|---|---|---|\n")
		for _, q := range r.Requests {
			fmt.Fprintf(&b, "| %s | %.0f | %.1f | %.1f | %.0f | %.0f |\n", q.Title, q.Rate, ms(q.P50), ms(q.P99), q.Bare, q.PostgresTPS)
		}
	}
	if len(r.Starts) > 0 {
		b.WriteString("\n## Starts\n\n| | ms |\n|---|---|\n")
		for _, s := range r.Starts {
			fmt.Fprintf(&b, "| %s | %.0f (%.0f–%.0f) |\n", s.Title, ms(s.Times[len(s.Times)/2]), ms(s.Times[0]), ms(s.Times[len(s.Times)-1]))
		}
	}
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

func (r *report) queueTables(b *strings.Builder) {
	if len(r.Queue) > 0 {
		fmt.Fprintf(b, "\n## Queue\n\nJobs a second from claim to outcome, through the store, on PostgreSQL with `fsync` and `synchronous_commit`, %d connections. "+
			"An agent claims, reports\nall that it got, and claims again; River's workers take jobs that do nothing.\n\n| | jobs/s |\n|---|---|\n", queueConns)
		for _, q := range r.Queue {
			name := q.Name
			if q.Ours {
				name = "**" + name + "**"
			}
			s := slices.Sorted(slices.Values(q.Rates))
			fmt.Fprintf(b, "| %s | %.0f (%.0f–%.0f) |\n", name, middle(q.Rates), s[0], s[len(s)-1])
		}
	}
	if len(r.Growth) > 0 {
		b.WriteString("\n## Growth\n\nOne agent, one job at a time, 2,000 times.\n\n| queued jobs | ended jobs | claim p50 ms | p99 ms | outcome p50 ms | p99 ms |\n|---|---|---|---|---|---|\n")
		for _, g := range r.Growth {
			fmt.Fprintf(b, "| %d | %d | %.2f | %.2f | %.2f | %.2f |\n", g.Queued, g.Ended, ms(g.ClaimP50), ms(g.ClaimP99), ms(g.OutcomeP50), ms(g.OutcomeP99))
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func bold(p peer) string {
	if p.Ours {
		return "**" + p.Name + "**"
	}
	return p.Name
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func bytesText(n int64) string {
	switch {
	case n%gib == 0:
		return fmt.Sprintf("%d GiB", n/gib)
	case n%mib == 0:
		return fmt.Sprintf("%d MiB", n/mib)
	}
	return fmt.Sprintf("%d KiB", n/kib)
}

var model = regexp.MustCompile(`model name\s*: (.*)`)

// machine describes where the figures come from, and what was measured.
func machine(ctx context.Context, r *rig) []string {
	text, _ := os.ReadFile("/proc/cpuinfo") // without it the line is shorter
	name := "unknown processor"
	if found := model.FindStringSubmatch(string(text)); found != nil {
		name = found[1]
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	lines := []string{fmt.Sprintf("%s, %d cores; Linux %s; %s", name, runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version())}
	for _, c := range [][]string{
		{filepath.Join(r.bin, "agent"), "--version"}, {"curl", "--version"}, {"aria2c", "--version"},
		{"nginx", "-v"}, {"pgbench", "--version"}, {"wrk", "--version"}, {"openssl", "version"},
	} {
		out, _ := exec.CommandContext(ctx, c[0], c[1:]...).CombinedOutput() // wrk's exit code is 1
		line, _, _ := strings.Cut(string(out), "\n")
		lines = append(lines, filepath.Base(c[0])+": "+cmp.Or(strings.TrimSpace(line), "no version"))
	}
	return append(lines, "rclone: "+versionOf(filepath.Join(r.bin, "rclone"), "github.com/rclone/rclone"),
		"River: "+versionOf("", "github.com/riverqueue/river"),
		"transfermanager: "+versionOf("", "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"))
}
