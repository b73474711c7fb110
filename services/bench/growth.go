package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/postgres"
)

// growthRow is how long one lone agent's claim of one job takes, and the outcome's report, with so many jobs in the tables.
type growthRow struct {
	Queued, Ended          int
	ClaimP50, ClaimP99     time.Duration
	OutcomeP50, OutcomeP99 time.Duration
}

// growthClaims is how many claims are timed.
const growthClaims = 2000

// growth measures on a new database.
func growth(ctx context.Context, url string, queued, ended int) (row growthRow, err error) {
	row = growthRow{Queued: queued, Ended: ended}
	store, err := postgres.Open(ctx, postgres.Options{URL: url, MaxConns: queueConns})
	if err != nil {
		return row, err
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		return row, err
	}
	file, err := submit(ctx, store, growthClaims)
	if err != nil {
		return row, err
	}
	if err := fill(ctx, url, file, queued, ended); err != nil {
		return row, err
	}
	claim := backend.Claim{AgentID: uuid.New(), Caller: "bench", Name: "agent", Version: "1", Max: 1}
	var claims, outcomes []time.Duration
	for range growthClaims {
		began := time.Now()
		leases, err := store.ClaimJobs(ctx, claim)
		if err != nil || len(leases) != 1 {
			return row, fmt.Errorf("claiming: %d leases, %w", len(leases), err)
		}
		claims = append(claims, time.Since(began))
		began = time.Now()
		if err := finish(ctx, store, file, leases); err != nil {
			return row, err
		}
		outcomes = append(outcomes, time.Since(began))
	}
	slices.Sort(claims)
	slices.Sort(outcomes)
	row.ClaimP50, row.ClaimP99 = claims[growthClaims/2], claims[growthClaims*99/100]
	row.OutcomeP50, row.OutcomeP99 = outcomes[growthClaims/2], outcomes[growthClaims*99/100]
	return row, err
}

// fill adds queued jobs, and ended ones with a lease each. Indexes are built afterwards, which takes a third of the time.
func fill(ctx context.Context, url string, f backend.File, queued, ended int) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT indexname, indexdef FROM pg_indexes i WHERE tablename IN ('jobs', 'leases')
		AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = i.indexname)`)
	if err != nil {
		return err
	}
	type index struct{ Name, Definition string }
	indexes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[index])
	if err != nil {
		return err
	}
	var statements []string
	for _, i := range indexes {
		statements = append(statements, `DROP INDEX `+i.Name)
	}
	const columns = `INSERT INTO jobs (id, file_id, dest, dest_hash, priority, max_attempts, state, created_at, grants, bytes_done)
		SELECT gen_random_uuid(), '%s', '%[2]s/' || n, sha256(('%[2]s/' || n)::bytea), 0, 5, '%[2]s', now() - n * interval '1 ms', %d, 0
		FROM generate_series(1, %d) n`
	statements = append(statements, `SET session_replication_role = replica`, `SET maintenance_work_mem = '512MB'`,
		fmt.Sprintf(columns, f.ID, backend.JobQueued, 0, queued), fmt.Sprintf(columns, f.ID, backend.JobSucceeded, 1, ended),
		`INSERT INTO leases (lease_id, job_id, "grant", agent, caller, leased_until, ended_at, "end")
			SELECT gen_random_uuid(), id, 1, gen_random_uuid(), 'caller', now(), now(), 'succeeded' FROM jobs WHERE state = 'succeeded'`)
	for _, i := range indexes {
		statements = append(statements, i.Definition)
	}
	for _, sql := range append(statements, `VACUUM ANALYZE`, `CHECKPOINT`) {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}
