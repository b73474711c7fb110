package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
)

// channel is where processes tell each other of work. The payload is the id of the store that tells.
const channel = "jobs"

// listenCheck is how long Listen trusts a silent connection before it asks the server for an answer.
const listenCheck = 30 * time.Second

// broadcast wakes any number of waiters.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{}
}

func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) signal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}

// Wake returns a channel that is closed when work appears which can be leased at once: by a commit of this process or, while
// Listen runs, of any other. Take it before claiming, then wait for it: no work that comes in between is missed. It is a hint:
// a notification can be lost with a connection, and it tells nothing of jobs that become due.
func (s *Store) Wake() <-chan struct{} { return s.wake.wait() }

func (c *core) signal() {
	c.wake.signal()
	if c.OnWake != nil {
		c.OnWake()
	}
}

// Listen hears the notifications of other processes until ctx ends, on a connection of its own that it makes again when it is
// lost. For each, and for each new connection, it wakes as Wake tells, and calls f unless that is nil.
func (s *Store) Listen(ctx context.Context, f func()) {
	wake := func() {
		s.signal()
		if f != nil {
			f()
		}
	}
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 100*time.Millisecond, 5*time.Second
	for ctx.Err() == nil {
		err := s.listen(ctx, wake, pause.Reset)
		if ctx.Err() != nil {
			return
		}
		s.Logger.WarnContext(ctx, "listening for new jobs failed", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause.NextBackOff()):
		}
	}
}

func (s *Store) listen(ctx context.Context, wake, connected func()) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	connected()
	wake() // for what was told while nobody listened
	for {
		quiet, cancel := context.WithTimeout(ctx, s.quiet)
		n, err := conn.WaitForNotification(quiet)
		cancel()
		switch {
		case err == nil && n.Payload != s.id:
			wake()
		case err == nil: // our own: told at the commit
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			if err := ping(ctx, conn, s.ConnectTimeout); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

func ping(ctx context.Context, conn *pgx.Conn, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return conn.Ping(ctx)
}

// closeConn says good-bye even when the caller's context has ended, but not for long.
func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
