package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"scalable-backend/services/agent/internal/local"
	"scalable-backend/services/agent/internal/text"
)

// sink is an output that remembers its first error, and reports it once.
type sink struct {
	w      io.Writer
	failed func(error)

	mu  sync.Mutex
	err error
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	if err != nil {
		s.err = fmt.Errorf("writing the output: %w", err)
		s.failed(s.err)
	}
	return n, err
}

func (s *sink) error() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// terminal returns the file of a writer if it is a terminal, and its width.
func terminal(w io.Writer) (f *os.File, columns int) {
	if s, ok := w.(*sink); ok {
		w = s.w
	}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 20 {
		columns = 80
	}
	return f, columns
}

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
	if f, _ := terminal(a.errOut); f != nil && !a.json {
		restore := quietKeys(f)
		a.restore.Store(&restore)
		p.bars = mpb.New(mpb.WithOutput(f), mpb.WithRefreshRate(150*time.Millisecond))
	}
	return p
}

const barName = 28 // columns of a bar's name

// bar shows a counter until the returned function is called.
func (p *printer) bar(name string, total int64, n func() int64) (end func()) {
	return p.addBar(name, total, n, nil)
}

// total shows the sum of several files below their bars, with the time that is left.
func (p *printer) total(files int, bytes int64, n func() int64) (end func()) {
	if files < 2 {
		return func() {}
	}
	left := []decor.Decorator{decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO), decor.Name(" left")}
	return p.addBar(plural(files, "file"), bytes, n, left, mpb.BarPriority(math.MaxInt))
}

func (p *printer) addBar(name string, total int64, n func() int64, more []decor.Decorator, options ...mpb.BarOption) (end func()) {
	if p.bars == nil {
		return func() {}
	}
	name = fit(text.Escape(name), barName)
	decorators := append([]decor.Decorator{
		decor.CountersKibiByte("% .1f / % .1f"), decor.Name(" "), decor.AverageSpeed(decor.SizeB1024(0), "% .1f"),
	}, more...)
	b := p.bars.AddBar(max(total, 1), append(options, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)), mpb.AppendDecorators(decorators...))...)
	ended := make(chan struct{})
	p.wg.Go(func() {
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				b.SetCurrent(min(n(), max(total, 1)-1))
			case <-ended:
				b.Abort(true)
				return
			case <-p.a.interrupted: // what ends slowly leaves no bar behind
				b.Abort(true)
				return
			}
		}
	})
	return sync.OnceFunc(func() { close(ended) })
}

// result prints one result; only text is for people. Text that came from elsewhere is escaped, also within the line.
func (p *printer) result(v any, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := text.Escape(fmt.Sprintf(format, args...))
	switch {
	case p.a.json:
		_ = json.NewEncoder(text.JSON(p.a.out)).Encode(v)
	case p.bars != nil:
		p.lines = append(p.lines, line)
	default:
		fmt.Fprintln(p.a.out, line)
	}
}

// skipped says on standard error what was left out: that is no result, and no failure.
func (p *printer) skipped(all []local.Skipped) {
	to := p.a.errOut
	if p.bars != nil {
		to = p.bars // above the bars
	}
	for _, s := range all {
		if p.a.json {
			_ = json.NewEncoder(text.JSON(to)).Encode(map[string]string{"skipped": s.Path, "reason": s.Why})
		} else {
			fmt.Fprintf(to, "agent: skipped %s: %s\n", text.Escape(s.Path), s.Why)
		}
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
	p.lines = nil
}

// fit shortens a text in its middle to so many columns.
func fit(s string, columns int) string {
	if runewidth.StringWidth(s) <= columns {
		return s
	}
	tail := (columns - 1) / 2
	head := columns - 1 - tail
	return runewidth.Truncate(s, head, "") + "…" + runewidth.TruncateLeft(s, runewidth.StringWidth(s)-tail, "")
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

// plural is for sentences about counts.
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
