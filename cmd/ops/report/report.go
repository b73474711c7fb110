// Package report prints what a command finds: lines that stay, verdicts, and what goes on right now. On a terminal, the last line says what
// goes on and is written again with every change; elsewhere, each change is a line. Colours are for terminals alone, without NO_COLOR.
package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"scalable-backend/cmd/ops/command"
)

// Verdict is what was found of one thing.
type Verdict int

// The verdicts.
const (
	OK      Verdict = iota
	Note            // worth knowing, and no fault
	Bad             // a fault: the command ends with exit status 1
	Unknown         // it could not be found out
)

var verdicts = []struct{ word, color string }{{"ok", "32"}, {"note", "33"}, {"FAILED", "31"}, {"unknown", "35"}}

// Printer prints to stdout.
type Printer struct {
	to               io.Writer
	width            func() int // 0: no terminal
	color            bool
	now              func() time.Time
	start            time.Time
	live             bool   // a line of what goes on is on the screen
	going            string // what it said last
	faults, unknowns int    // verdicts that were Bad, and Unknown
}

// New prints to the command's stdout. Time counts from now on.
func New(env *command.Env) *Printer {
	return &Printer{to: env.Stdout, width: env.Width, now: env.Now, start: env.Now(),
		color: env.Width() > 0 && env.Getenv("NO_COLOR") == ""}
}

// Line prints a line that stays. A text of several lines is indented from the second on.
func (p *Printer) Line(format string, args ...any) {
	p.clear()
	text := command.Printable(strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
	fmt.Fprintln(p.to, strings.ReplaceAll(text, "\n", "\n    "))
}

// Check prints a verdict on a line of its own: what was looked at, and what was found, with how to mend it.
func (p *Printer) Check(v Verdict, what, format string, args ...any) {
	switch v {
	case Bad:
		p.faults++
	case Unknown:
		p.unknowns++
	}
	mark := fmt.Sprintf("%-8s", verdicts[v].word)
	text := fmt.Sprintf("%s: %s", what, fmt.Sprintf(format, args...))
	text = strings.ReplaceAll(command.Printable(strings.TrimRight(text, "\n")), "\n", "\n"+strings.Repeat(" ", len(mark)))
	if p.color {
		mark = "\x1b[" + verdicts[v].color + "m" + mark + "\x1b[0m"
	}
	p.clear()
	fmt.Fprintln(p.to, mark+text)
}

// Unknowns is how many were Unknown.
func (p *Printer) Unknowns() int { return p.unknowns }

// Faults is how many verdicts were Bad.
func (p *Printer) Faults() int { return p.faults }

// Going says what goes on. The same text twice is one change.
func (p *Printer) Going(format string, args ...any) {
	text := strings.ReplaceAll(command.Printable(fmt.Sprintf(format, args...)), "\n", " ")
	same := text == p.going
	p.going = text
	took := p.now().Sub(p.start).Round(time.Second)
	line := fmt.Sprintf("%8s  %s", took, text)
	width := p.width()
	switch {
	case width == 0 && !same:
		fmt.Fprintln(p.to, line)
	case width > 0:
		p.clear()
		if most := width - 1; utf8.RuneCountInString(line) > most {
			line = string([]rune(line)[:most])
		}
		fmt.Fprint(p.to, line)
		p.live = true
	}
}

// Done keeps what Going said last on the screen.
func (p *Printer) Done() {
	if p.live {
		fmt.Fprintln(p.to)
		p.live = false
	}
}

// clear takes the line of what goes on off the screen.
func (p *Printer) clear() {
	if p.live {
		fmt.Fprint(p.to, "\r\x1b[K")
		p.live = false
	}
}
