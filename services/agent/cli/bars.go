package cli

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"

	"scalable-backend/services/agent/internal/text"
)

const (
	redrawEvery = 150 * time.Millisecond
	barName     = 28              // most columns of a bar's name
	rateOver    = 3 * time.Second // the time over which speeds are averaged
)

// eraseAbove goes up a row and empties it. What empties the rest of a screen at once makes tmux keep it in its history.
const eraseAbove = "\x1b[A\r\x1b[2K"

// bars shows, below what stays on a terminal, a line for each file that is under way and one for their sum. It draws them itself,
// because mpb and its like leave lines behind on a terminal that becomes narrower, and fill its history when it has fewer rows than
// there are bars.
type bars struct {
	out  io.Writer
	size func() (columns, rows int)

	mu      sync.Mutex
	files   []*bar // in the order in which they were begun
	total   *bar   // nil for a single file
	drawn   []int  // the columns of each line that the terminal shows now
	stopped bool
	stop    chan struct{}
	ended   chan struct{}
}

// bar is what one line shows.
type bar struct {
	name  string
	total int64
	steps []step
	left  bool // shows the time that is left

	step int // the one whose speed is measured
	last int64
	at   time.Time
	rate float64 // bytes a second
}

// step is a counter that goes up to the bar's total, and what is being done meanwhile. The next step is shown when it is full.
type step struct {
	doing string // "" for the main one
	done  func() int64
}

// newBars draws until stopAll is called, or until interrupted is closed: what ends slowly leaves no bar behind.
func newBars(out io.Writer, size func() (columns, rows int), interrupted <-chan struct{}) *bars {
	b := &bars{out: out, size: size, stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		ticker := time.NewTicker(redrawEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				_ = b.redraw(nil) // a terminal that is gone shows no bars
				continue
			case <-interrupted:
			case <-b.stop:
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			_, _ = b.out.Write(b.erased())
			b.drawn, b.stopped = nil, true
			return
		}
	}()
	return b
}

// stopAll takes all bars away.
func (b *bars) stopAll() {
	close(b.stop)
	<-b.ended
}

// add shows a bar until the returned function is called.
func (b *bars) add(one *bar) (end func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one.left {
		b.total = one
	} else {
		b.files = append(b.files, one)
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.files = slices.DeleteFunc(b.files, func(other *bar) bool { return other == one })
		if b.total == one {
			b.total = nil
		}
	}
}

// Write implements io.Writer: whole lines that stay, above the bars.
func (b *bars) Write(lines []byte) (int, error) {
	return len(lines), b.redraw(lines)
}

// redraw writes all at once, so that nothing flickers.
func (b *bars) redraw(above []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := append(b.erased(), above...)
	b.drawn = nil
	if !b.stopped {
		columns, rows := b.size()
		for _, line := range b.lines(columns-1, rows-1, time.Now()) {
			text = append(append(text, line...), '\n')
			b.drawn = append(b.drawn, runewidth.StringWidth(line))
		}
	}
	_, err := b.out.Write(text)
	return err
}

// erased is what removes the lines that were drawn. A terminal that became narrower since then has wrapped them.
func (b *bars) erased() []byte {
	columns, rows := b.size()
	up := 0
	for _, width := range b.drawn {
		up += max(1, (width+columns-1)/columns)
	}
	return bytes.Repeat([]byte(eraseAbove), min(up, rows-1))
}

// lines returns as many bars as there is room for; the sum is the last one.
func (b *bars) lines(columns, rows int, now time.Time) (lines []string) {
	shown, last := b.files, []*bar{}
	if b.total != nil {
		last = append(last, b.total)
	}
	more := 0
	if room := max(0, rows-len(last)); len(shown) > room {
		more = len(shown) - max(0, room-1)
		shown = shown[:max(0, room-1)]
	}
	width := 0
	for _, one := range slices.Concat(shown, last) {
		one.measure(now)
		width = max(width, runewidth.StringWidth(one.title(columns)))
	}
	for _, one := range shown {
		lines = append(lines, one.line(width, columns))
	}
	if more > 0 && rows > len(last) {
		lines = append(lines, fit(fmt.Sprintf("and %s more", plural(more, "file")), columns))
	}
	for _, one := range last {
		lines = append(lines, one.line(width, columns))
	}
	return lines
}

// measure goes on to the step that is under way, and averages its speed.
func (b *bar) measure(now time.Time) {
	step := b.step
	for step < len(b.steps)-1 && b.steps[step].done() >= b.total {
		step++
	}
	n := b.steps[step].done()
	if step != b.step || b.at.IsZero() { // what is there at the beginning was done earlier, and tells nothing about the speed
		b.step, b.last, b.at, b.rate = step, n, now, 0
		return
	}
	took := now.Sub(b.at).Seconds()
	if took <= 0 {
		return
	}
	speed := float64(max(0, n-b.last)) / took // a part that is sent again counts backwards
	weight := 1 - math.Exp(-took/rateOver.Seconds())
	if b.rate == 0 {
		weight = 1
	}
	b.rate += weight * (speed - b.rate)
	b.last, b.at = n, now
}

func (b *bar) title(columns int) string {
	return fit(b.steps[b.step].doing+text.Escape(b.name), min(barName, max(8, columns/3)))
}

// line is the title, a bar and numbers, or the title and fewer numbers where there is less room.
func (b *bar) line(title, columns int) string {
	n := min(b.last, b.total)
	percent := 100
	if b.total > 0 {
		percent = int(100 * (float64(n) / float64(b.total)))
	}
	left := ""
	if b.left && b.rate > 0 {
		rest := time.Duration(float64(b.total-n) / b.rate * float64(time.Second))
		left = " " + max(rest, time.Second).Round(time.Second).String() + " left"
	}
	name := runewidth.FillRight(b.title(columns), title)
	numbers := fmt.Sprintf("%s / %s %s/s%s", size(n), size(b.total), size(int64(b.rate)), left)
	if title+2+len(numbers) > columns {
		numbers = fmt.Sprintf("%d%%%s", percent, left)
	}
	room := columns - title - len(numbers) - len("  [] ")
	if room < 4 {
		return fit(name+"  "+numbers, columns)
	}
	var bar bytes.Buffer
	done := room * percent / 100
	bar.WriteString(strings.Repeat("=", done))
	if done < room {
		bar.WriteString(">" + strings.Repeat("-", room-done-1))
	}
	return name + "  [" + bar.String() + "] " + numbers
}
