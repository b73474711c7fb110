package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// fleetGoal is what the last tables reckon for.
var fleetGoal = fleet{Agents: 100_000, Files: 1_000_000_000, Jobs: 1000}

// taskSize is a size of an agent's task. Disk is what its disk takes a second, in MB; 0 if that is not what bounds it.
type taskSize struct {
	CPU, GB float64
	Disk    float64
}

// taskSizes: up to one vCPU the processor is the bound that is known; above, the disk of a task is, at which this project plans with 75 and
// 120 MiB/s.
var taskSizes = []taskSize{{0.25, 0.5, 0}, {0.5, 1, 0}, {1, 2, 0}, {2, 4, 75 * 1.048576}, {4, 8, 120 * 1.048576}}

// rate is how many MB a second a task verifies.
func (t taskSize) rate(b basis) float64 {
	rate := t.CPU * float64(gib) / 1e6 / b.TLS
	if t.Disk > 0 {
		rate = min(rate, t.Disk)
	}
	return rate
}

func (t taskSize) month(p *priceList) float64 {
	return hours * (t.CPU*p.named["taskCPU-ARM64"] + t.GB*p.named["taskMemory-ARM64"])
}

// sizing is the page on what a size serves.
func (r *report) sizing(p *priceList) (string, error) {
	basis, err := r.basis()
	if err != nil {
		return "", fmt.Errorf("the page on sizes lacks figures: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# Sizing

Written by "make bench": arithmetic on the figures of [benchmarks.md](benchmarks.md), of two cores of a shared machine. Take it as the order
of magnitude, and measure on what you run. Prices are the list prices of %s of %s ([prices.yaml](../internal/cost/prices.yaml)), %d hours a
month; processors are planned to be %d %% busy at most.
`, priceRegion, p.Date, hours, int(100*busyAtMost))
	basis.databaseTable(&b, p)
	basis.agentTable(&b, p)
	basis.callTable(&b, p)
	basis.fleetTables(&b, p)
	return b.String(), nil
}

func (x basis) databaseTable(b *strings.Builder, p *priceList) {
	fmt.Fprintf(b, `
## The database

A job, from claim to outcome, takes %s ms of the database's processors when 80 agents take one at a time (%s ten at a time, %s when only
eight agents ask, so that fewer share a commit), %s bytes of write-ahead log and %.2f flushes. The bytes a day are for files of 64 MiB.

`, msOf(x.Job1), msOf(x.Job10), msOf(x.JobFew), whole(x.Job1.LogBytes), x.Job1.Flushes)
	table(b, "class", "vCPU", "jobs/s", "for hours on end", "TB a day, then", "backends by its connections", "USD a month, one instance")
	for _, c := range databaseClasses {
		long := c.jobRate(x.Job1.CPU, c.Base)
		row(b, c.Name, fmt.Sprint(c.CPU), rounded(c.jobRate(x.Job1.CPU, 1)), rounded(long), rounded(long*86_400*64*mib/1e12),
			fmt.Sprint(c.connections()*9/10/poolConns), rounded(p.Databases[c.Name]*hours))
	}
	fmt.Fprint(b, `
Burstable classes keep a tenth (micro) or a fifth (small, medium) of their processors once their credits are used up. Multi-AZ is two
instances. A tenth of the connections is left to people and RDS itself.
`)
}

func (x basis) agentTable(b *strings.Builder, p *priceList) {
	fmt.Fprintf(b, `
## The agents

With TLS a GiB takes %.1f processor-seconds, so a vCPU verifies %s MB/s. Up to one vCPU that is the bound that is known; above, the disk is:
this project plans with 75 MiB/s for 2 vCPU and 120 MiB/s for 4. Memory is %.0f MiB at 16 connections, whatever the size of the files. A job
is here a file of 64 MiB.

`, x.TLS, rounded(gib/1e6/x.TLS), x.Memory)
	table(b, "task, vCPU and GB", "MB/s, at most", "TB a day", "jobs/s", "tasks that keep db.m7g.large busy",
		"USD a month, a task", "USD a TB")
	large := databaseClasses[3].jobRate(x.Job1.CPU, 1)
	for _, t := range taskSizes {
		rate := t.rate(x)
		jobs := rate * 1e6 / (64 * mib)
		row(b, fmt.Sprintf("%g, %g", t.CPU, t.GB), rounded(rate), rounded(rate*86_400/1e6), fmt.Sprintf("%.2f", jobs), rounded(large/jobs),
			rounded(t.month(p)), fmt.Sprintf("%.2f", t.month(p)/(rate*hours*3600/1e6)))
	}
	b.WriteString("\nARM64, on demand; Spot takes off up to 70 %. Small tasks are cheaper for bytes than large ones, " +
		"while network and disk give\nthem their share.\n")
}

func (x basis) callTable(b *strings.Builder, p *priceList) {
	fmt.Fprintf(b, `
## Calls

An agent asks for work every %.0f s while it has a free slot, and renews its leases every %.0f s while it has some; a job is a claim and
an outcome more. With %s agents and %s jobs in the database a call took %.2f ms of the backend's processors and %.2f ms of the
database's. An agent that waits holds a call: %.0f KiB of a backend's memory and %.1f µs of its processors a second.

`, askEvery, renewEvery, count(x.CallCrew), count(x.CallJobs), 1000*x.APICall, 1000*x.DBCall, x.Waiter/kib, 1e6*x.WaiterCPU)
	table(b, "agents", "calls/s without work", "with work", "backends of "+instanceType, "USD a month for these", "for the calls with work")
	for _, n := range []int{1000, 10_000, 100_000} {
		f := fleet{Agents: n}
		row(b, count(n), rounded(float64(n)/askEvery), rounded(f.calls()), fmt.Sprint(f.backends(x)),
			rounded(float64(f.backends(x))*p.Instances[instanceType]*hours), rounded(f.calls()*3600*hours/1e6*p.named["apiCalls"]))
	}
	fmt.Fprintf(b, `
Calls are reckoned at the price of the first 333 million a month, %.2f USD a million; beyond, API Gateway asks for less. There are never
fewer than three backends, one in each zone.
`, p.named["apiCalls"])
}

func (x basis) fleetTables(b *strings.Builder, p *priceList) {
	f, class := fleetGoal, databaseClasses[len(databaseClasses)-1]
	all := f.demands(x, class)
	fmt.Fprintf(b, `
## What gives first

%s agents that all have work, and %s files, each downloaded once at %s jobs a second, which takes %.0f days. What is most
overdrawn comes first.

`, count(f.Agents), count(f.Files), count(int(f.Jobs)), float64(f.Files)/f.Jobs/86_400)
	table(b, "part of the design", "needed", "there", "share", "what helps")
	for _, d := range all {
		row(b, d.What, figure(d.Need), figure(d.Have), fmt.Sprintf("%.0f %%", 100*d.ratio()), d.Raise)
	}
	stored := float64(f.Files) * x.BytesFile
	history := f.Jobs * 86_400 * retainDays * x.BytesJob
	fmt.Fprintf(b, `
So **%s** gives first. The catalogue of these files is %s GB (%s bytes a file with its upload), the history of %d days
%s GB (%s bytes a job with lease and events): more than any class above has memory, so pages of old jobs read from the disk; claims do not,
as they follow the index of queued jobs.
The bucket is compared with the catalogue 1,000 objects a minute as shipped, which takes %.1f years for them:
with `+"`BACKEND_BUCKET_SWEEP_INTERVAL`"+` at 1s it takes %.0f days.

`, all[0].What, rounded(stored/1e9), whole(x.BytesFile), retainDays, rounded(history/1e9), whole(x.BytesJob),
		float64(f.Files)/1000/60/24/365, float64(f.Files)/1000/86_400)
	n := f.backends(x)
	table(b, "what it costs", "USD a month")
	row(b, fmt.Sprintf("%d backends, %s", n, instanceType), rounded(float64(n)*p.Instances[instanceType]*hours))
	row(b, "the database, "+class.Name+", two instances", rounded(2*p.Databases[class.Name]*hours))
	row(b, "its storage, twice", rounded(2*(stored+history)/gib*p.named["databaseVolume"]))
	row(b, "API Gateway, at the first price", rounded(f.calls()*3600*hours/1e6*p.named["apiCalls"]))
	row(b, fmt.Sprintf("%s tasks of 0.25 vCPU", count(f.Agents)), rounded(float64(f.Agents)*taskSizes[0].month(p)))
	last := x.Growth
	fmt.Fprintf(b, "\nMeasured growth: up to %s jobs in one database, %s.\n", count(last.Jobs), crewsText(last.Crews))
}

// crewsText lists a claim's p99 by agents.
func crewsText(crews []crewRow) string {
	var parts []string
	for _, c := range crews {
		parts = append(parts, fmt.Sprintf("a claim's p99 of %s ms with %s agents", ms(c.ClaimP99), count(c.Agents)))
	}
	return strings.Join(parts, ", ")
}

func msOf(c counters) string { return fmt.Sprintf("%.2f", float64(c.CPU)/float64(time.Millisecond)) }

// rounded writes a number with two digits that count: the figures that it comes from are no better.
func rounded(f float64) string {
	if f <= 0 || math.IsInf(f, 0) || math.IsNaN(f) {
		return "0"
	}
	unit := math.Pow(10, math.Floor(math.Log10(f))-1)
	f = math.Round(f/unit) * unit
	if f < 10 {
		return fmt.Sprintf("%.1f", f)
	}
	return count(int(math.Round(f)))
}

// figure writes a number that may be small.
func figure(f float64) string {
	if f < 10 {
		return fmt.Sprintf("%.2g", f)
	}
	return rounded(f)
}
