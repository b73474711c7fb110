package testenv

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Wire is a TCP connection's way to a server, that a test can cut: what runs over it breaks, and what is new is refused, until it is
// mended. It can also stall: connections stay and new ones are taken, but no byte arrives, as from a machine that hangs.
type Wire struct {
	// Addr is where to connect to instead of the server, host:port.
	Addr string

	target string
	l      net.Listener

	flow    sync.RWMutex // held for reading while bytes pass
	stalled bool

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
	all   sync.WaitGroup
}

// NewWire makes a wire to a server, host:port, that lasts as long as the test.
func NewWire(t testing.TB, target string) *Wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &Wire{Addr: l.Addr().String(), target: target, l: l, conns: map[net.Conn]struct{}{}}
	w.all.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.Cut()
		w.resume()
		w.all.Wait()
	})
	return w
}

func (w *Wire) accept() {
	for {
		near, err := w.l.Accept()
		if err != nil {
			return
		}
		w.all.Go(func() { w.carry(near) })
	}
}

// carry copies both ways until one side ends, or the wire is cut.
func (w *Wire) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	defer far.Close()
	w.mu.Lock()
	if w.cut {
		w.mu.Unlock()
		return
	}
	w.conns[near], w.conns[far] = struct{}{}, struct{}{}
	w.mu.Unlock()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			_, _ = io.Copy(way[0], &gated{w, way[1]})
			ended <- struct{}{}
		}()
	}
	<-ended
	_, _ = near.Close(), far.Close()
	<-ended
	w.mu.Lock()
	delete(w.conns, near)
	delete(w.conns, far)
	w.mu.Unlock()
}

// gated reads what a stalled wire holds back only when it flows again.
type gated struct {
	w *Wire
	net.Conn
}

func (g *gated) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	g.w.flow.RLock()
	defer g.w.flow.RUnlock()
	return n, err
}

// Stall lets no byte pass any more, and breaks nothing.
func (w *Wire) Stall() {
	w.flow.Lock()
	w.stalled = true
}

func (w *Wire) resume() {
	if w.stalled {
		w.stalled = false
		w.flow.Unlock()
	}
}

// Cut breaks all connections and refuses new ones.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for c := range w.conns {
		_ = c.Close()
	}
}

// Mend lets new connections and bytes through again.
func (w *Wire) Mend() {
	w.resume()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = false
}
