package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"scalable-backend/services/backend"
)

// querier is a connection or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// conflictTries bounds how often a transaction that the database chose as a victim is run.
const conflictTries = 5

// do runs statements that need no transaction around them, on one connection. f may run more than once.
func (s *Store) do(ctx context.Context, f func(q querier) error) error {
	if s.tx != nil {
		return mapError(f(s.tx))
	}
	return s.retry(ctx, func(conn *pgxpool.Conn) error { return f(conn) })
}

// atomically runs f in a transaction, its own or the one that s is in. f may run more than once.
func (s *Store) atomically(ctx context.Context, f func(tx *Store) error) error {
	if s.tx != nil {
		return mapError(f(s))
	}
	return s.retry(ctx, func(conn *pgxpool.Conn) error {
		inner := &Store{core: s.core}
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			inner.tx = tx
			return f(inner)
		})
		if err == nil && inner.awake {
			s.signal()
		}
		return err
	})
}

// retry runs f on a connection, again when the database undid it for the sake of another transaction, or when it never got the
// statement.
func (s *Store) retry(ctx context.Context, f func(conn *pgxpool.Conn) error) error {
	for try := 1; ; try++ {
		conn, err := s.acquire(ctx)
		if err != nil {
			return err
		}
		err = f(conn)
		conn.Release()
		again := hasCode(err, "40P01") || hasCode(err, "40001") || (err != nil && pgconn.SafeToRetry(err))
		if !again || try == conflictTries || ctx.Err() != nil {
			return mapError(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(time.Duration(try) * 10 * time.Millisecond)):
		}
	}
}

// announce tells all waiters, of this process and of others, that there is work which can be leased at once: now, or when the
// transaction commits.
func (s *Store) announce(ctx context.Context, q querier) error {
	_, err := q.Exec(ctx, "SELECT pg_notify($1, $2)", channel, s.id)
	if s.tx != nil {
		s.awake = true
	} else {
		s.signal()
	}
	return err
}

// one reads a single row; no row is NotFound.
func one[T any](ctx context.Context, q querier, scan func(pgx.Row, *T) error, what, sql string, args ...any) (T, error) {
	var v T
	err := scan(q.QueryRow(ctx, sql, args...), &v)
	if errors.Is(err, pgx.ErrNoRows) {
		return v, backend.Errorf(backend.NotFound, "no such %s", what)
	}
	return v, err
}

// all reads all rows.
func all[T any](ctx context.Context, q querier, scan func(pgx.Row, *T) error, sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, scan)
}

func collect[T any](rows pgx.Rows, scan func(pgx.Row, *T) error) ([]T, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (v T, err error) {
		err = scan(row, &v)
		return v, err
	})
}
