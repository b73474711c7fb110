package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"scalable-backend/internal/graph"
)

// Selection returns the resources that a rule checks.
type Selection func(*World) []graph.Resource

// Check returns the problems of one resource; none if the rule holds.
type Check func(*World, graph.Resource) []Problem

// of selects all resources of some types.
func of(tokens ...string) Selection {
	return func(w *World) []graph.Resource {
		var found []graph.Resource
		for _, token := range tokens {
			found = append(found, w.Type(token)...)
		}
		return found
	}
}

// where narrows a selection.
func (s Selection) where(keep func(*World, graph.Resource) bool) Selection {
	return func(w *World) []graph.Resource {
		return slices.DeleteFunc(slices.Clone(s(w)), func(r graph.Resource) bool { return !keep(w, r) })
	}
}

// with narrows a selection to resources with a value at a path.
func (s Selection) with(value any, path ...any) Selection {
	return s.where(func(_ *World, r graph.Resource) bool { return equal(get(r, path...), value) })
}

// that returns a check from a function that returns the problem, or "" if there is none.
func that(problem func(*World, graph.Resource) string) Check {
	return func(w *World, r graph.Resource) []Problem {
		if s := problem(w, r); s != "" {
			return []Problem{{Text: s}}
		}
		return nil
	}
}

// all combines checks.
func all(checks ...Check) Check {
	return func(w *World, r graph.Resource) (problems []Problem) {
		for _, c := range checks {
			problems = append(problems, c(w, r)...)
		}
		return problems
	}
}

// is requires a value at a path.
func is(want any, path ...any) Check {
	return that(func(_ *World, r graph.Resource) string {
		if got := get(r, path...); !equal(got, want) {
			return fmt.Sprintf("%s is %v, want %v", dotted(path), show(got), want)
		}
		return ""
	})
}

// isNot accepts any value but one at a path, or none.
func isNot(bad any, path ...any) Check {
	return that(func(_ *World, r graph.Resource) string {
		if got := get(r, path...); equal(got, bad) {
			return fmt.Sprintf("%s is %v", dotted(path), show(got))
		}
		return ""
	})
}

// oneOf requires one of some values at a path.
func oneOf(path string, values ...any) Check {
	return that(func(_ *World, r graph.Resource) string {
		got := get(r, path)
		if slices.ContainsFunc(values, func(v any) bool { return equal(got, v) }) {
			return ""
		}
		return fmt.Sprintf("%s is %v, want one of %v", path, show(got), values)
	})
}

// atLeast requires a number of at least n at a path.
func atLeast(n float64, path ...any) Check {
	return that(func(_ *World, r graph.Resource) string {
		if got, ok := number(get(r, path...)); !ok || got < n {
			return fmt.Sprintf("%s is %v, want at least %v", dotted(path), show(get(r, path...)), n)
		}
		return ""
	})
}

// has requires a value that is not empty at a path.
func has(path ...any) Check {
	return that(func(_ *World, r graph.Resource) string {
		if empty(get(r, path...)) {
			return dotted(path) + " is missing"
		}
		return ""
	})
}

// hasNo requires that there is no value at a path.
func hasNo(path ...any) Check {
	return that(func(_ *World, r graph.Resource) string {
		if v := get(r, path...); !empty(v) {
			return fmt.Sprintf("%s is %v", dotted(path), show(v))
		}
		return ""
	})
}

// each returns the first problem of the resources, or missing if there are no resources.
func each(found []graph.Resource, missing string, problem func(graph.Resource) string) string {
	for _, r := range found {
		if p := problem(r); p != "" {
			return p
		}
	}
	if len(found) == 0 {
		return missing
	}
	return ""
}

// refers requires that an input refers to a resource of a type in the graph.
func refers(property, token string) Check {
	return that(func(w *World, r graph.Resource) string {
		if len(w.To(r, property, token)) == 0 {
			return property + " refers to no " + token
		}
		return ""
	})
}

// satellite requires a resource of a type whose input refers to the checked resource, and that passes a check.
func satellite(token, property string, check Check) Check {
	return func(w *World, r graph.Resource) []Problem {
		found := w.From(token, property, r)
		if len(found) == 0 {
			return []Problem{{Text: "no " + token + " refers to it"}}
		}
		var problems []Problem
		for _, s := range found {
			for _, p := range check(w, s) {
				problems = append(problems, Problem{Part: p.Part, Text: s.Name + ": " + p.Text})
			}
		}
		return problems
	}
}

// anything is a check that always passes.
func anything(*World, graph.Resource) []Problem { return nil }

// get returns the input at a path, or nil.
func get(r graph.Resource, path ...any) any {
	v, _ := r.Get(path...)
	return v
}

// text returns the string at a path, or "".
func text(r graph.Resource, path ...any) string {
	s, _ := get(r, path...).(string)
	return s
}

// list returns the list at a path.
func list(r graph.Resource, path ...any) []any {
	l, _ := get(r, path...).([]any)
	return l
}

// at returns the value at a path inside a value.
func at(v any, path ...any) any {
	found, _ := graph.Lookup(v, path...)
	return found
}

// equal compares a planned value with an expected one. Launch templates have booleans and numbers as strings.
func equal(got, want any) bool {
	if got == nil || want == nil {
		return got == want
	}
	if a, ok := number(got); ok {
		b, ok := number(want)
		return ok && a == b
	}
	return fmt.Sprint(got) == fmt.Sprint(want)
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int:
		return float64(n), true
	case string:
		f, err := strconv.ParseFloat(n, 64)
		return f, err == nil
	}
	return 0, false
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

func show(v any) string {
	if v == nil {
		return "missing"
	}
	s := fmt.Sprint(v)
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}

func dotted(path []any) string {
	parts := make([]string, len(path))
	for i, p := range path {
		parts[i] = fmt.Sprint(p)
	}
	return strings.Join(parts, ".")
}
