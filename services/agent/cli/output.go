package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"
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
	columns, _ = sizeOf(f)
	return f, columns
}

// sizeOf returns the size of a terminal as it is now, or a usual one where it tells none.
func sizeOf(f *os.File) (columns, rows int) {
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 20 || rows < 2 {
		return 80, 24
	}
	return columns, rows
}

// printer writes results: a JSON object or a plain line each. While bars are shown, plain lines wait for their end.
type printer struct {
	a    *app
	bars *bars

	mu    sync.Mutex
	lines []string
}

// printer returns one that shows bars if standard error is a terminal.
func (a *app) printer() *printer {
	p := &printer{a: a}
	if f, _ := terminal(a.errOut); f != nil && !a.json {
		restore := quietKeys(f)
		a.restore.Store(&restore)
		p.bars = newBars(f, func() (int, int) { return sizeOf(f) }, a.interrupted)
	}
	return p
}

// bar shows the steps of one file until the returned function is called.
func (p *printer) bar(name string, total int64, steps ...step) (end func()) {
	return p.add(&bar{name: name, total: total, steps: steps})
}

// total shows the sum of several files below their bars, with the time that is left.
func (p *printer) total(files int, bytes int64, n func() int64) (end func()) {
	if files < 2 {
		return func() {}
	}
	return p.add(&bar{name: plural(files, "file"), total: bytes, steps: []step{{done: n}}, left: true})
}

func (p *printer) add(b *bar) (end func()) {
	if p.bars == nil {
		return func() {}
	}
	return p.bars.add(b)
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
	if p.bars != nil {
		p.bars.stopAll()
		p.bars = nil
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

// rate is " at " and the speed, or nothing where nothing was moved.
func rate(n int64, d time.Duration) string {
	if n == 0 || d <= 0 {
		return ""
	}
	return " at " + size(int64(float64(n)/d.Seconds())) + "/s"
}

// plural is for sentences about counts.
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
