package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/postgres"
)

// queueConns is how many connections each peer may have: the backend's default.
const queueConns = 20

// oursRate works off jobs through the backend's store, and returns how many a second, and
// what one has cost the server: each worker is an agent that claims, reports success
// for what it got, all at once as an agent with several downloads does, and claims again.
func oursRate(ctx context.Context, url string, workers, batch, jobs int) (rate float64, cost counters, err error) {
	store, err := postgres.Open(ctx, postgres.Options{URL: url, MaxConns: queueConns})
	if err != nil {
		return 0, cost, err
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		return 0, cost, err
	}
	file, err := submit(ctx, store, jobs)
	if err != nil {
		return 0, cost, err
	}
	before, err := readCounters(ctx, url)
	if err != nil {
		return 0, cost, err
	}
	var taken, done atomic.Int64
	var all sync.WaitGroup
	errs := make([]error, workers)
	began := time.Now()
	for i := range workers {
		all.Go(func() {
			claim := backend.Claim{AgentID: uuid.New(), Caller: "bench", Name: "agent", Version: "1", Max: batch}
			for taken.Load() < int64(jobs) && errs[i] == nil {
				leases, err := store.ClaimJobs(ctx, claim)
				taken.Add(int64(len(leases)))
				done.Add(int64(len(leases)))
				errs[i] = errors.Join(err, finish(ctx, store, file, leases))
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	if err := errors.Join(errs...); err != nil {
		return 0, cost, err
	}
	if done.Load() != int64(jobs) {
		return 0, cost, fmt.Errorf("%d of %d jobs were granted", done.Load(), jobs)
	}
	after, err := readCounters(ctx, url)
	if err != nil {
		return 0, cost, err
	}
	stats, err := store.Stats(ctx)
	if err == nil && stats.Succeeded != int64(jobs) {
		err = fmt.Errorf("%d of %d jobs have succeeded", stats.Succeeded, jobs)
	}
	return float64(jobs) / took.Seconds(), after.each(before, jobs), err
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
