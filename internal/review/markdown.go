package review

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limit is how many characters a comment of GitHub takes.
const Limit = 65536

// room is kept for what stands around the reports in a comment.
const room = 2048

// WriteMarkdown writes reports as Markdown that fits into a comment: what matters first, and the rest folded and cut where it must be.
// What comes from the program is code in it, so that no name is markup or calls anybody.
func WriteMarkdown(w io.Writer, reports []*Report) error {
	heads := make([]string, len(reports))
	details := make([]string, len(reports))
	left := Limit - room
	for i, r := range reports {
		heads[i] = r.head((Limit - room) * 3 / 4 / len(reports))
		left -= utf8.RuneCountInString(heads[i])
		if r.Failed == "" && !r.Diff.Empty() {
			var text strings.Builder
			if err := r.Diff.WriteText(&text); err != nil {
				return err
			}
			details[i] = text.String()
		}
	}
	var b strings.Builder
	for i := range reports {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(heads[i])
		if details[i] == "" {
			continue
		}
		folded := folded(details[i], left/(len(reports)-i))
		left -= utf8.RuneCountInString(folded)
		b.WriteString(folded)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// head returns all of a report but the folded part. It has no further sentences when it is longer than most bytes.
func (r *Report) head(most int) string {
	var b strings.Builder
	stack, rest, _ := strings.Cut(r.Title(), ": ")
	fmt.Fprintf(&b, "#### %s: %s\n", code(stack), rest)
	if r.Failed != "" {
		b.WriteString("\n" + fenced(r.Failed, 4000))
		return b.String()
	}
	for _, s := range r.sections() {
		if len(s.items) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n**%s**\n\n", s.title)
		for n, item := range s.items {
			if n == shown && len(s.items) > shown+1 || b.Len() > most {
				fmt.Fprintf(&b, "- and %d more\n", len(s.items)-n)
				break
			}
			b.WriteString("- " + item.markdown() + "\n")
		}
	}
	switch {
	case r.Cost == nil:
	case r.Cost.Unknown != "":
		b.WriteString("\n**Cost** not known: " + code(r.Cost.Unknown) + "\n")
	case len(r.Cost.Lines) > 0:
		fmt.Fprintf(&b, "\n**Cost** %.2f → %.2f USD a month (%+.2f)\n\n| | before | after | |\n|---|--:|--:|--:|\n", r.Cost.Before,
			r.Cost.After,
			r.Cost.After-r.Cost.Before)
		for _, l := range r.Cost.Lines[:min(len(r.Cost.Lines), 10)] {
			fmt.Fprintf(&b, "| %s: %s | %.2f | %.2f | %+.2f |\n", l.Tier, l.What, l.Before, l.After, l.After-l.Before)
		}
	}
	return b.String()
}

// markdown returns the sentence with its arguments as code.
func (i Item) markdown() string {
	args := make([]any, len(i.args))
	for n, arg := range i.args {
		args[n] = code(arg)
	}
	return fmt.Sprintf(i.format, args...)
}

// longest is how many characters of a name or value are shown.
const longest = 300

// code returns a text as code in Markdown: between more backticks than it has itself.
func code(text string) string {
	text = plain(text)
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest-3]) + "..."
	}
	most, run := 0, 0
	for _, r := range text {
		if run++; r != '`' {
			run = 0
		}
		most = max(most, run)
	}
	ticks := strings.Repeat("`", most+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") || text == "" {
		text = " " + text + " "
	}
	return ticks + text + ticks
}

// folded returns a text as a block of code that opens on a click, with at most so many characters.
func folded(text string, most int) string {
	const before, after = "\n<details><summary>everything</summary>\n\n", "\n</details>\n"
	return before + fenced(text, most-len(before)-len(after)) + after
}

var tildes = regexp.MustCompile(`~{3,}`)

// fenced returns a text as a block of code. Tildes that could end the block are moved apart.
func fenced(text string, most int) string {
	const fence, cut = "~~~~~~~~~~~~", "\nthe rest is cut\n"
	text = tildes.ReplaceAllStringFunc(strings.TrimSuffix(text, "\n"), func(run string) string {
		return "~" + strings.Repeat(" ~", len(run)-1)
	})
	runes := []rune(text)
	if room := max(most-2*len(fence)-len(cut)-8, 0); len(runes) > room {
		text = string(runes[:room]) + cut
	}
	return fence + "text\n" + text + "\n" + fence + "\n"
}
