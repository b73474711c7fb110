package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// printer writes results: a JSON object or a plain line each. While bars are shown, plain lines wait for their end.
type printer struct {
	a    *app
	bars *mpb.Progress

	mu    sync.Mutex
	lines []string
	wg    sync.WaitGroup
}

// printer returns one that shows bars if standard error is a terminal.
func (a *app) printer() *printer {
	p := &printer{a: a}
	if f, ok := a.errOut.(*os.File); ok && !a.json && term.IsTerminal(int(f.Fd())) {
		p.bars = mpb.New(mpb.WithOutput(f), mpb.WithRefreshRate(150*time.Millisecond))
	}
	return p
}

// bar shows a counter until the returned function is called.
func (p *printer) bar(name string, total int64, n *atomic.Int64) (end func()) {
	if p.bars == nil {
		return func() {}
	}
	b := p.bars.AddBar(max(total, 1),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f"), decor.Name(" "), decor.AverageSpeed(decor.SizeB1024(0), "% .1f")))
	ended := make(chan struct{})
	p.wg.Go(func() {
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				b.SetCurrent(min(n.Load(), max(total, 1)-1))
			case <-ended:
				b.Abort(true)
				return
			}
		}
	})
	return sync.OnceFunc(func() { close(ended) })
}

// result prints one result; only text is for people.
func (p *printer) result(v any, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.a.json:
		_ = json.NewEncoder(p.a.out).Encode(v)
	case p.bars != nil:
		p.lines = append(p.lines, fmt.Sprintf(format, args...))
	default:
		fmt.Fprintf(p.a.out, format+"\n", args...)
	}
}

// close ends the bars and prints what waited for it.
func (p *printer) close() {
	p.wg.Wait()
	if p.bars != nil {
		p.bars.Wait()
	}
	for _, l := range p.lines {
		fmt.Fprintln(p.a.out, l)
	}
}

// size prints bytes for people.
func size(n int64) string {
	const units = "KMGTP"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1024, 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}

func rate(n int64, d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return size(int64(float64(n)/d.Seconds())) + "/s"
}
