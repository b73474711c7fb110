package main

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
)

// What sizes are reckoned with that is not measured here, each with its source.
const (
	// busyAtMost is how busy processors may be, so that latency stays what it is.
	busyAtMost = 0.7
	// askEvery and renewEvery are how often an agent calls while it has a free slot, and while it has work (services/agent).
	askEvery, renewEvery = 20.0, 20.0
	// gatewayRate is API Gateway's quota of requests a second for an account and region ("Amazon API Gateway quotas"; it can be raised).
	gatewayRate = 10_000
	// poolConns are a backend's connections to the database: its pool, and one that listens (BACKEND_DATABASE_MAX_CONNS).
	poolConns = 21
	// instanceCPU are the vCPU of a backend's instance as prod ships it (m7g.large), and maxInstances compute.maxSize there.
	instanceCPU, maxInstances = 2, 20
	instanceType              = "m7g.large"
	// instanceMemory is what such an instance has for a backend, of its 8 GiB.
	instanceMemory = 6.0 * gib
	// walRate is gp3's throughput on RDS below 400 GiB, in bytes a second ("Amazon RDS DB instance storage").
	walRate = 125e6
	// retainRate is how many ended jobs retention removes a second: measured beside other work, see docs/backend.md.
	retainRate = 3300
	// retainDays is for how long ended jobs are kept (BACKEND_RETAIN_ENDED), databaseMost the largest storage of an instance, in bytes
	// ("Amazon RDS DB instance storage": 64 TiB).
	retainDays, databaseMost = 30, 64 * 1024 * float64(gib)
	// hours of a month, as the program's estimates count them.
	hours = 730
)

// databaseClass is a class of RDS. Base is the part of its processors that a burstable class keeps for hours on end (Amazon EC2 User Guide,
// "Key concepts for burstable performance instances"), 1 for the others.
type databaseClass struct {
	Name     string
	CPU, GiB int
	Base     float64
}

// databaseClasses are those that the table of prices knows.
var databaseClasses = []databaseClass{
	{"db.t4g.micro", 2, 1, 0.1}, {"db.t4g.small", 2, 2, 0.2}, {"db.t4g.medium", 2, 4, 0.2}, {"db.m7g.large", 2, 8, 1},
	{"db.m7g.xlarge", 4, 16, 1},
}

// connections is RDS's default of max_connections: its memory in bytes / 9531392, at most 5000.
func (c databaseClass) connections() int { return min(5000, c.GiB*gib/9531392) }

// basis are the measured figures that sizes are reckoned with.
type basis struct {
	Job1, Job10, JobFew counters // a job's cost: 80 agents with one, with ten at a time, and eight with one
	TLS                 float64  // processor seconds of a GiB that the agent gets and verifies
	Memory              float64  // of the agent, MiB
	APICall, DBCall     float64  // processor seconds of a call in backend and database, calls of agents mixed
	CallJobs, CallCrew  int      // where that was measured
	Waiter              float64  // bytes of a backend's memory for an agent that waits
	WaiterCPU           float64  // and processors
	BytesJob, BytesFile float64
	Growth              growthRow // the largest
}

