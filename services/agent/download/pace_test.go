package download

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// trickle sends a few bytes at a time until the client has had enough.
func trickle(o *origin, w http.ResponseWriter, r *http.Request, from, to int64) {
	o.head(w, from, to)
	for at := from; at < to; at++ {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
		if _, err := w.Write(o.body[at : at+1]); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
	}
}

// One connection of several is slow, though it never stalls: it is made anew at the byte that it has reached, wherever in the
// file that is, the last piece included.
func TestSlowConnectionIsRestarted(t *testing.T) {
	t.Parallel()
	for name, piece := range map[string]int64{"in the middle": 2, "at the end": 199} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := &faulty{from: piece * testPiece, times: 1, serve: trickle}
			o := newOrigin(t, 200*testPiece, slow, &faulty{from: -1, times: -1, serve: steady})
			b := setup(t, o, func(o *Options) {
				o.SlowInterval, o.MaxTries = 40*time.Millisecond, 1000 // on a busy machine all are slow at times
			})
			r, err := b.fetch()
			require.NoError(t, err)
			b.published()
			require.EqualValues(t, len(o.body), r.Fetched, "no byte came twice")
			asked := 0
			for _, spec := range o.seen() {
				if strings.HasSuffix(spec, fmt.Sprintf("-%d", (piece+1)*testPiece-1)) {
					asked++
				}
			}
			require.Greater(t, asked, 1, "the piece would have taken minutes")
		})
	}
}

// steady takes a little while for each piece.
func steady(o *origin, w http.ResponseWriter, _ *http.Request, from, to int64) {
	time.Sleep(5 * time.Millisecond)
	o.head(w, from, to)
	_, _ = w.Write(o.body[from:to])
}

// Workers that wait, and connections that are alone from the start, are no measure for anybody.
func TestPace(t *testing.T) {
	t.Parallel()
	var p pace
	fast, slow, waiting := p.join(), p.join(), p.join()
	restarts := 0
	for _, g := range []*gauge{fast, slow, waiting} {
		p.requesting(g, func() { restarts++ })
	}
	p.idle(waiting)
	p.look()
	fast.bytes.Add(100)
	slow.bytes.Add(34)
	p.look()
	require.Zero(t, restarts, "34 is more than half of 67")
	fast.bytes.Add(100)
	slow.bytes.Add(32)
	p.look()
	require.Equal(t, 1, restarts)
	p.look()
	require.Equal(t, 1+1, restarts, "of the fast one, which brought nothing; the slow one has just begun anew")
	p.idle(fast)
	slow.bytes.Add(1)
	p.look()
	require.Equal(t, 3, restarts, "alone, and held to the mean of before")
}
