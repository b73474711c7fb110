package main

import (
	"fmt"
	"slices"
	"time"
)

// goal compares a figure of ours with a peer's or a limit.
type goal struct {
	What, Against string
	Got, Limit    float64
	Most          bool   // whether Got may be at most Limit, or has to be at least Limit
	Unit          string // " ×" for a ratio
}

func (g goal) met() bool {
	if g.Most {
		return g.Got <= g.Limit
	}
	return g.Got >= g.Limit
}

// wanted is the goal in words.
func (g goal) wanted() string {
	if g.Most {
		return fmt.Sprintf("at most %g%s", g.Limit, g.Unit)
	}
	return fmt.Sprintf("at least %g%s", g.Limit, g.Unit)
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

// transferGoals are those of each row about bytes: each figure against the best peer of that figure.
var transferGoals = []struct {
	what  string
	limit float64
	of    func(sample) float64
}{
	{"CPU", 0.9, func(s sample) float64 { return s.CPU.Seconds() }},
	{"wall", 1, func(s sample) float64 { return s.Wall.Seconds() }},
	{"memory", 1, func(s sample) float64 { return float64(s.RSS) }},
}

// goals are the project's goals, with what was measured.
func (r *report) goals() (all []goal) {
	for _, t := range slices.Concat(r.Downloads, r.Uploads) {
		for _, g := range transferGoals {
			name, least := t.best(g.of)
			all = append(all, goal{t.Title + ": " + g.what, name, g.of(t.ours()) / least, g.limit, true, " ×"})
		}
	}
	for _, workers := range []int{8, 80} {
		ours, river := r.rates(workers)
		if river > 0 {
			all = append(all, goal{fmt.Sprintf("claim and outcome, %d workers", workers), "River", ours / river, 1.2, false, " ×"})
		}
	}
	if len(r.Growth) > 1 {
		first, last := r.Growth[0], r.Growth[len(r.Growth)-1]
		all = append(all, goal{
			fmt.Sprintf("a claim's p99, %d to %d jobs", first.Queued+first.Ended, last.Queued+last.Ended), "itself",
			last.ClaimP99.Seconds() / first.ClaimP99.Seconds(), 1.5, true, " ×",
		})
	}
	for _, q := range r.Requests {
		ceiling, name := q.Bare, "a bare handler"
		if q.PostgresTPS < ceiling {
			ceiling, name = q.PostgresTPS, "pgbench"
		}
		all = append(all, goal{q.Title, name, q.Rate / ceiling, 0.7, false, " ×"})
	}
	for _, s := range r.Starts {
		all = append(all, goal{s.Title, "itself", middle(s.Times).Seconds(), s.Limit.Seconds(), true, " s"})
	}
	return all
}

// rates returns the best median of ours and River's, in jobs a second; 0 if there is none.
func (r *report) rates(workers int) (ours, river float64) {
	for _, q := range r.Queue {
		switch {
		case q.Workers != workers:
		case q.Ours:
			ours = max(ours, middle(q.Rates))
		default:
			river = middle(q.Rates)
		}
	}
	return ours, river
}

func middle[T float64 | time.Duration](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
