package httpapi

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"scalable-backend/services/api/names"
	"scalable-backend/services/backend"
)

// checkUnicode refuses text that is not valid Unicode, with the text quoted. encoding/json would put U+FFFD where a byte is not
// UTF-8 and where an escape is half a surrogate pair ("\ud83d"), and a name would be changed without a word.
func checkUnicode(body []byte) error {
	for i := 0; i < len(body); i++ {
		if body[i] != '"' {
			continue
		}
		end := stringEnd(body, i+1)
		if text := body[i:end]; !validText(text) {
			return notUnicode(string(text[1:]))
		}
		i = end
	}
	if !utf8.Valid(body) { // outside of all strings
		return notUnicode(string(body))
	}
	return nil
}

// stringEnd returns where the closing quote of a JSON string is, or the end of a body that ends early.
func stringEnd(body []byte, from int) int {
	for i := from; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(body)
}

// validText reports whether a JSON string is UTF-8 and each escaped surrogate is one of a pair.
func validText(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		unit, ok := escaped(text, i)
		if !ok || !utf16.IsSurrogate(unit) {
			continue
		}
		i += 5
		low, ok := escaped(text, i+1)
		if i >= len(text) || text[i] != '\\' || !ok || utf16.DecodeRune(unit, low) == utf8.RuneError {
			return false
		}
		i += 5
	}
	return utf8.Valid(text)
}

// escaped reads the four digits of a \u escape whose u is at i.
func escaped(text []byte, i int) (rune, bool) {
	if i+5 > len(text) || text[i] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[i+1:i+5]), 16, 16)
	return rune(n), err == nil
}

// checkQueryUnicode is checkUnicode for the values of a query.
func checkQueryUnicode(query url.Values) error {
	for name, values := range query {
		for _, text := range slices.Concat([]string{name}, values) {
			if !utf8.ValidString(text) {
				return notUnicode(text)
			}
		}
	}
	return nil
}

func notUnicode(text string) error {
	// What came with escapes is shown with these, not with each backslash doubled.
	return backend.Errorf(backend.Invalid, "not valid Unicode: %s", strings.ReplaceAll(names.Quote(text), `\\`, `\`))
}
