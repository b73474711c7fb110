package graph

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"unicode"
	"unicode/utf8"
)

// In the readable form of a graph an object with one of these keys replaces a string.
const (
	openJSON   = "(json)"   // the string is this value as JSON
	openLines  = "(lines)"  // the string is these lines
	openBase64 = "(base64)" // the string is this one in base64
)

// WriteReadable is like WriteJSON, but strings that contain JSON are written as JSON, scripts as lines, and base64 decoded, so that
// a diff of two files shows the changed line. ReadGraph reads both forms.
func (g *Graph) WriteReadable(w io.Writer) error {
	readable := *g
	readable.Outputs = openedMap(g.Outputs)
	readable.Resources = make([]Resource, len(g.Resources))
	for i, r := range g.Resources {
		r.Inputs = openedMap(r.Inputs)
		readable.Resources[i] = r
	}
	return readable.WriteJSON(w)
}

// ReadGraph reads a graph that WriteJSON or WriteReadable wrote. It has no values of secrets.
func ReadGraph(r io.Reader) (*Graph, error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	var g Graph
	if err := decoder.Decode(&g); err != nil {
		return nil, fmt.Errorf("reading a graph: %w", err)
	}
	if decoder.More() {
		return nil, errors.New("reading a graph: more than one JSON value")
	}
	return &g, nil
}

func openedMap(values map[string]any) map[string]any {
	if values == nil {
		return nil
	}
	out := maps.Clone(values)
	for key, value := range out {
		out[key] = opened(value)
	}
	return out
}

// opened replaces strings by their readable form. Objects that look like a readable form stay as they are.
func opened(value any) any {
	switch v := value.(type) {
	case string:
		return openedText(v)
	case map[string]any:
		for _, key := range []string{openJSON, openLines, openBase64} {
			if _, ok := v[key]; ok && len(v) == 1 {
				return v
			}
		}
		return openedMap(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = opened(item)
		}
		return out
	}
	return value
}

func openedText(text string) any {
	if structure, ok := structured(text); ok {
		return map[string]any{openJSON: structure}
	}
	if strings.Count(text, "\n") > 1 {
		lines := []any{}
		for line := range strings.SplitSeq(text, "\n") {
			lines = append(lines, line)
		}
		return map[string]any{openLines: lines}
	}
	// A short text that can be decoded may also be a digest or a word.
	if len(text) >= 64 {
		if decoded, err := base64.StdEncoding.Strict().DecodeString(text); err == nil && printable(decoded) {
			return map[string]any{openBase64: openedText(string(decoded))}
		}
	}
	return text
}

// structured parses a string that is one JSON object or array.
func structured(text string) (any, bool) {
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewBufferString(text))
	var value any
	if decoder.Decode(&value) != nil || decoder.More() {
		return nil, false
	}
	return value, true
}

func printable(text []byte) bool {
	return utf8.Valid(text) && bytes.IndexFunc(text, func(r rune) bool {
		return !unicode.IsPrint(r) && !unicode.IsSpace(r)
	}) < 0
}
