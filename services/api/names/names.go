// Package names is the one rule for the names of files, the destinations of jobs and other short texts that people read. The
// backend refuses what the rule forbids, and an agent refuses the same, so no job is accepted that every agent refuses. It
// imports only the standard library.
//
// A path is 1 to 1024 bytes of valid UTF-8, relative, with "/" between its segments. A segment has 1 to 255 bytes and is neither
// "." nor "..". The first segment is not ".partial", in any case: agents keep unfinished downloads there. No character of a path
// is a backslash, a control character (C0, DEL or C1), a line or paragraph separator, or a character that changes the direction
// of text (the bidirectional controls of Unicode Standard Annex 9): such a character can hide what a name is on a screen.
//
// Names are kept byte for byte: they are not normalized, and two names that only look alike are two names.
package names

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of a path, in bytes. 255 is what a name may have in all common file systems.
const (
	MaxPath    = 1024
	MaxSegment = 255
)

// PartialDir is the directory, below an agent's output directory, that the agent keeps for unfinished downloads.
const PartialDir = ".partial"

// Error says why a text is refused. Value is the text as it came.
type Error struct{ Value, Reason string }

func (e *Error) Error() string { return Quote(e.Value) + " " + e.Reason }

// Quote quotes a text for a message: what is not printable is escaped, and a long text is cut.
func Quote(text string) string {
	const limit = 100
	if len(text) > limit {
		return fmt.Sprintf("%+q...", text[:limit])
	}
	return fmt.Sprintf("%+q", text)
}

// CheckPath returns nil for a path that the rule allows, and else an *Error.
func CheckPath(path string) error {
	bad := func(format string, args ...any) error {
		return &Error{path, fmt.Sprintf(format, args...)}
	}
	if path == "" || len(path) > MaxPath {
		return bad("has %d bytes, want 1 to %d", len(path), MaxPath)
	}
	if err := CheckText(path); err != nil {
		return err
	}
	if strings.Contains(path, `\`) {
		return bad("holds a backslash")
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return bad("has the segment %q", segment)
		case len(segment) > MaxSegment:
			return bad("has a segment of %d bytes, more than %d", len(segment), MaxSegment)
		}
	}
	if first, _, _ := strings.Cut(path, "/"); strings.EqualFold(first, PartialDir) {
		return bad("is in %s, which agents keep for themselves", PartialDir)
	}
	return nil
}

// CheckText returns nil for a text that is safe to show on one line, as a token's name: valid UTF-8 without the characters that a
// path must not have, but for the backslash. Else it returns an *Error.
func CheckText(text string) error {
	if !utf8.ValidString(text) {
		return &Error{text, "is not valid UTF-8"}
	}
	for _, r := range text {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return &Error{text, fmt.Sprintf("holds the control character %U", r)}
		}
		if unicode.Is(unicode.Bidi_Control, r) {
			return &Error{text, fmt.Sprintf("holds %U, which changes the direction of text", r)}
		}
	}
	return nil
}
