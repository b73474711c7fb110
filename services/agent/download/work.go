package download

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"time"
)

// maxBadFetches is how often a part may come with wrong bytes before the object itself is held to be wrong.
const maxBadFetches = 3

// work fills pieces until none is left.
func (f *fetch) work(ctx context.Context) error {
	buf := f.e.buffers.get()
	defer f.e.buffers.put(buf)
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.workers--
		f.cond.Broadcast()
	}()
	for {
		i, ok := f.take(ctx)
		if !ok {
			return nil
		}
		err := f.piece(ctx, i, *buf)
		f.settle(i, err == nil)
		if err != nil {
			return err
		}
	}
}

// take returns the first piece that is todo, and waits for one as long as a part may still turn out wrong.
func (f *fetch) take(ctx context.Context) (int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if ctx.Err() != nil || f.stopping || f.over {
			return 0, false
		}
		for ; f.next < len(f.pieces); f.next++ {
			if f.pieces[f.next] == todo {
				f.pieces[f.next] = busy
				f.next++
				return f.next - 1, true
			}
		}
		f.cond.Wait()
	}
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

// piece fetches one piece; parts of it that come with wrong bytes are fetched again alone.
func (f *fetch) piece(ctx context.Context, i int, buf []byte) (err error) {
	var counted int64
	defer func() {
		if err != nil {
			f.t.Done.Add(-counted)
		}
	}()
	from, to := f.plan.Piece(i)
	t := f.e.newTries()
	spans := []span{{from, to}}
	var bad map[int64]int // by the part's first byte
	for ; len(spans) > 0; spans = spans[1:] {
		c := f.cursor(spans[0])
		err := f.fill(ctx, c, t, buf)
		counted += c.pos - spans[0].from
		if err != nil {
			return err
		}
		for _, s := range c.bad {
			f.badParts.Add(1)
			f.t.Done.Add(s.from - s.to)
			counted -= s.to - s.from
			f.e.o.Log.Warn("part came with wrong bytes", "file_id", f.t.FileID, "offset", s.from, "bytes", s.to-s.from)
			if bad == nil {
				bad = map[int64]int{}
			}
			if bad[s.from]++; bad[s.from] >= maxBadFetches {
				return fmt.Errorf("%w: part at byte %d", ErrDigest, s.from)
			}
			spans = append(spans, s)
		}
	}
	return nil
}

// empty fetches a file without bytes. There is no range of it that could be asked for.
func (f *fetch) empty(ctx context.Context) error {
	buf := f.e.buffers.get()
	defer f.e.buffers.put(buf)
	return f.fill(ctx, f.cursor(span{}), f.e.newTries(), *buf)
}

// fill makes requests until a span is here.
func (f *fetch) fill(ctx context.Context, c *cursor, t *tries, buf []byte) error {
	for {
		before := c.pos
		url, generation := f.urls.get()
		err := f.request(ctx, url, c, buf)
		if c.pos > before {
			f.urls.moved()
			t.failed = 0
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

// cursor writes a span, hashing whole parts on the way.
type cursor struct {
	f       *fetch
	pos, to int64
	hash    hash.Hash // nil when parts are larger than pieces: the verifier hashes those
	bad     []span
}

func (f *fetch) cursor(s span) *cursor {
	c := &cursor{f: f, pos: s.from, to: s.to}
	if !f.plan.split() {
		c.hash = sha256.New()
	}
	return c
}

func (c *cursor) write(p []byte) error {
	if _, err := c.f.file.WriteAt(p, c.pos); err != nil {
		return writeError(err)
	}
	c.f.fetched.Add(int64(len(p)))
	c.f.t.Done.Add(int64(len(p)))
	if c.hash == nil {
		c.pos += int64(len(p))
		return nil
	}
	for len(p) > 0 {
		n, from, to := c.f.plan.part(c.pos)
		k := min(int64(len(p)), to-c.pos)
		c.hash.Write(p[:k])
		c.pos += k
		p = p[k:]
		if c.pos == to {
			if [32]byte(c.hash.Sum(nil)) != c.f.t.Parts[n] {
				c.bad = append(c.bad, span{from, to})
			}
			c.hash.Reset()
		}
	}
	return nil
}

// tries counts failures without progress and waits between them: exponential backoff with full jitter, or as long as the
// origin says.
type tries struct {
	o      *Options
	failed int
}

func (e *Engine) newTries() *tries { return &tries{o: &e.o} }

func (t *tries) wait(ctx context.Context, flt *fault) error {
	if t.failed++; t.failed >= t.o.MaxTries {
		return fmt.Errorf("after %d tries: %w", t.failed, flt.err)
	}
	limit := min(t.o.BackoffLimit, t.o.BackoffBase<<(t.failed-1))
	wait := rand.N(limit + 1)
	if flt.after > 0 {
		if flt.after > t.o.MaxRetryAfter {
			return fmt.Errorf("the origin asks for %v of patience: %w", flt.after, flt.err)
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
