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

// best returns the peer, ours and those that did not finish left out, with the least of a figure; "" if there is none.
func (t transfer) best(of func(sample) float64) (name string, least float64) {
	for _, r := range t.Results {
		if v := of(r.medians()); !r.Peer.Ours && r.finished() && (name == "" || v < least) {
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
	for _, t := range r.transfers() {
		for _, g := range transferGoals {
			name, least := t.best(g.of)
			if name == "" {
				continue
			}
			all = append(all, goal{t.Title + ": " + g.what, name, g.of(t.ours()) / least, g.limit, true, " ×"})
		}
	}
	all = append(all, r.memoryGoals()...)
	for _, workers := range []int{8, 80} {
		ours, river, ceiling := r.rates(workers)
		if river > 0 {
			all = append(all, goal{fmt.Sprintf("claim and outcome, %d workers", workers), "River", ours / river, 1.2, false, " ×"})
		}
		if ceiling > 0 {
			all = append(all, goal{fmt.Sprintf("claim and outcome, %d workers", workers), "pgbench, same SQL", ceiling, 0.7, false, " ×"})
		}
	}
	all = append(all, r.growthGoals()...)
	for _, q := range r.Requests.Rows {
		ceiling, name := q.Bare, "a bare handler"
		if q.PostgresTPS < ceiling {
			ceiling, name = q.PostgresTPS, "pgbench"
		}
		all = append(all, goal{q.Title, name, q.Rate / ceiling, 0.7, false, " ×"})
	}
	for _, s := range r.Starts.Rows {
		all = append(all, goal{s.Title, "itself", middle(s.Times).Seconds(), s.Limit.Seconds(), true, " s"})
	}
	return all
}

// memoryLimit is what the agent may have in memory at 16 connections.
const memoryLimit = 64

// memoryGoals: the most of all downloads, and the largest file against the smallest.
func (r *report) memoryGoals() (all []goal) {
	var most int64
	for _, t := range r.Downloads.Rows {
		most = max(most, t.ours().RSS)
	}
	if most > 0 {
		all = append(all, goal{"the agent's memory, all downloads", "itself", float64(most) / mib, memoryLimit, true, " MiB"})
	}
	most = 0
	size := int64(0)
	for _, m := range r.Memory.Rows {
		if m.RSS > most {
			most = m.RSS
		}
		if m.Omitted == "" {
			size = m.Bytes
		}
	}
	if most > 0 {
		all = append(all, goal{"the agent's memory, files up to " + bytesText(size), "itself", float64(most) / mib, memoryLimit, true, " MiB"})
	}
	return all
}

// growthFrom is the number of jobs from which growth counts.
const growthFrom = 1000

// growthGoals compare a claim's p99 between few and many jobs, for each number of agents.
func (r *report) growthGoals() (all []goal) {
	first := slices.IndexFunc(r.Growth.Rows, func(g growthRow) bool { return g.Jobs >= growthFrom })
	if first < 0 || first == len(r.Growth.Rows)-1 {
		return nil
	}
	few, many := r.Growth.Rows[first], r.Growth.Rows[len(r.Growth.Rows)-1]
	for i, c := range few.Crews {
		if i < len(many.Crews) && many.Crews[i].Agents == c.Agents {
			all = append(all, goal{
				fmt.Sprintf("a claim's p99, %s agents, %s to %s jobs", count(c.Agents), count(few.Jobs), count(many.Jobs)), "itself",
				many.Crews[i].ClaimP99.Seconds() / c.ClaimP99.Seconds(), 1.5, true, " ×",
			})
		}
	}
	return all
}

// rates returns the best median of ours and River's, in jobs a second, and the worst share of ours in its ceiling; 0 if there is none.
func (r *report) rates(workers int) (ours, river, share float64) {
	for i, q := range r.Queue.Rows {
		rate := middle(q.Rates)
		switch {
		case q.Workers != workers:
		case q.Ours:
			ours = max(ours, rate)
		case q.Ceiling:
			if of := middle(r.Queue.Rows[i-1].Rates) / rate; share == 0 || of < share {
				share = of
			}
		default:
			river = rate
		}
	}
	return ours, river, share
}

func middle[T float64 | time.Duration](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
