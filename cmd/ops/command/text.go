package command

import (
	"fmt"
	"strings"
	"unicode"
)

// Printable is a text without characters that control a terminal: reasons and log lines come from outside. Line ends stay.
func Printable(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			out.WriteRune(r)
		case r == '\r':
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}
