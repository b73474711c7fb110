package download

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// stolen is a file of one large piece, which one connection begins; the other has nothing to begin. No byte comes on the first
// connection, after those at its beginning, until the second one has asked for some: so the test ends only by stealing.
func stolen(t *testing.T, part int64, spoil int64) (*bundle, func() []string) {
	t.Helper()
	const size, piece = 512 << 10, 256 << 10
	asked := make(chan struct{})
	once := sync.OnceFunc(func() { close(asked) })
	var spoiled atomic.Bool
	serve := func(o *origin, w http.ResponseWriter, r *http.Request, from, to int64) {
		if from > 0 && from != piece {
			once()
		}
		o.head(w, from, to)
		if from == 0 {
			_, _ = w.Write(o.body[:1000])
			_ = http.NewResponseController(w).Flush()
			select {
			case <-asked:
			case <-r.Context().Done():
				return
			}
			from = 1000
		}
		body := o.body[from:to]
		if spoil >= from && from > 1000 && spoiled.CompareAndSwap(false, true) {
			body = append([]byte(nil), body...)
			body[spoil-from] ^= 1
		}
		_, _ = w.Write(body)
	}
	o := newOrigin(t, size, &faulty{from: -1, times: -1, serve: serve})
	b := setup(t, o, func(o *Options) {
		o.Connections, o.PieceSize, o.StealSize = 2, piece, 16<<10
	})
	b.task.PartSize, b.task.Parts = part, digests(o.body, int(part))
	return b, o.seen
}

// The last piece is slow: the worker that has nothing to do takes half of what is left of it.
func TestTailIsStolen(t *testing.T) {
	t.Parallel()
	for _, part := range []int64{32 << 10, 256 << 10, 512 << 10} { // smaller than a piece, as large, larger
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			b, seen := stolen(t, part, -1)
			r, err := b.fetch()
			require.NoError(t, err)
			b.published()
			require.EqualValues(t, len(b.origin.body), r.Fetched, "no byte is written twice")
			require.Zero(t, r.BadParts)
			require.Zero(t, r.Retries)
			tails := 0
			for _, spec := range seen() {
				if !strings.HasPrefix(spec, "bytes=0-") && strings.HasSuffix(spec, fmt.Sprintf("-%d", 256<<10-1)) {
					tails++
				}
			}
			require.Positive(t, tails)
		})
	}
}

// A byte of a stolen tail is wrong: its part is found and fetched again, though no worker has seen the whole of it.
func TestWrongBytesInAStolenTail(t *testing.T) {
	t.Parallel()
	for _, part := range []int64{32 << 10, 256 << 10, 512 << 10} {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			b, _ := stolen(t, part, 128<<10+5)
			r, err := b.fetch()
			require.NoError(t, err)
			b.published()
			require.EqualValues(t, 1, r.BadParts)
		})
	}
}
