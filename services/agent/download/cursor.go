package download

import (
	"hash"
	"sync"
)

// cursor writes the bytes of a span to the file. Only its own worker moves it; other workers may take over the second half of what
// is left.
type cursor struct {
	f     *fetch
	hash  hash.Hash // takes the bytes as they come; nil when the verifier reads them back
	speed *gauge

	mu  sync.Mutex
	pos int64 // of the next byte; written under mu by its worker, who may read it without
	to  int64 // under mu
}

func (f *fetch) cursor(s span, speed *gauge) *cursor {
	return &cursor{f: f, pos: s.from, to: s.to, speed: speed}
}

// end is where the cursor's span ends now.
func (c *cursor) end() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.to
}

func (c *cursor) left() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.to - c.pos
}

// halve takes the second half of what is left.
func (c *cursor) halve() (tail span, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	tail = span{c.pos + (c.to-c.pos)/2, c.to}
	if tail.from == c.pos {
		return span{}, false
	}
	c.to = tail.from
	return tail, true
}

// advance moves the cursor over the bytes of p that still belong to its span, and returns them with their place in the file.
func (c *cursor) advance(p []byte) (own []byte, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	own, at = p[:min(int64(len(p)), c.to-c.pos)], c.pos
	c.pos += int64(len(own))
	return own, at
}

func (c *cursor) back(to int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pos = to
}

func (c *cursor) write(p []byte) error {
	p, at := c.advance(p)
	c.f.writing.Lock()
	_, err := c.f.file.WriteAt(p, at)
	c.f.writing.Unlock()
	if err != nil {
		c.back(at)
		return writeError(err)
	}
	c.f.fetched.Add(int64(len(p)))
	c.f.t.Done.Add(int64(len(p)))
	if c.hash != nil {
		c.hash.Write(p)
	}
	return nil
}
