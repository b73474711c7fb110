package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// growthRow is how the system does with so many jobs in the database.
type growthRow struct {
	Jobs         int // half of them queued, half ended
	BytesPerJob  float64
	BytesPerFile float64
	Fill         time.Duration // how long it took to make the database
	Sweep        time.Duration // the sweeper's work, without a lease that has expired
	Pages        []timedPage
	Crews        []crewRow
}

// timedPage is how long a page of the console or a list of the API takes, for one user while nothing else is going on.
type timedPage struct {
	Title string
	P50   time.Duration
}

// grownPages are what is timed.
var grownPages = []struct{ title, path string }{
	{"console: overview", "/"}, {"console: jobs", "/jobs"}, {"console: succeeded jobs", "/jobs?state=succeeded"},
	{"console: files", "/files"}, {"console: agents", "/agents"},
	{"API: 50 jobs", "/v1/jobs?page_size=50"}, {"API: 50 queued jobs", "/v1/jobs?state=queued&page_size=50"},
	{"API: 50 files", "/v1/files?page_size=50"}, {"API: statistics", "/v1/stats"},
}

// pageTries is how often a page is read.
const pageTries = 11

// growth measures on a new database, with crews of simulated agents of each size.
func (r *rig) growth(ctx context.Context, database string, jobs int, crews []int, long time.Duration) (row growthRow, err error) {
	url := r.postgres.URL(database)
	row = growthRow{Jobs: jobs}
	store, err := openStore(ctx, url)
	if err != nil {
		return row, err
	}
	defer store.Close()
	began := time.Now()
	if err := fill(ctx, url, jobs); err != nil {
		return row, err
	}
	row.Fill = time.Since(began)
	if row.BytesPerJob, row.BytesPerFile, err = sizes(ctx, url, jobs); err != nil {
		return row, err
	}
	var sweeps []time.Duration
	for range pageTries {
		began := time.Now()
		if _, held, err := store.Sweep(ctx); err != nil || !held {
			return row, fmt.Errorf("sweeping: held %t, %w", held, err)
		}
		sweeps = append(sweeps, time.Since(began))
	}
	row.Sweep = middle(sweeps)
	stats, err := store.Stats(ctx)
	if err != nil {
		return row, err
	}
	if stats.Queued != int64(jobs-jobs/2) || stats.Succeeded != int64(jobs/2) {
		return row, fmt.Errorf("%d jobs are queued and %d have succeeded, of %d", stats.Queued, stats.Succeeded, jobs)
	}
	api, err := r.newBackend(ctx, r.s3.Endpoint, database)
	if api != nil {
		defer api.process.Stop(syscall.SIGTERM, 10*time.Second)
	}
	if err != nil {
		return row, err
	}
	if row.Pages, err = r.timePages(ctx, api.url); err != nil {
		return row, err
	}
	for _, agents := range crews {
		c, err := r.simulate(ctx, api, url, agents, long)
		if err != nil {
			return row, fmt.Errorf("%d agents: %w", agents, err)
		}
		row.Crews = append(row.Crews, c)
	}
	return row, nil
}

// sizes are what a job and a file take in the database, with all that belongs to them.
func sizes(ctx context.Context, url string, jobs int) (job, file float64, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, `
		SELECT sum(pg_total_relation_size(t::regclass)) FILTER (WHERE t IN ('jobs', 'leases', 'job_events'))::float8,
			sum(pg_total_relation_size(t::regclass)) FILTER (WHERE t IN ('files', 'uploads'))::float8
		FROM unnest($1::text[]) t`, filledTables).Scan(&job, &file)
	return job / float64(jobs), file / float64(max(1, jobs/fillFiles)), err
}

func (r *rig) timePages(ctx context.Context, url string) (pages []timedPage, err error) {
	for _, p := range grownPages {
		var times []time.Duration
		for range pageTries {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+p.path, nil)
			if err != nil {
				return nil, err
			}
			req.Header.Set("Authorization", "Bearer "+r.token)
			req.AddCookie(&http.Cookie{Name: "backend-token", Value: r.token})
			began := time.Now()
			answer, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				return nil, err
			}
			_, err = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			if err != nil || answer.StatusCode != http.StatusOK {
				return nil, fmt.Errorf("%s: %s %w", p.path, answer.Status, err)
			}
			times = append(times, time.Since(began))
		}
		slices.Sort(times)
		pages = append(pages, timedPage{p.title, middle(times)})
	}
	return pages, nil
}
