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

const (
	// choreLimit is the time that a transaction of a chore may take, longer than a request's.
	choreLimit = 15 * time.Second
	// distrustAfter is how long no call may have been answered before all connections are closed.
	distrustAfter = 2 * time.Second
)

// conflictTries bounds how often a transaction that the database chose as a victim is run.
const conflictTries = 5

// steadyPlans comes first in a transaction whose statements are planned once for a connection, whatever their parameters are: planning
// takes longer than running them. Each of their tables has an index that leads to the few rows which are looked for, and the settings let
// no other way be taken, whatever the statistics of the moment say: a plan that was made for an empty table must serve a full one.
const steadyPlans = `SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
	set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`

// do runs statements that need no transaction around them, on one connection. f may run more than once.
func (s *Store) do(ctx context.Context, f func(q querier) error) error {
	if s.tx != nil {
		return mapError(f(s.tx))
	}
	return s.retry(ctx, s.CallTimeout, func(ctx context.Context, conn *pgxpool.Conn) error { return f(bounded{conn, ctx}) })
}

// atomically runs f in a transaction, its own or the one that s is in. f may run more than once.
func (s *Store) atomically(ctx context.Context, f func(tx *Store) error) error {
	return s.atomicallyWithin(ctx, s.CallTimeout, f)
}

// atomicallyWithin is atomically with another limit than CallTimeout.
func (s *Store) atomicallyWithin(ctx context.Context, limit time.Duration, f func(tx *Store) error) error {
	if s.tx != nil {
		return mapError(f(s))
	}
	return s.retry(ctx, limit, func(ctx context.Context, conn *pgxpool.Conn) error {
		inner := &Store{core: s.core}
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			inner.tx = bounded{tx, ctx}
			if limit > s.CallTimeout { // the session's limit is for the statements of a request
				if _, err := inner.tx.Exec(ctx, "SELECT set_config('statement_timeout', $1, true)", milliseconds(limit)); err != nil {
					return err
				}
			}
			return f(inner)
		})
		if err == nil && inner.awake {
			s.signal()
		}
		return err
	})
}

// retry runs f on a connection, again when the database undid it for the sake of another transaction, or when it never got the
// statement. All tries together have the time limit; a database that takes a statement and never answers costs no more.
func (s *Store) retry(ctx context.Context, limit time.Duration, f func(ctx context.Context, conn *pgxpool.Conn) error) error {
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for try := 1; ; try++ {
		conn, err := s.acquire(ctx)
		if err != nil {
			return s.lateness(caller, ctx, err)
		}
		err = func() error {
			defer conn.Release() // after a panic, too
			return f(ctx, conn)
		}()
		if err == nil {
			s.answered.Store(time.Now().UnixNano())
		}
		if err != nil && ctx.Err() != nil {
			return s.lateness(caller, ctx, err)
		}
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

// lateness explains an error of a call whose time is up, or whose caller is gone. When the time is up and no other call was
// answered for a while, the connections are not trusted any more: each may lead to a server that is gone, and whoever took one would
// wait in vain. All are closed as they come back. A database that is only slow still answers some calls, and keeps its connections.
func (s *Store) lateness(caller, limited context.Context, err error) error {
	if caller.Err() != nil || limited.Err() == nil {
		return mapError(err)
	}
	now := time.Now().UnixNano()
	if last := s.answered.Load(); now-last > int64(distrustAfter) && s.answered.CompareAndSwap(last, now) {
		s.pool.Reset()
	}
	if _, ok := errors.AsType[*backend.Error](err); ok {
		return err
	}
	return unavailable(err)
}

// bounded is a querier whose statements end with a context of its own, in which the time of the whole call is limited. It is made
// from the context that callers hand over, so nothing of that is lost.
type bounded struct {
	querier
	ctx context.Context
}

func (b bounded) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return b.querier.Exec(b.ctx, sql, args...)
}

func (b bounded) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	return b.querier.Query(b.ctx, sql, args...)
}

func (b bounded) QueryRow(_ context.Context, sql string, args ...any) pgx.Row {
	return b.querier.QueryRow(b.ctx, sql, args...)
}

func (b bounded) SendBatch(_ context.Context, batch *pgx.Batch) pgx.BatchResults {
	return b.querier.SendBatch(b.ctx, batch)
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
