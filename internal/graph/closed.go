package graph

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
)

// Closed returns the graph with the strings that WriteReadable has opened put together again. The keys of JSON in them are sorted
// then, whatever their order was.
func (g *Graph) Closed() *Graph {
	closed := *g
	closed.Outputs = closedMap(g.Outputs)
	closed.Resources = make([]Resource, len(g.Resources))
	for i, r := range g.Resources {
		r.Inputs = closedMap(r.Inputs)
		closed.Resources[i] = r
	}
	return &closed
}

func closedMap(values map[string]any) map[string]any {
	out := maps.Clone(values)
	for key, value := range out {
		out[key] = closedValue(value)
	}
	return out
}

func closedValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if text, ok := closedText(v); ok {
			return text
		}
		return closedMap(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = closedValue(item)
		}
		return out
	}
	return value
}

// closedText returns the string of an object that stands for one.
func closedText(object map[string]any) (string, bool) {
	if len(object) != 1 {
		return "", false
	}
	if structure, ok := object[openJSON]; ok {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if encoder.Encode(structure) != nil {
			return "", false
		}
		return strings.TrimSuffix(text.String(), "\n"), true
	}
	if list, ok := object[openLines].([]any); ok {
		lines := make([]string, len(list))
		for i, line := range list {
			if lines[i], ok = line.(string); !ok {
				return "", false
			}
		}
		return strings.Join(lines, "\n"), true
	}
	if inner, ok := object[openBase64]; ok {
		if text, ok := closedValue(inner).(string); ok {
			return base64.StdEncoding.EncodeToString([]byte(text)), true
		}
	}
	return "", false
}
