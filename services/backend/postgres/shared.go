package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"scalable-backend/services/internal/tracing"
)

// shared lets those who read the same page at the same time share a statement: while one is on its way, all who come wait for the next.
// Each sees what was committed before it came, because nobody joins a statement that has begun. Pages that differ do not keep each other.
type shared[T any] struct {
	scan func(pgx.Row, *T) error

	mu    sync.Mutex
	reads map[string]*sharedRead[T] // on their way, by what they read
	busy  sync.WaitGroup
}

// sharedRead is one statement and, once done is closed, its answer. Next is for those who came after it had begun.
type sharedRead[T any] struct {
	done  chan struct{}
	items []T
	err   error
	next  *sharedRead[T]
}

func newShared[T any](scan func(pgx.Row, *T) error) *shared[T] {
	return &shared[T]{scan: scan, reads: map[string]*sharedRead[T]{}}
}

// read returns the rows of a page. Who has waited for groupPatience, or whose statement failed, reads alone.
func (p *shared[T]) read(ctx context.Context, s *Store, sql string, args ...any) ([]T, error) {
	if s.tx != nil { // which sees more than others do
		return p.alone(ctx, s, sql, args)
	}
	limited, cancel := context.WithTimeout(ctx, s.CallTimeout) // of both tries together
	defer cancel()
	r := p.join(ctx, s, sql, args)
	late := time.NewTimer(groupPatience)
	defer late.Stop()
	select {
	case <-r.done:
	case <-late.C:
		return p.alone(limited, s, sql, args)
	case <-ctx.Done():
		return nil, mapError(ctx.Err())
	}
	if r.err != nil {
		return p.alone(limited, s, sql, args)
	}
	return slices.Clone(r.items), nil // others have the same
}

// join returns the read to wait for, and begins it if none of the same page is on its way.
func (p *shared[T]) join(ctx context.Context, s *Store, sql string, args []any) *sharedRead[T] {
	key := fmt.Sprintf("%s %#v", sql, args)
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.reads[key]; now != nil {
		if now.next == nil {
			now.next = &sharedRead[T]{done: make(chan struct{})}
		}
		return now.next
	}
	r := &sharedRead[T]{done: make(chan struct{})}
	p.reads[key] = r
	p.busy.Go(func() { p.run(context.WithoutCancel(ctx), s, key, r, sql, args) })
	return r
}

// run makes a read, and then those of the same page that are waited for meanwhile. The trace of ctx has the statement of the first.
func (p *shared[T]) run(ctx context.Context, s *Store, key string, r *sharedRead[T], sql string, args []any) {
	for ; r != nil; ctx = tracing.Quiet(ctx) {
		r.items, r.err = guarded("reading a page", func() ([]T, error) { return p.alone(ctx, s, sql, args) })
		r = p.end(key, r)
	}
}

func (p *shared[T]) alone(ctx context.Context, s *Store, sql string, args []any) (items []T, err error) {
	err = s.do(ctx, func(q querier) error {
		items, err = all(ctx, q, p.scan, sql, args...)
		return err
	})
	return items, err
}

// end gives a read's answer to those who wait for it, and returns the next one.
func (p *shared[T]) end(key string, r *sharedRead[T]) (next *sharedRead[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(r.done)
	if next = r.next; next == nil {
		delete(p.reads, key)
	} else {
		p.reads[key] = next
	}
	return next
}

// wait returns once no read is on its way.
func (p *shared[T]) wait() { p.busy.Wait() }
