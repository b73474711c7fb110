package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend/postgres"
)

// heldRow is the rate of the queue before, while and after a transaction with a snapshot is held open, as a long pg_dump does: until it
// ends, no row version that died since it began can be removed.
type heldRow struct {
	Workers, Batch int
	Held           time.Duration // how long
	Before, After  float64       // jobs a second over a sixth of that time each
	First, Last    float64       // over the first and the last sixth of the time
	While          float64       // over all of it
	Queued         int           // jobs in the queue at the beginning
	Left           int           // and at the end
}

// held measures on a new database. The queue never runs dry: it is filled for the rate that was found in a short run before.
func held(ctx context.Context, url string, workers, batch int, long time.Duration) (row heldRow, err error) {
	row = heldRow{Workers: workers, Batch: batch, Held: long}
	store, err := openStore(ctx, url)
	if err != nil {
		return row, err
	}
	defer store.Close()
	part := long / 6
	trial, err := trialRate(ctx, store, workers, batch)
	if err != nil {
		return row, err
	}
	row.Queued = int(1.5 * trial * (long + 4*part).Seconds())
	file, err := submit(ctx, store, row.Queued)
	if err != nil {
		return row, err
	}
	var work crew
	var stop atomic.Bool
	ended := make(chan error, 1)
	go func() { ended <- work.run(ctx, store, file, workers, batch, stop.Load) }()
	// rate is that of a time from now on.
	rate := func(d time.Duration) float64 {
		began, from := time.Now(), work.done.Load()
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
		return float64(work.done.Load()-from) / time.Since(began).Seconds()
	}
	rate(part / 2) // connections and plans
	row.Before = rate(part)
	err = holding(ctx, url, func() {
		began, from := time.Now(), work.done.Load()
		row.First = rate(part)
		rate(long - 2*part)
		row.Last = rate(part)
		row.While = float64(work.done.Load()-from) / time.Since(began).Seconds()
	})
	rate(part / 2)
	row.After = rate(part)
	stop.Store(true)
	err = errors.Join(err, <-ended)
	if err != nil {
		return row, err
	}
	stats, err := store.Stats(ctx)
	row.Left = int(stats.Queued)
	if err == nil && (row.Left == 0 || stats.Succeeded+stats.Queued != int64(row.Queued)+trialJobs) {
		err = fmt.Errorf("of %d jobs %d have succeeded and %d are left: want some left, and none lost", row.Queued, stats.Succeeded, stats.Queued)
	}
	return row, err
}

// trialJobs are worked off to see how many jobs a run will need.
const trialJobs = 2000

func trialRate(ctx context.Context, store *postgres.Store, workers, batch int) (float64, error) {
	file, err := submit(ctx, store, trialJobs)
	if err != nil {
		return 0, err
	}
	var work crew
	began := time.Now()
	err = work.run(ctx, store, file, workers, batch, func() bool { return work.done.Load() >= trialJobs })
	return trialJobs / time.Since(began).Seconds(), err
}

// holding runs f while a transaction holds a snapshot.
func holding(ctx context.Context, url string, f func()) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return err
	}
	var n int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM sweeper`).Scan(&n); err != nil { // the first statement takes the snapshot
		return err
	}
	f()
	return tx.Rollback(ctx)
}