// basis finds the figures in a report.
func (r *report) basis() (b basis, err error) {
	var missing []error
	cost := func(name string) counters {
		i := slices.IndexFunc(r.Queue.Rows, func(q queueRow) bool { return q.Name == name })
		if i < 0 {
			missing = append(missing, errors.New("no row "+name))
			return counters{}
		}
		return r.Queue.Rows[i].cost()
	}
	b.Job1, b.Job10 = cost("ours, 80 agents, 1 at a time"), cost("ours, 80 agents, 10 at a time")
	b.JobFew = cost("ours, 8 agents, 1 at a time")
	i := slices.IndexFunc(r.Downloads.Rows, func(t transfer) bool { return strings.HasSuffix(t.Title, ", TLS") })
	if i < 0 {
		missing = append(missing, errors.New("no download over TLS"))
	} else {
		t := r.Downloads.Rows[i]
		b.TLS, b.Memory = t.ours().CPU.Seconds()/(float64(t.Bytes)/gib), float64(t.ours().RSS)/mib
	}
	if n := len(r.Growth.Rows); n == 0 || len(r.Growth.Rows[n-1].Crews) == 0 {
		missing = append(missing, errors.New("no growth"))
	} else {
		b.Growth = r.Growth.Rows[n-1]
		b.BytesJob, b.BytesFile = b.Growth.BytesPerJob, b.Growth.BytesPerFile
		c := b.Growth.Crews[len(b.Growth.Crews)-1]
		// Two calls a job, the heartbeats and the claims in vain; jobs are submitted by the hundred.
		calls := 2*c.Rate + (float64(c.Beats)+float64(c.Empty))*c.Rate/float64(max(1, c.Claims))
		b.APICall, b.DBCall, b.CallJobs, b.CallCrew = c.Backend/calls, c.DB/calls, b.Growth.Jobs, c.Agents
	}
	if n := len(r.Waiting.Rows); n == 0 {
		missing = append(missing, errors.New("no waiting agents"))
	} else {
		w := r.Waiting.Rows[n-1]
		b.Waiter, b.WaiterCPU = float64(w.RSS-w.RSSBefore)/float64(w.Agents), w.Backend/float64(w.Agents)
	}
	return b, errors.Join(missing...)
}

// jobRate is how many jobs a second a class does, at a cost of processor time, with a part of its processors.
func (c databaseClass) jobRate(cost time.Duration, part float64) float64 {
	return float64(c.CPU) * min(busyAtMost, part) / cost.Seconds()
}

// demand is what many agents and files need of a part of the design, and what that part has.
type demand struct {
	What       string
	Need, Have float64
	Unit       string
	Raise      string // what to do about it
}

func (d demand) ratio() float64 { return d.Need / d.Have }

// fleet is what is asked for.
type fleet struct {
	Agents, Files int
	Jobs          float64 // a second
}

// calls are those of its agents in a second: all have work and a free slot, and each job is a claim and an outcome.
func (f fleet) calls() float64 {
	return float64(f.Agents)*(1/askEvery+1/renewEvery) + 2*f.Jobs
}

// backends is how many instances the calls need.
func (f fleet) backends(b basis) int {
	return int(max(3, math.Ceil(f.calls()*b.APICall/(instanceCPU*busyAtMost))))
}

// demands are those of a fleet, what is most overdrawn first.
func (f fleet) demands(b basis, class databaseClass) []demand {
	n := f.backends(b)
	stored := float64(f.Files)*b.BytesFile + f.Jobs*86_400*retainDays*b.BytesJob
	all := []demand{
		{"API Gateway, requests a second", f.calls(), gatewayRate, "", "ask AWS for more, or ask less often (`wait_s`, the lease's time)"},
		{"processors of the database, " + class.Name, f.calls() * b.DBCall, float64(class.CPU) * busyAtMost, "", "a larger class"},
		{"backends, `compute.maxSize` in prod", float64(n), maxInstances, "", "a larger `compute.maxSize`"},
		{"connections to the database, " + class.Name, float64(n * poolConns), float64(class.connections()), "",
			"a larger class, or a smaller `BACKEND_DATABASE_MAX_CONNS`"},
		{"memory of the backends when all agents wait, GiB", float64(f.Agents) * b.Waiter / gib, float64(n) * instanceMemory / gib, "",
			"more backends"},
		{"write-ahead log, MB/s", f.Jobs * b.Job1.LogBytes / 1e6, walRate / 1e6, "", "from 400 GiB on, gp3 has four times as much"},
		{"history that retention removes, jobs a second", f.Jobs, retainRate, "", "keep it longer, or submit less"},
		{"storage of the database, TiB", stored / (1024 * gib), databaseMost / (1024 * gib), "", "a shorter `BACKEND_RETAIN_ENDED`"},
	}
	slices.SortStableFunc(all, func(x, y demand) int { return cmp.Compare(y.ratio(), x.ratio()) })
	return all
}
