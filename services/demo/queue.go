package demo

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// liveLeases counts what an agent holds, by the label that it gave.
func liveLeases(ctx context.Context, conn *pgx.Conn, agent string) (int, error) {
	var n int
	err := conn.QueryRow(ctx, `SELECT count(*) FROM leases l JOIN agents a ON a.id = l.agent AND a.caller = l.caller WHERE a.name = $1 AND l.ended_at IS NULL`, agent).Scan(&n)
	return n, err
}

// attempts counts the leases that were granted, and the jobs that succeeded after a lease of theirs had expired.
func (d *demo) attempts(ctx context.Context) (granted, takenOver int, err error) {
	conn, err := pgx.Connect(ctx, d.postgres.URL("backend"))
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, `SELECT
		(SELECT count(*) FROM leases),
		(SELECT count(DISTINCT j.id) FROM jobs j JOIN leases l ON l.job_id = j.id WHERE j.state = 'succeeded' AND l."end" = 'expired')`).Scan(&granted, &takenOver)
	return granted, takenOver, err
}
