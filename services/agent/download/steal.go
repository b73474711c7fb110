package download

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
)

// When no piece is left to begin, an idle worker takes over the second half of what another worker still has to fetch. Otherwise all
// workers would wait for the slowest one.

// assignment is what a worker is to fetch: a piece, or the tail of one that another worker is on.
type assignment struct {
	piece int
	span
}

// sharing is a piece that one or more workers are fetching. The last worker to leave it marks it done or todo.
type sharing struct {
	workers int
	cursors []*cursor // which can be stolen from
	stolen  bool
	failed  bool
}

// steal takes half of the largest rest that any worker has. The caller holds mu.
func (f *fetch) steal() (assignment, bool) {
	var victim *cursor
	var piece int
	most := 2*f.e.o.StealSize - 1
	for i, s := range f.shared {
		for _, c := range s.cursors {
			if n := c.left(); n > most {
				victim, piece, most = c, i, n
			}
		}
	}
	if victim == nil {
		return assignment{}, false
	}
	tail, ok := victim.halve()
	if !ok {
		return assignment{}, false
	}
	s := f.shared[piece]
	s.workers++
	s.stolen = true
	return assignment{piece, tail}, true
}

// enlist lets others steal from a cursor.
func (f *fetch) enlist(piece int, c *cursor) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.shared[piece]
	s.cursors = append(s.cursors, c)
}

// leave ends a worker's part in a piece, and reports whether it was the last worker on it.
func (f *fetch) leave(piece int, c *cursor, failed bool) (s sharing, last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.shared[piece]
	now.cursors = slices.DeleteFunc(now.cursors, func(other *cursor) bool { return other == c })
	now.workers--
	now.failed = now.failed || failed
	if now.workers == 0 {
		delete(f.shared, piece)
	}
	return *now, now.workers == 0
}

// share fetches an assignment. The last worker on the piece then checks it and marks it done, or todo after a failure.
func (f *fetch) share(ctx context.Context, a assignment, buf []byte, speed *gauge) (err error) {
	var counted int64
	defer func() {
		if err != nil {
			f.t.Done.Add(-counted)
		}
	}()
	c := f.cursor(a.span, speed)
	if from, _ := f.plan.Piece(a.piece); from != a.from {
		c.hash = nil // it begins within a part
	}
	f.enlist(a.piece, c)
	t := f.e.newTries()
	err = f.fill(ctx, c, t, buf)
	counted += c.pos - a.from
	s, last := f.leave(a.piece, c, err != nil)
	if !last {
		return err
	}
	if err == nil && !s.failed {
		bad := c.bad
		if s.stolen {
			bad, err = f.recheck(ctx, a.piece, buf)
		}
		if err == nil {
			err = f.mend(ctx, t, bad, buf, speed, &counted)
		}
	}
	f.settle(a.piece, err == nil && !s.failed)
	return err
}

// recheck hashes the parts of a piece that several workers have written, because none of them hashed a whole part.
func (f *fetch) recheck(ctx context.Context, piece int, buf []byte) (bad []span, err error) {
	if f.plan.split() {
		return nil, nil // the verifier hashes parts that are larger than pieces
	}
	at, end := f.plan.Piece(piece)
	for at < end {
		n, from, to := f.plan.part(at)
		h := sha256.New()
		if _, err := copyBuffer(ctx, h, io.NewSectionReader(f.file, from, to-from), buf); err != nil {
			return nil, fmt.Errorf("reading the partial file: %w", err)
		}
		if [32]byte(h.Sum(nil)) != f.t.Parts[n] {
			bad = append(bad, span{from, to})
		}
		at = to
	}
	return bad, nil
}

// mend fetches the parts that arrived with wrong bytes again, each on its own.
func (f *fetch) mend(ctx context.Context, t *tries, spans []span, buf []byte, speed *gauge, counted *int64) error {
	bad := map[int64]int{} // by the part's first byte
	for ; len(spans) > 0; spans = spans[1:] {
		s := spans[0]
		f.badParts.Add(1)
		f.t.Done.Add(s.from - s.to)
		*counted -= s.to - s.from
		f.e.o.Log.Warn("part arrived with wrong bytes", "file_id", f.t.FileID, "offset", s.from, "bytes", s.to-s.from)
		if bad[s.from]++; bad[s.from] >= maxBadFetches {
			return fmt.Errorf("%w: part at byte %d", ErrDigest, s.from)
		}
		c := f.cursor(s, speed)
		err := f.fill(ctx, c, t, buf)
		*counted += c.pos - s.from
		if err != nil {
			return err
		}
		spans = append(spans, c.bad...)
	}
	return nil
}
