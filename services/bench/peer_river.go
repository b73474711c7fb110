package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

type noop struct {
	N int `json:"n"`
}

// Kind is the name of the jobs.
func (noop) Kind() string { return "noop" }

type noopWorker struct{ river.WorkerDefaults[noop] }

// Work does nothing.
func (noopWorker) Work(context.Context, *river.Job[noop]) error { return nil }

// riverPool makes the connections of a client of River.
func riverPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = queueConns
	return pgxpool.NewWithConfig(ctx, config)
}

// riverSubmit makes River's tables, and jobs that do nothing.
func riverSubmit(ctx context.Context, url string, jobs int) error {
	pool, err := riverPool(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	client, err := river.NewClient(driver, &river.Config{})
	if err != nil {
		return err
	}
	for left := jobs; left > 0; {
		var many []river.InsertManyParams
		for range min(left, 1000) {
			many = append(many, river.InsertManyParams{Args: noop{left}})
		}
		if _, err := client.InsertManyFast(ctx, many); err != nil {
			return err
		}
		left -= len(many)
	}
	return nil
}

// riverRate works off jobs that do nothing with River, and returns how many a second, from its start to the
// commit of the last completion, and what one has cost the server.
func riverRate(ctx context.Context, url string, workers, jobs int) (rate float64, cost counters, err error) {
	if err := riverSubmit(ctx, url, jobs); err != nil {
		return 0, cost, err
	}
	before, err := readCounters(ctx, url)
	if err != nil {
		return 0, cost, err
	}
	pool, err := riverPool(ctx, url)
	if err != nil {
		return 0, cost, err
	}
	defer pool.Close()
	known := river.NewWorkers()
	river.AddWorker(known, noopWorker{})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}}, Workers: known,
		FetchCooldown: time.Millisecond, // the default, 100 ms, is for queues that are seldom full
		Logger:        slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return 0, cost, err
	}
	done, cancel := client.SubscribeConfig(&river.SubscribeConfig{ChanSize: jobs, Kinds: []river.EventKind{river.EventKindJobCompleted}})
	defer cancel()
	began := time.Now()
	if err := client.Start(ctx); err != nil {
		return 0, cost, err
	}
	for range jobs {
		select {
		case <-done:
		case <-ctx.Done():
			return 0, cost, ctx.Err()
		}
	}
	took := time.Since(began)
	if err := client.Stop(ctx); err != nil {
		return 0, cost, err
	}
	var completed int
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM river_job WHERE state = 'completed'`).Scan(&completed); err != nil {
		return 0, cost, err
	}
	if completed != jobs {
		return 0, cost, fmt.Errorf("%d of %d jobs are completed", completed, jobs)
	}
	pool.Close()
	after, err := readCounters(ctx, url)
	return float64(jobs) / took.Seconds(), after.each(before, jobs), err
}
