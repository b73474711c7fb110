package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// waitingRow is what agents cost that wait for work, each with a call that is answered after 20 s or as soon as there is some.
type waitingRow struct {
	Agents      int
	Backend, DB float64 // processors that the backend and the database kept busy while nothing came
	RSS         int64   // of the backend, with all of them
	RSSBefore   int64   // and with none
	Jobs        int     // that came then, all at once
	First, All  time.Duration
}

// waitLong is what an agent asks for: the most that the API allows.
const waitLong = 20

// waiting lets agents wait at an empty queue, and then submits a job for each, at most 1,000.
func (r *rig) waiting(ctx context.Context, database string, agents int, long time.Duration) (row waitingRow, err error) {
	row = waitingRow{Agents: agents, Jobs: min(agents, 1000)}
	url := r.postgres.URL(database)
	store, err := openStore(ctx, url)
	if err != nil {
		return row, err
	}
	defer store.Close()
	file, err := submit(ctx, store, 0)
	if err != nil {
		return row, err
	}
	api, err := r.newBackend(ctx, r.s3.Endpoint, database)
	if api != nil {
		defer api.process.Stop(syscall.SIGTERM, 10*time.Second)
	}
	if err != nil {
		return row, err
	}
	row.RSSBefore = memoryOf(api.pid)
	work, stop := context.WithCancel(ctx)
	defer stop()
	w := &waiters{got: make(chan time.Time, row.Jobs)}
	w.url, w.token, w.done, w.stop = api.url, r.token, work.Done(), stop
	w.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: agents}}
	defer w.client.CloseIdleConnections()
	for i := range agents {
		w.all.Go(func() { w.wait(work, time.Duration(i)*5*time.Second/time.Duration(agents)) })
	}
	pause(ctx, 7*time.Second) // until all are there
	if row.Backend, row.DB, err = r.idle(ctx, api, url, long); err != nil {
		return row, err
	}
	row.RSS = memoryOf(api.pid)
	began := time.Now()
	if _, err := w.call(ctx, http.MethodPost, "/v1/jobs", jobsOf(file.ID.String(), row.Jobs), nil); err != nil {
		return row, err
	}
	var times []time.Duration
	for range row.Jobs {
		select {
		case at := <-w.got:
			times = append(times, at.Sub(began))
		case <-work.Done(): // an agent failed
			w.all.Wait()
			return row, errors.Join(ctx.Err(), w.err)
		}
	}
	row.First, row.All = slices.Min(times), slices.Max(times)
	stop()
	w.all.Wait()
	return row, w.check(ctx, url, row.Jobs)
}

// idle is how many processors backend and database keep busy over a time.
func (r *rig) idle(ctx context.Context, api *backendProcess, url string, long time.Duration) (backend, db float64, err error) {
	before, err := r.busy(ctx, url, api.pid)
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	pause(ctx, long)
	after, err := r.busy(ctx, url, api.pid)
	backend, db, _ = after.per(before, time.Since(began))
	return backend, db, err
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func jobsOf(file string, n int) map[string]any {
	var jobs []any
	for i := range n {
		jobs = append(jobs, map[string]any{"file_id": file, "dest": fmt.Sprintf("waited/%d", i)})
	}
	return map[string]any{"jobs": jobs}
}

// waiters are agents that wait for one job each.
type waiters struct {
	simulation
	all sync.WaitGroup
	got chan time.Time
}

// wait asks until a job comes, and keeps it. It begins after a while, so that not all ask at one time.
func (w *waiters) wait(ctx context.Context, first time.Duration) {
	for id := uuid.NewString(); w.sleep(first); first = 0 {
		lease, _, err := w.claim(ctx, id, waitLong)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.failed(err)
			return
		case lease != nil:
			w.got <- time.Now()
			return
		}
	}
}

// check fails if a call failed, or if another number of jobs is leased.
func (w *waiters) check(ctx context.Context, url string, jobs int) error {
	if w.err != nil || w.refused+w.silent > 0 {
		return fmt.Errorf("%d calls were refused or not answered: %w", w.refused+w.silent, w.err)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var leased int
	if err := conn.QueryRow(ctx, `SELECT count(*) FROM leases`).Scan(&leased); err != nil {
		return err
	}
	if leased != jobs {
		return fmt.Errorf("%d jobs were leased, want %d", leased, jobs)
	}
	return nil
}
