package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/postgres"
)

// queueConns is how many connections each peer may have: the backend's default.
const queueConns = 20

// openStore opens the backend's store on a database, with its tables.
func openStore(ctx context.Context, url string) (*postgres.Store, error) {
	store, err := postgres.Open(ctx, postgres.Options{URL: url, MaxConns: queueConns})
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx); err != nil {
		store.Close()
		return nil, err
	}
	return store, nil
}

// oursRate works off jobs through the backend's store, and returns how many a second, and what one has cost the server.
func oursRate(ctx context.Context, url string, workers, batch, jobs int) (rate float64, cost counters, err error) {
	file, err := submitted(ctx, url, jobs)
	if err != nil {
		return 0, cost, err
	}
	before, err := readCounters(ctx, url)
	if err != nil {
		return 0, cost, err
	}
	store, err := openStore(ctx, url)
	if err != nil {
		return 0, cost, err
	}
	defer store.Close()
	var work crew
	began := time.Now()
	err = work.run(ctx, store, file, workers, batch, func() bool { return work.done.Load() >= int64(jobs) })
	took := time.Since(began)
	if err != nil {
		return 0, cost, err
	}
	if work.done.Load() != int64(jobs) {
		return 0, cost, fmt.Errorf("%d of %d jobs were granted", work.done.Load(), jobs)
	}
	stats, err := store.Stats(ctx)
	if err != nil {
		return 0, cost, err
	}
	if stats.Succeeded != int64(jobs) {
		return 0, cost, fmt.Errorf("%d of %d jobs have succeeded", stats.Succeeded, jobs)
	}
	store.Close()
	after, err := readCounters(ctx, url)
	return float64(jobs) / took.Seconds(), after.each(before, jobs), err
}

// crew are agents that work off jobs: each claims, reports success for what it got, all at once as an agent with several downloads does,
// and claims again.
type crew struct {
	done   atomic.Int64 // jobs that were granted
	mu     sync.Mutex
	agents []uuid.UUID
	leases map[uuid.UUID]bool // all that were granted, if noted is set
	noted  bool
}

// run lets agents work until enough says so.
func (c *crew) run(ctx context.Context, store *postgres.Store, file backend.File, workers, batch int, enough func() bool) error {
	var all sync.WaitGroup
	errs := make([]error, workers)
	for i := range workers {
		claim := backend.Claim{AgentID: uuid.New(), Caller: "bench", Name: "agent", Version: "1", Max: batch}
		c.agents = append(c.agents, claim.AgentID)
		all.Go(func() {
			for !enough() && errs[i] == nil {
				leases, err := store.ClaimJobs(ctx, claim)
				c.done.Add(int64(len(leases)))
				c.note(leases)
				errs[i] = errors.Join(err, finish(ctx, store, file, leases))
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (c *crew) note(leases []backend.Lease) {
	if !c.noted {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leases == nil {
		c.leases = map[uuid.UUID]bool{}
	}
	for _, l := range leases {
		c.leases[l.ID] = true
	}
}

// finish reports success for leases, all at once.
func finish(ctx context.Context, store *postgres.Store, file backend.File, leases []backend.Lease) error {
	size := file.Size
	errs := make([]error, len(leases))
	var all sync.WaitGroup
	for i, l := range leases {
		all.Go(func() {
			_, errs[i] = store.FinishLease(ctx, l.ID, "bench", backend.Outcome{
				Status: backend.Succeeded, SHA256: &file.SHA256, Bytes: &size, Duration: time.Second,
			})
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// submitted is submit with a store of its own.
func submitted(ctx context.Context, url string, jobs int) (backend.File, error) {
	store, err := openStore(ctx, url)
	if err != nil {
		return backend.File{}, err
	}
	defer store.Close()
	return submit(ctx, store, jobs)
}

// submit makes a file, and jobs of it with a destination each.
func submit(ctx context.Context, store *postgres.Store, jobs int) (backend.File, error) {
	sum := sha256.Sum256([]byte("content"))
	file, err := store.CreateFile(ctx, backend.NewFile{Name: "file", Size: 7, SHA256: sum, PartSize: 8 * mib, PartDigests: [][32]byte{sum}})
	if err != nil {
		return file, err
	}
	u, err := store.CreateUpload(ctx, backend.Upload{FileID: file.ID, Key: "key-" + file.ID.String(), S3UploadID: "s3"})
	if err != nil {
		return file, err
	}
	if file, _, err = store.CompleteUpload(ctx, u.ID, "v1"); err != nil {
		return file, err
	}
	for left := jobs; left > 0; {
		var many []backend.NewJob
		for range min(left, 1000) {
			many = append(many, backend.NewJob{FileID: file.ID, Dest: fmt.Sprintf("%08d", left-len(many)), MaxAttempts: 3})
		}
		if _, err := store.SubmitJobs(ctx, many); err != nil {
			return file, err
		}
		left -= len(many)
	}
	return file, nil
}

// queueRow is a queue with a number of workers.
type queueRow struct {
	Name    string
	Ours    bool `json:",omitempty"`
	Ceiling bool `json:",omitempty"` // of the row before
	Workers int
	Rates   []float64  // jobs a second, one for each round
	Costs   []counters // a job's, likewise

	rate func(url string) (float64, counters, error)
}

// cost is what a job has cost the server, in the round whose processor time is the median.
func (q queueRow) cost() counters {
	sorted := slices.SortedFunc(slices.Values(q.Costs), func(a, b counters) int { return cmp.Compare(a.CPU, b.CPU) })
	return sorted[len(sorted)/2]
}

// queueRows are the queues to compare. What pgbench sends for a row is found out in a run before.
func (r *rig) queueRows(ctx context.Context, jobs int, fresh func() (string, error)) (rows []queueRow, err error) {
	for _, workers := range []int{8, 80} {
		for _, batch := range []int{1, 10} {
			url, err := fresh()
			if err != nil {
				return nil, err
			}
			c, err := r.capture(ctx, url, workers, batch)
			if err != nil {
				return nil, fmt.Errorf("%d agents, %d at a time: %w", workers, batch, err)
			}
			rows = append(rows,
				queueRow{
					Name: fmt.Sprintf("ours, %d agents, %d at a time", workers, batch), Ours: true, Workers: workers,
					rate: func(url string) (float64, counters, error) { return oursRate(ctx, url, workers, batch, jobs) },
				},
				queueRow{
					Name: fmt.Sprintf("pgbench, the same SQL, %d claims and %d outcomes together", c.Agents, c.Reports), Ceiling: true, Workers: workers,
					rate: func(url string) (float64, counters, error) { return r.ceilingRate(ctx, url, c, batch, jobs) },
				})
		}
		rows = append(rows, queueRow{Name: fmt.Sprintf("River, %d workers", workers), Workers: workers,
			rate: func(url string) (float64, counters, error) { return riverRate(ctx, url, workers, jobs) }})
	}
	return rows, nil
}

// queue runs all queues in turn, each time on a new database.
func (r *rig) queue(ctx context.Context, jobs, rounds int) ([]queueRow, error) {
	fresh := func() (string, error) {
		name, err := r.newDatabase(ctx)
		return r.postgres.URL(name), err
	}
	rows, err := r.queueRows(ctx, jobs, fresh)
	if err != nil {
		return nil, err
	}
	for range rounds {
		for i := range rows {
			url, err := fresh()
			if err != nil {
				return nil, err
			}
			rate, cost, err := rows[i].rate(url)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", rows[i].Name, err)
			}
			rows[i].Rates, rows[i].Costs = append(rows[i].Rates, rate), append(rows[i].Costs, cost)
		}
	}
	return rows, nil
}
