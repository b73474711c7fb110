package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// display shows how far a step has come: a bar on a terminal, a line now and then otherwise.
type display struct {
	out   io.Writer
	bars  *mpb.Progress // nil where out is not a terminal
	start time.Time
}

func newDisplay(out io.Writer) *display {
	d := &display{out: out, start: time.Now()}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		d.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(48), mpb.WithRefreshRate(100*time.Millisecond))
	}
	return d
}

// print prints lines as they are, so that they can be pasted.
func (d *display) print(lines string) {
	if d.bars != nil {
		_, _ = fmt.Fprintln(d.bars, lines)
		return
	}
	fmt.Fprintln(d.out, lines)
}

// say prints a line, above the bars if there are any.
func (d *display) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if d.bars != nil {
		_, _ = fmt.Fprintln(d.bars, line)
		return
	}
	const indent = "           " // the time, and two
	fmt.Fprintf(d.out, "%6.1fs  %s\n", time.Since(d.start).Seconds(), wrap(line, columns-9, "\n"+indent))
}

// columns are those of a terminal that nobody has made wider.
const columns = 80

// summary writes names and what there is to say of them, no line longer than a terminal.
func summary(rows [][2]string) string {
	const indent = "                     "
	var out strings.Builder
	for _, row := range rows {
		lead := fmt.Sprintf("\n  %-18s ", row[0])
		for line := range strings.SplitSeq(row[1], "\n") {
			out.WriteString(lead + wrap(line, columns-len(indent), "\n"+indent+"  "))
			lead = "\n" + indent
		}
	}
	return out.String() + "\n"
}

// wrap breaks a text at spaces into lines of at most so many columns, which begin with next from the second on. next is a line's end
// and two spaces more than what stands in front of the first.
func wrap(text string, most int, next string) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	var out strings.Builder
	used := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case used+1+n > most:
			out.WriteString(next)
			used = 2
		default:
			out.WriteByte(' ')
			used++
		}
		out.WriteString(word)
		used += n
	}
	return out.String()
}

// wait lets the last bars be drawn.
func (d *display) wait() {
	if d.bars != nil {
		d.bars.Wait()
		d.bars = nil
	}
}

// step is one bar, in bytes.
type step struct {
	d        *display
	bar      *mpb.Bar
	title    string
	total    int64
	detail   string
	nextLine time.Time
	done     int64
}

func (d *display) step(title string, total int64) *step {
	s := &step{d: d, title: title, total: total, nextLine: time.Now().Add(time.Second)}
	if d.bars != nil {
		s.bar = d.bars.AddBar(total,
			mpb.PrependDecorators(decor.Name(title, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(
				decor.CountersKibiByte("% .1f / % .1f", decor.WCSyncWidth),
				decor.Any(func(decor.Statistics) string { return "  " + s.detail })))
	}
	return s
}

// add and set move the step; detail is shown behind it.
func (s *step) add(n int64) { s.set(s.done+n, s.detail) }

func (s *step) set(done int64, detail string) {
	s.done, s.detail = min(done, s.total), detail
	if s.bar != nil {
		s.bar.SetCurrent(s.done)
		return
	}
	if time.Now().After(s.nextLine) {
		s.line()
		s.nextLine = time.Now().Add(2 * time.Second)
	}
}

func (s *step) line() {
	percent := 100.0
	if s.total > 0 {
		percent = 100 * float64(s.done) / float64(s.total)
	}
	s.d.say("%-9s %3.0f %%  %s  %s", s.title, percent, formatBytes(s.done), s.detail)
}

// finish ends the step; a step that was not completed is left as it stands.
func (s *step) finish() {
	if s.bar == nil {
		s.line()
		return
	}
	if s.done < s.total {
		s.bar.Abort(false)
	} else {
		s.bar.SetTotal(s.total, true)
	}
}
