package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

// Stats implements backend.JobStore. What is queued is counted in an index, what has ended was counted when it did.
func (s *Store) Stats(ctx context.Context) (stats backend.Stats, err error) {
	err = s.do(ctx, func(q querier) error {
		var oldest *time.Duration
		err := q.QueryRow(ctx, `
			SELECT (SELECT count(*) FROM jobs WHERE state = 'queued'),
				(SELECT count(*) FROM leases WHERE ended_at IS NULL),
				now() - (`+firstRunAt+`),
				(SELECT count(*) FROM agents WHERE last_seen > now() - $1::interval),
				t.*
			FROM (SELECT sum(succeeded)::bigint, sum(dead)::bigint, sum(cancelled)::bigint, sum(files_ready)::bigint,
				sum(files_pending)::bigint, sum(bytes_stored)::bigint, sum(bytes_delivered)::bigint FROM totals) t`,
			2*s.LeaseTTL).Scan(&stats.Queued, &stats.Leased, &oldest, &stats.AgentsSeen,
			&stats.Succeeded, &stats.Dead, &stats.Cancelled,
			&stats.FilesReady, &stats.FilesPending, &stats.BytesStored, &stats.BytesDelivered)
		if oldest != nil {
			stats.OldestQueued = max(0, *oldest)
		}
		return err
	})
	return stats, err
}

// ListAgents implements backend.JobStore: those heard of last come first.
func (s *Store) ListAgents(ctx context.Context, limit int) (agents []backend.Agent, err error) {
	err = s.do(ctx, func(q querier) error {
		agents, err = all(ctx, q, scanAgent, `
			SELECT a.id, a.name, a.version, a.caller, a.last_seen, held.leases, held.bytes_done
			FROM (SELECT * FROM agents ORDER BY last_seen DESC, id LIMIT $1) a, LATERAL (
				SELECT count(*) AS leases, coalesce(sum(j.bytes_done), 0)::bigint AS bytes_done
				FROM leases l JOIN jobs j ON j.id = l.job_id
				WHERE l.agent = a.id AND l.caller = a.caller AND l.ended_at IS NULL) held
			ORDER BY a.last_seen DESC, a.id`, limit)
		return err
	})
	return agents, err
}

func scanAgent(row pgx.Row, a *backend.Agent) error {
	return row.Scan(&a.ID, &a.Name, &a.Version, &a.Caller, &a.LastSeen, &a.Leases, &a.BytesDone)
}
