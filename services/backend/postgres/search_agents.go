package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

// SearchAgents implements backend.SearchStore. Agents are kept for a day, so all of them are looked at.
func (s *Store) SearchAgents(ctx context.Context, text string, limit int) (agents []backend.Agent, err error) {
	err = s.do(ctx, func(q querier) error {
		agents, err = all(ctx, q, scanAgent, `
			SELECT a.id, a.name, a.version, a.caller, a.last_seen, held.leases, held.bytes_done
			FROM (
				SELECT * FROM agents WHERE $2 = '' OR strpos(lower(name), lower($2)) > 0 OR starts_with(id::text, lower($2))
				ORDER BY last_seen DESC, id LIMIT $1) a, LATERAL (
				SELECT count(*) AS leases, coalesce(sum(j.bytes_done), 0)::bigint AS bytes_done
				FROM leases l JOIN jobs j ON j.id = l.job_id
				WHERE l.agent = a.id AND l.caller = a.caller AND l.ended_at IS NULL) held
			ORDER BY a.last_seen DESC, a.id`, limit, text)
		return err
	})
	return agents, err
}

// ListWork implements backend.SearchStore.
func (s *Store) ListWork(ctx context.Context, agents []uuid.UUID, limit int) (work []backend.Work, err error) {
	scan := func(row pgx.Row, w *backend.Work) error {
		return row.Scan(&w.AgentID, &w.Caller, &w.LeaseID, &w.JobID, &w.Dest, &w.BytesDone, &w.Size, &w.GrantedAt)
	}
	err = s.do(ctx, func(q querier) error {
		work, err = all(ctx, q, scan, `
			SELECT l.agent, l.caller, l.lease_id, j.id, j.dest, j.bytes_done, f.size, l.granted_at
			FROM unnest($1::uuid[]) AS w (agent), LATERAL (
				SELECT * FROM leases WHERE agent = w.agent AND ended_at IS NULL ORDER BY granted_at, lease_id LIMIT $2) l
			JOIN jobs j ON j.id = l.job_id JOIN files f ON f.id = j.file_id
			ORDER BY l.granted_at, l.lease_id`, agents, limit)
		return err
	})
	return work, err
}
