package console

import (
	"context"
	"net/http"
	"time"

	"scalable-backend/services/backend"
)

const (
	// renewal is how often a page asks for what has changed.
	renewal = 3 * time.Second
	// countable is how many queued jobs are counted for a page; more are taken from the latest sample, which took its time.
	countable = 100_000
	// rateWindow is the time over which the present throughput is measured.
	rateWindow = time.Minute
	// overviewAgents and overviewJobs are how many rows the overview shows.
	overviewAgents = 8
	overviewJobs   = 5
)

// overview is what the first page shows.
type overview struct {
	backend.Stats
	At      time.Time // of the numbers
	Age     time.Duration
	Outage  bool // the database does not answer: these are the last numbers that it gave
	Sampled bool // counting took too long for a page: the numbers are those of the latest sample

	BytesRate, FilesRate float64 // a second, over the last minute
	Attempts, Failed     int64   // in the last hour
	Charts               []chart

	ShowJobs bool
	Agents   []agentRow
	Died     []backend.FoundJob
}

// FailedPercent is the part of the attempts of the last hour that failed.
func (o *overview) FailedPercent() float64 {
	if o.Attempts == 0 {
		return 0
	}
	return 100 * float64(o.Failed) / float64(o.Attempts)
}

func (c *Console) overview(q *request) (*page, error) {
	o, err := c.numbers(q.Context())
	if err == nil && q.caller.Has(backend.Jobs) {
		err = c.latest(q, o)
	}
	if err != nil {
		return c.lastOverview(q, err)
	}
	return &page{template: "overview", title: "Overview", renew: renewal, data: o}, nil
}

// lastOverview shows the last numbers that the database gave, if it is the database that does not answer.
func (c *Console) lastOverview(q *request, err error) (*page, error) {
	last := c.last.Load()
	if backend.CodeOf(err) != backend.Unavailable || last == nil {
		return nil, err
	}
	stale := *last
	stale.Outage, stale.Age = true, time.Since(stale.At)
	return &page{template: "overview", title: "Overview", renew: renewal, data: &stale, status: http.StatusServiceUnavailable}, nil
}

// Remember reads the numbers for when the database does not answer, whether or not somebody looks at them.
func (c *Console) Remember(ctx context.Context) error {
	_, err := c.numbers(ctx)
	return err
}

// numbers reads what everybody may see, and keeps it for when the database does not answer.
func (c *Console) numbers(ctx context.Context) (*overview, error) {
	samples, now, err := c.Service.ListSamples(ctx)
	if err != nil {
		return nil, err
	}
	o := &overview{At: time.Now()}
	var latest backend.Sample
	if len(samples) > 0 {
		latest = samples[len(samples)-1]
	}
	if latest.Queued > countable && now.Sub(latest.At) < rateWindow {
		o.Stats, o.Age, o.Sampled = latest.Stats, now.Sub(latest.At), true
	} else if o.Stats, err = c.Service.Stats(ctx); err != nil {
		return nil, err
	}
	o.BytesRate, o.FilesRate = throughput(samples, now)
	for _, s := range samples {
		o.Attempts, o.Failed = o.Attempts+s.Attempts, o.Failed+s.Failed
	}
	o.Charts = charts(samples, now)
	kept := *o
	c.last.Store(&kept)
	return o, nil
}

// latest adds what only those see who may see jobs. It is not kept: whoever sees the last numbers may not be the same.
func (c *Console) latest(q *request, o *overview) error {
	agents, err := c.agentRows(q, "", overviewAgents, 0)
	if err != nil {
		return err
	}
	dead, err := c.Service.SearchJobs(q.Context(), backend.JobSearch{State: backend.JobDead}, backend.Page{Size: overviewJobs})
	if err != nil {
		return err
	}
	o.ShowJobs, o.Agents, o.Died = true, agents, dead.Items
	return nil
}

// throughput compares the latest sample with the one a minute before it.
func throughput(samples []backend.Sample, now time.Time) (bytes, files float64) {
	n := len(samples) - 1
	if n < 1 || now.Sub(samples[n].At) > rateWindow {
		return 0, 0
	}
	first := n - 1
	for first > 0 && samples[n].At.Sub(samples[first-1].At) <= rateWindow {
		first--
	}
	took := samples[n].At.Sub(samples[first].At).Seconds()
	return max(0, float64(samples[n].BytesDelivered-samples[first].BytesDelivered)/took),
		max(0, float64(samples[n].Succeeded-samples[first].Succeeded)/took)
}
