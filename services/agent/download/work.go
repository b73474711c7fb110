package download

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"scalable-backend/services/client"
)

// work fills pieces until none is left.
func (f *fetch) work(ctx context.Context) error {
	buf := f.e.buffers.get(f.t.Size)
	defer f.e.buffers.put(buf)
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.workers--
		f.cond.Broadcast()
	}()
	speed := f.pace.join()
	for {
		a, ok := f.take(ctx, speed)
		if !ok {
			return nil
		}
		if err := f.share(ctx, a, *buf, speed); err != nil {
			return err
		}
	}
}

// single fetches and hashes a file of one piece, for which no other worker, no verifier and no journal is needed. If the bytes turn out
// wrong, the others begin where it ended.
func (f *fetch) single(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	if f.t.Stop != nil {
		over := make(chan struct{})
		var watch sync.WaitGroup
		watch.Go(func() { f.watchStop(ctx, over, func() { cancel(ErrStopped) }) })
		defer watch.Wait()
		defer close(over)
		select {
		case <-f.t.Stop:
			return ErrStopped
		default:
		}
	}
	buf := f.e.buffers.get(f.t.Size)
	defer f.e.buffers.put(buf)
	f.mu.Lock()
	f.next = 1
	a := f.begin(0)
	f.mu.Unlock()
	return f.share(ctx, a, *buf, f.pace.join())
}

// watchStop waits for Task.Stop, then gives pieces in flight StopGrace to end and cuts what is left.
func (f *fetch) watchStop(ctx context.Context, over <-chan struct{}, cut func()) {
	select {
	case <-f.t.Stop:
	case <-over:
		return
	case <-ctx.Done():
		return
	}
	f.mu.Lock()
	f.stopping = true
	f.mu.Unlock()
	f.wake()
	timer := time.NewTimer(f.e.o.StopGrace)
	defer timer.Stop()
	select {
	case <-timer.C:
		cut()
	case <-over:
	case <-ctx.Done():
	}
}

// take returns the first piece that is todo, or half of what another worker has left. It waits while pieces are under way, because
// one of them may fail and become todo again.
func (f *fetch) take(ctx context.Context, speed *gauge) (assignment, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if ctx.Err() != nil || f.stopping || f.over {
			return assignment{}, false
		}
		for ; f.next < len(f.pieces); f.next++ {
			if f.pieces[f.next] == todo {
				f.next++
				return f.begin(f.next - 1), true
			}
		}
		if a, ok := f.steal(); ok {
			return a, true
		}
		f.pace.idle(speed)
		f.cond.Wait()
	}
}

// begin returns a piece as an assignment, or the wrong part of it. The caller holds mu.
func (f *fetch) begin(i int) assignment {
	f.pieces[i] = busy
	f.shared[i] = &sharing{workers: 1}
	from, to := f.plan.Piece(i)
	a := assignment{piece: i, span: span{from, to}, hashed: len(f.pieces) == 1 && !f.auditing}
	if f.auditing {
		a.span = span{max(from, f.wrong.from), min(to, f.wrong.to)}
	}
	return a
}

func (f *fetch) settle(i int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !ok {
		f.pieces[i] = todo
		f.next = min(f.next, i)
	} else {
		from, to := f.plan.Piece(i)
		f.pieces[i] = done
		f.fresh = append(f.fresh, i)
		f.unsynced += to - from
		if f.unsynced >= f.e.o.SyncBytes {
			select {
			case f.kick <- struct{}{}:
			default:
			}
		}
	}
	f.cond.Broadcast()
}

type span struct{ from, to int64 }

// empty fetches a file without bytes. It is asked for without a range, because an empty object has none (416).
func (f *fetch) empty(ctx context.Context) error {
	buf := f.e.buffers.get(f.t.Size)
	defer f.e.buffers.put(buf)
	return f.fill(ctx, f.cursor(span{}, f.pace.join()), f.e.newTries(), *buf)
}

// fill makes requests until all bytes of a span have arrived.
func (f *fetch) fill(ctx context.Context, c *cursor, t *tries, buf []byte) error {
	for {
		before := c.pos
		url, generation := f.urls.get()
		err := f.request(ctx, url, c, buf)
		if c.pos > before {
			f.urls.moved()
			t.moved()
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		flt, ok := errors.AsType[*fault](err)
		if !ok {
			return err
		}
		if flt.kind == expired {
			fresh, err := f.urls.renew(ctx, generation, flt.err)
			if err != nil {
				return err
			}
			if fresh {
				f.freshURLs.Add(1)
			}
			continue
		}
		f.retries.Add(1)
		f.e.o.Log.Debug("try failed", "file_id", f.t.FileID, "offset", c.pos, "error", flt.err)
		if err := t.wait(ctx, flt); err != nil {
			return err
		}
	}
}

// tries counts failures since the last byte arrived, and waits after each: exponential backoff with full jitter, or as long as the
// origin asks.
type tries struct {
	o      *Options
	failed int
	waits  backoff.BackOff
}

func (e *Engine) newTries() *tries {
	return &tries{o: &e.o, waits: client.FullJitter(e.o.BackoffBase, e.o.BackoffLimit)}
}

// moved forgets the failures, because bytes arrived.
func (t *tries) moved() {
	t.failed = 0
	t.waits.Reset()
}

func (t *tries) wait(ctx context.Context, flt *fault) error {
	if t.failed++; t.failed >= t.o.MaxTries {
		return fmt.Errorf("after %d tries: %w", t.failed, flt.err)
	}
	wait := t.waits.NextBackOff()
	if flt.after > 0 {
		if flt.after > t.o.MaxRetryAfter {
			return fmt.Errorf("the origin asks to wait %v: %w", flt.after, flt.err)
		}
		wait = flt.after
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
