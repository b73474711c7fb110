package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// liveLeases are those that an agent, by the label that it gave, works on: it has renewed them.
func liveLeases(ctx context.Context, conn *pgx.Conn, agent string) ([]uuid.UUID, error) {
	rows, err := conn.Query(ctx, `SELECT l.lease_id::text FROM leases l JOIN agents a ON a.id = l.agent AND a.caller = l.caller
		WHERE a.name = $1 AND l.ended_at IS NULL AND l.renewed_at IS NOT NULL`, agent)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (id uuid.UUID, err error) {
		var text string
		if err = row.Scan(&text); err != nil {
			return id, err
		}
		return uuid.Parse(text)
	})
}

func activeJobs(ctx context.Context, conn *pgx.Conn) (n int, err error) {
	err = conn.QueryRow(ctx, `SELECT count(*) FROM jobs WHERE state IN ('queued', 'leased')`).Scan(&n)
	return n, err
}

func texts(ids []uuid.UUID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return list
}

// countLive counts which of the leases have not ended.
func (d *demo) countLive(ctx context.Context, leases []uuid.UUID) (n int, err error) {
	err = d.query(ctx, `SELECT count(*) FROM leases WHERE lease_id = ANY($1::uuid[]) AND ended_at IS NULL`, []any{texts(leases)}, &n)
	return n, err
}

// takenOver counts the jobs of the leases that expired and that succeeded under another lease, and says when the last of them
// did. A lease that ended well after all, by a report that was on its way, is no problem; any other end is.
func (d *demo) takenOver(ctx context.Context, v victim) (jobs int, last time.Time, err error) {
	var wrong int
	err = d.query(ctx, `SELECT
			count(*) FILTER (WHERE l."end" = 'expired'),
			count(*) FILTER (WHERE l."end" IS NULL OR l."end" NOT IN ('expired', 'succeeded') OR s.lease_id IS NULL),
			coalesce(max(s.ended_at) FILTER (WHERE l."end" = 'expired'), $2)
		FROM leases l LEFT JOIN leases s ON s.job_id = l.job_id AND s."end" = 'succeeded'
		WHERE l.lease_id = ANY($1::uuid[])`, []any{texts(v.leases), v.at}, &jobs, &wrong, &last)
	if err == nil && wrong > 0 {
		err = fmt.Errorf(
			"%d of the %d leases of %s ended neither by expiry nor by its report, or their jobs are not done",
			wrong,
			len(v.leases),
			v.agent.name,
		)
	}
	return jobs, last, err
}

// granted counts the leases of all.
func (d *demo) granted(ctx context.Context) (n int, err error) {
	err = d.query(ctx, `SELECT count(*) FROM leases`, nil, &n)
	return n, err
}

func (d *demo) query(ctx context.Context, sql string, args []any, into ...any) error {
	conn, err := pgx.Connect(ctx, d.postgres.URL("backend"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return conn.QueryRow(ctx, sql, args...).Scan(into...)
}
