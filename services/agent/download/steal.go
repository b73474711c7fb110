package download

import (
	"context"
	"slices"
)

// When no piece is left to begin, an idle worker takes over the second half of what another worker still has to fetch. Otherwise all
// workers would wait for the slowest one.

// assignment is what a worker is to fetch: a piece, or the tail of one that another worker is on.
type assignment struct {
	piece int
	span
	hashed bool // the worker hashes the file: it is all that there is
}

// sharing is a piece that one or more workers are fetching. The last worker to leave it marks it done or todo.
type sharing struct {
	workers int
	cursors []*cursor // which can be stolen from
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
	f.shared[piece].workers++
	return assignment{piece: piece, span: tail}, true
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

// share fetches an assignment. The last worker on the piece marks it done, or todo after a failure.
func (f *fetch) share(ctx context.Context, a assignment, buf []byte, speed *gauge) error {
	c := f.cursor(a.span, speed)
	if a.hashed {
		c.hash = f.whole
	}
	f.enlist(a.piece, c)
	err := f.fill(ctx, c, f.e.newTries(), buf)
	if err != nil {
		f.t.Done.Add(a.from - c.pos)
	}
	if s, last := f.leave(a.piece, c, err != nil); last {
		f.settle(a.piece, !s.failed)
	}
	return err
}
