package graph

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// secret replaces a value that must not be shown. Its text is compared, if it is known.
type secret struct {
	text  string
	known bool
}

// masked replaces every secret marker in value by a secret with the text at the same place in revealed.
func masked(value, revealed any) any {
	switch v := value.(type) {
	case map[string]any:
		if v["secret"] == true && len(v) == 1 {
			return secret{text: fmt.Sprint(revealed), known: revealed != nil}
		}
		out := make(map[string]any, len(v))
		inside, _ := revealed.(map[string]any)
		for key, item := range v {
			out[key] = masked(item, inside[key])
		}
		return out
	case []any:
		out := make([]any, len(v))
		inside, _ := revealed.([]any)
		for i, item := range v {
			out[i] = masked(item, at(inside, i))
		}
		return out
	}
	return value
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// shown turns secrets back into markers.
func shown(value any) any {
	switch v := value.(type) {
	case secret:
		return map[string]any{"secret": true}
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = shown(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = shown(item)
		}
		return out
	}
	return value
}

// same compares masked values. Secrets are treated as equal if one text is not known.
func same(a, b any) bool {
	switch a := a.(type) {
	case secret:
		b, ok := b.(secret)
		return ok && (!a.known || !b.known || a.text == b.text)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	}
	return reflect.DeepEqual(a, b)
}

// differences lists the paths at which two masked values differ, down to single values. A list of plain values is one difference:
// a reader needs its added and removed items, not the indexes.
func differences(path string, a, b any) []Property {
	if same(a, b) {
		return nil
	}
	if before, ok := a.(map[string]any); ok {
		if after, ok := b.(map[string]any); ok {
			return ofObjects(path, before, after)
		}
	}
	if before, ok := a.([]any); ok {
		if after, ok := b.([]any); ok && !plain(before) && !plain(after) {
			return ofLists(path, before, after)
		}
	}
	return []Property{{Path: path, Before: shown(a), After: shown(b)}}
}

func ofObjects(path string, before, after map[string]any) []Property {
	var found []Property
	all := map[string]any{} // a or b may be nil: the file of a graph need not have every object
	maps.Copy(all, before)
	maps.Copy(all, after)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		found = append(found, differences(join(path, key), before[key], after[key])...)
	}
	return found
}

// ofLists leaves out the common first and last items, so that one new item is one difference.
func ofLists(path string, before, after []any) []Property {
	start := 0
	for start < len(before) && start < len(after) && same(before[start], after[start]) {
		start++
	}
	end := 0
	for end < len(before)-start && end < len(after)-start && same(before[len(before)-1-end], after[len(after)-1-end]) {
		end++
	}
	var found []Property
	for i := start; i < max(len(before), len(after))-end; i++ {
		var a, b any
		if i < len(before)-end {
			a = before[i]
		}
		if i < len(after)-end {
			b = after[i]
		}
		found = append(found, differences(fmt.Sprintf("%s[%d]", path, i), a, b)...)
	}
	return found
}

// join adds a key to a path, except the keys in readable.go that mark a text in another form.
func join(path, key string) string {
	switch {
	case key == openJSON || key == openLines || key == openBase64:
		return path
	case strings.ContainsAny(key, ".[]"):
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}

// plain tells whether a list contains neither objects nor lists.
func plain(list []any) bool {
	for _, item := range list {
		switch item.(type) {
		case map[string]any, []any:
			return false
		}
	}
	return len(list) > 0
}
