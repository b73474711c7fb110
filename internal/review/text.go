package review

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// shown is how many sentences of a kind are shown before the rest is counted; JSON has all.
const shown = 25

// section is a part of a report with its heading.
type section struct {
	title string
	items []Item
}

func (r *Report) sections() []section {
	return []section{
		{"Not judged", r.Unjudged}, {"Security", r.Security}, {"Images", r.Images}, {"Refused", r.Refused}, {"Replaced or deleted", r.Replaced},
		{"Will not apply", r.Ignored},
	}
}

// WriteText writes reports as text.
func WriteText(w io.Writer, reports []*Report) error {
	var b strings.Builder
	for i, r := range reports {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(r.Title() + "\n")
		if r.Failed != "" {
			b.WriteString("  " + strings.ReplaceAll(r.Failed, "\n", "\n  ") + "\n")
			continue
		}
		for _, s := range r.sections() {
			if len(s.items) > 0 {
				b.WriteString("\n" + s.title + "\n")
			}
			for n, item := range s.items {
				if n == shown && len(s.items) > shown+1 {
					fmt.Fprintf(&b, "  and %d more\n", len(s.items)-n)
					break
				}
				b.WriteString("  " + item.String() + "\n")
			}
		}
		r.writeCost(&b)
		if !r.Diff.Empty() {
			b.WriteString("\nEverything\n")
			if err := r.Diff.WriteText(&b); err != nil {
				return err
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) writeCost(b *strings.Builder) {
	switch {
	case r.Cost == nil:
	case r.Cost.Unknown != "":
		fmt.Fprintf(b, "\nCost\n  not known: %s\n", plain(r.Cost.Unknown))
	case len(r.Cost.Lines) > 0:
		fmt.Fprintf(b, "\nCost\n  %.2f -> %.2f USD a month (%+.2f)\n", r.Cost.Before, r.Cost.After, r.Cost.After-r.Cost.Before)
		for _, l := range r.Cost.Lines {
			fmt.Fprintf(b, "  %+10.2f  %s: %s (%.2f -> %.2f)\n", l.After-l.Before, l.Tier, l.What, l.Before, l.After)
		}
	}
}

// WriteJSON writes reports as one indented JSON object.
func WriteJSON(w io.Writer, reports []*Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"stacks": reports})
}

func marshal(text string) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(text)
	return bytes.TrimSpace(b.Bytes()), err
}

// plain makes one line of a text, without control characters.
func plain(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
