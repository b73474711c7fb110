package graph

import "fmt"

// Lookup follows a path of keys (string) and indexes (int) into plain JSON values.
func Lookup(value any, path ...any) (any, bool) {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, ok := value.(map[string]any)
			if !ok {
				return nil, false
			}
			if value, ok = m[s]; !ok {
				return nil, false
			}
		case int:
			list, ok := value.([]any)
			if !ok || s < 0 || s >= len(list) {
				return nil, false
			}
			value = list[s]
		default:
			panic(fmt.Sprintf("graph.Lookup: want text or a number, got %T", step))
		}
	}
	return value, true
}
