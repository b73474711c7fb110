package download

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

var errSlow = errors.New("the connection is under half the mean speed")

// pace compares the speeds of a fetch's connections. One that is much slower than the others, because of its network path or of the
// server behind it, is closed and opened again.
type pace struct {
	mu     sync.Mutex
	gauges []*gauge
	mean   int64 // bytes of a connection in an interval, when last several were busy
}

// gauge counts what one worker receives, over all its requests.
type gauge struct {
	bytes atomic.Int64

	// Under pace.mu.
	before  int64  // bytes at the last look
	whole   bool   // busy since the last look
	restart func() // ends the request that is going on; nil between requests
}

func (p *pace) join() *gauge {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := &gauge{}
	p.gauges = append(p.gauges, g)
	return g
}

// idle says that a worker has nothing to do, so that its speed is not compared.
func (p *pace) idle(g *gauge) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g.whole, g.before = false, -1
}

// requesting says how the request that begins can be ended; nil says that it has ended.
func (p *pace) requesting(g *gauge, restart func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g.restart = restart
	if g.before < 0 {
		g.before = g.bytes.Load()
	}
}

// watch looks at all connections at every interval, until ctx ends or the fetch is over.
func (p *pace) watch(ctx context.Context, interval time.Duration, over <-chan struct{}) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.look()
		case <-over:
			return
		case <-ctx.Done():
			return
		}
	}
}

// look restarts the connections that were slower than half the mean since the last look. When only one connection is left, it is
// compared with the last mean of several: at the end of a file the slow one is what is left.
func (p *pace) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	came := map[*gauge]int64{}
	var sum int64
	for _, g := range p.gauges {
		if g.before < 0 {
			continue // idle
		}
		now := g.bytes.Load()
		if g.whole {
			came[g] = now - g.before
			sum += now - g.before
		}
		g.before, g.whole = now, true
	}
	if len(came) > 1 {
		p.mean = sum / int64(len(came))
	}
	for g, n := range came {
		if 2*n < p.mean && g.restart != nil {
			g.restart()
			g.whole = false // a new connection is not judged by its first interval
		}
	}
}
