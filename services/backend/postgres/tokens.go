package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"scalable-backend/services/backend"
)

const tokenColumns = `t.id, t.name, t.scopes, t.created_at, t.expires_at, t.revoked_at`

func scanToken(row pgx.Row, t *backend.Token) error {
	return row.Scan(&t.ID, &t.Name, &t.Scopes, &t.CreatedAt,
		(*zeronull.Timestamptz)(&t.ExpiresAt), (*zeronull.Timestamptz)(&t.RevokedAt))
}

// CreateToken implements backend.TokenStore. A token without an id gets one.
func (s *Store) CreateToken(ctx context.Context, t backend.Token, hash [32]byte) (made backend.Token, err error) {
	if t.ID == uuid.Nil {
		if t.ID, err = uuid.NewV7(); err != nil {
			return made, err
		}
	}
	err = s.do(ctx, func(q querier) error {
		made, err = one(ctx, q, scanToken, "token", `
			INSERT INTO tokens AS t (id, name, scopes, hash, expires_at) VALUES ($1, $2, $3, $4, $5) RETURNING `+tokenColumns,
			t.ID, t.Name, t.Scopes, hash[:], zeronull.Timestamptz(t.ExpiresAt))
		return err
	})
	return made, err
}

// TokenByHash implements backend.TokenStore.
func (s *Store) TokenByHash(ctx context.Context, hash [32]byte) (t backend.Token, err error) {
	err = s.do(ctx, func(q querier) error {
		t, err = one(ctx, q, scanToken, "token", `
			SELECT `+tokenColumns+` FROM tokens t
			WHERE t.hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())`, hash[:])
		return err
	})
	return t, err
}

// GetToken implements backend.TokenStore.
func (s *Store) GetToken(ctx context.Context, id uuid.UUID) (t backend.Token, err error) {
	err = s.do(ctx, func(q querier) error {
		t, err = one(ctx, q, scanToken, "token", `SELECT `+tokenColumns+` FROM tokens t WHERE t.id = $1`, id)
		return err
	})
	return t, err
}

// ListTokens implements backend.TokenStore.
func (s *Store) ListTokens(ctx context.Context, page backend.Page) (tokens []backend.Token, err error) {
	var l list
	sql := l.page(`SELECT `+tokenColumns+` FROM tokens t`, "t", page)
	err = s.do(ctx, func(q querier) error {
		tokens, err = all(ctx, q, scanToken, sql, l.args...)
		return err
	})
	return tokens, err
}

// RevokeToken implements backend.TokenStore. Revoking again changes nothing.
func (s *Store) RevokeToken(ctx context.Context, id uuid.UUID) error {
	return s.do(ctx, func(q querier) error {
		tag, err := q.Exec(ctx, `UPDATE tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1`, id)
		if err == nil && tag.RowsAffected() == 0 {
			return backend.Errorf(backend.NotFound, "no such token")
		}
		return err
	})
}

// EnsureToken implements backend.TokenStore. A token that was revoked stays so until its hash changes.
func (s *Store) EnsureToken(ctx context.Context, t backend.Token, hash [32]byte) error {
	return s.do(ctx, func(q querier) error {
		_, err := q.Exec(ctx, `
			INSERT INTO tokens AS t (id, name, scopes, hash, expires_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (id) DO UPDATE
			SET name = excluded.name, scopes = excluded.scopes, hash = excluded.hash, expires_at = excluded.expires_at, revoked_at = NULL
			WHERE t.hash <> excluded.hash`,
			t.ID, t.Name, t.Scopes, hash[:], zeronull.Timestamptz(t.ExpiresAt))
		return err
	})
}
