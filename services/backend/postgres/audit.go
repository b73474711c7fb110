package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"scalable-backend/services/backend"
)

// Audited implements backend.AuditStore.
func (s *Store) Audited(
	ctx context.Context, e backend.AuditEvent, do func(ctx context.Context, tx backend.Store) (object, detail string, err error),
) error {
	return s.atomically(ctx, func(tx *Store) error {
		object, detail, err := do(ctx, tx)
		if err != nil {
			return err
		}
		_, err = tx.tx.Exec(ctx, `INSERT INTO audit (caller, caller_name, door, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6)`,
			e.Caller, e.CallerName, e.Door, e.Action, object, detail)
		return err
	})
}

// ListAudit implements backend.AuditStore.
func (s *Store) ListAudit(ctx context.Context, limit int) (events []backend.AuditEvent, err error) {
	scan := func(row pgx.Row, e *backend.AuditEvent) error {
		return row.Scan(&e.At, &e.Caller, &e.CallerName, &e.Door, &e.Action, &e.Object, &e.Detail)
	}
	err = s.do(ctx, func(q querier) error {
		events, err = all(ctx, q, scan, `
			SELECT at, caller, caller_name, door, action, object, detail FROM audit ORDER BY at DESC, id DESC LIMIT $1`, limit)
		return err
	})
	return events, err
}
