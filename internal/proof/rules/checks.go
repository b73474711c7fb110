package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"scalable-backend/internal/plan"
	"scalable-backend/internal/plan/shape"
)

// Selection returns the resources that a rule is about.
type Selection func(*World) []plan.Resource

// Check returns what is wrong with one of them; nothing when the rule holds.
type Check func(*World, plan.Resource) []Problem

// of selects all resources of some types.
func of(tokens ...string) Selection {
	return func(w *World) []plan.Resource {
		var found []plan.Resource
		for _, token := range tokens {
			found = append(found, w.Type(token)...)
		}
		return found
	}
}

// where narrows a selection.
func (s Selection) where(keep func(*World, plan.Resource) bool) Selection {
	return func(w *World) []plan.Resource {
		return slices.DeleteFunc(slices.Clone(s(w)), func(r plan.Resource) bool { return !keep(w, r) })
	}
}

// with narrows a selection to resources with a value at a path.
func (s Selection) with(value any, path ...any) Selection {
	return s.where(func(_ *World, r plan.Resource) bool { return equal(get(r, path...), value) })
}

// that makes a check of a function that says what is wrong, or "".
func that(problem func(*World, plan.Resource) string) Check {
	return func(w *World, r plan.Resource) []Problem {
		if s := problem(w, r); s != "" {
			return []Problem{{Text: s}}
		}
		return nil
	}
}

// all is every check in turn.
func all(checks ...Check) Check {
	return func(w *World, r plan.Resource) (problems []Problem) {
		for _, c := range checks {
			problems = append(problems, c(w, r)...)
		}
		return problems
	}
}

// is wants exactly a value at a path.
func is(want any, path ...any) Check {
	return that(func(_ *World, r plan.Resource) string {
		if got := get(r, path...); !equal(got, want) {
			return fmt.Sprintf("%s is %v, want %v", dotted(path), show(got), want)
		}
		return ""
	})
}

// isNot takes anything but a value at a path, its absence too.
func isNot(bad any, path ...any) Check {
	return that(func(_ *World, r plan.Resource) string {
		if got := get(r, path...); equal(got, bad) {
			return fmt.Sprintf("%s is %v", dotted(path), show(got))
		}
		return ""
	})
}

// oneOf wants one of some values at a path.
func oneOf(path string, values ...any) Check {
	return that(func(_ *World, r plan.Resource) string {
		got := get(r, path)
		if slices.ContainsFunc(values, func(v any) bool { return equal(got, v) }) {
			return ""
		}
		return fmt.Sprintf("%s is %v, want one of %v", path, show(got), values)
	})
}

// atLeast wants a number from n on at a path.
func atLeast(n float64, path ...any) Check {
	return that(func(_ *World, r plan.Resource) string {
		if got, ok := number(get(r, path...)); !ok || got < n {
			return fmt.Sprintf("%s is %v, want at least %v", dotted(path), show(get(r, path...)), n)
		}
		return ""
	})
}

// has wants something that is not empty at a path.
func has(path ...any) Check {
	return that(func(_ *World, r plan.Resource) string {
		if empty(get(r, path...)) {
			return dotted(path) + " is missing"
		}
		return ""
	})
}

// hasNo wants nothing at a path.
func hasNo(path ...any) Check {
	return that(func(_ *World, r plan.Resource) string {
		if v := get(r, path...); !empty(v) {
			return fmt.Sprintf("%s is %v", dotted(path), show(v))
		}
		return ""
	})
}

// each is the first problem that one of the resources has; missing when there are none.
func each(found []plan.Resource, missing string, problem func(plan.Resource) string) string {
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

// refers wants an input to refer to a resource of a type of this graph.
func refers(property, token string) Check {
	return that(func(w *World, r plan.Resource) string {
		if len(w.To(r, property, token)) == 0 {
			return property + " refers to no " + token
		}
		return ""
	})
}

// satellite wants a resource of a type whose input refers to the checked one, and that satisfies a check.
func satellite(token, property string, check Check) Check {
	return func(w *World, r plan.Resource) []Problem {
		found := w.From(token, property, r)
		if len(found) == 0 {
			return []Problem{{Text: "no " + token + " is for it"}}
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

// anything is satisfied by whatever exists.
func anything(*World, plan.Resource) []Problem { return nil }

// get is the input at a path; nil where there is none.
func get(r plan.Resource, path ...any) any {
	v, _ := r.Get(path...)
	return v
}

// text is the text at a path, "" where there is none.
func text(r plan.Resource, path ...any) string {
	s, _ := get(r, path...).(string)
	return s
}

// list is the list at a path.
func list(r plan.Resource, path ...any) []any {
	l, _ := get(r, path...).([]any)
	return l
}

// at looks into a value.
func at(v any, path ...any) any {
	found, _ := shape.Lookup(v, path...)
	return found
}

// equal compares a planned value with a wanted one. Some inputs are booleans and numbers in text (launch templates).
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
