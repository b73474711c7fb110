package download

import (
	"context"
	"errors"
	"io"
	"sync"
)

// bufferSize is the size of one read and one write. Each connection holds one buffer, and so does what reads the file back. Half of it
// costs a tenth more CPU. Files of smallSize or less have smaller ones, because many are fetched at once.
const (
	bufferSize = 256 << 10
	smallSize  = 64 << 10
)

type buffers struct{ large, small sync.Pool }

// get returns a buffer for so many bytes, or for as many as fit into it.
func (b *buffers) get(bytes int64) *[]byte {
	pool, size := &b.large, bufferSize
	if bytes <= smallSize {
		pool, size = &b.small, smallSize
	}
	if p, ok := pool.Get().(*[]byte); ok {
		return p
	}
	return new(make([]byte, size))
}

func (b *buffers) put(p *[]byte) {
	if len(*p) == smallSize {
		b.small.Put(p)
		return
	}
	b.large.Put(p)
}

// copyBuffer copies to the end of r and stops between buffers when ctx ends.
func copyBuffer(ctx context.Context, w io.Writer, r io.Reader, buf []byte) (int64, error) {
	var total int64
	for {
		if ctx.Err() != nil {
			return total, context.Cause(ctx)
		}
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return total, err
			}
			total += int64(n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}
