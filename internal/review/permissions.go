package review

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

// permitted returns who gains or loses which action on what. An entry that another one includes is no change: a statement that is split
// in two, or an action that a pattern allowed before.
func permitted(before, after *graph.Graph) ([]Item, error) {
	old, err := grants(before)
	if err != nil {
		return nil, fmt.Errorf("permissions, before: %w", err)
	}
	now, err := grants(after)
	if err != nil {
		return nil, fmt.Errorf("permissions, after: %w", err)
	}
	var items []Item
	for _, kind := range []struct {
		deny         bool
		gained, lost string
		through      bool
	}{
		{false, "%s gains %s on %s", "%s loses %s on %s", false},
		{true, "%s is newly denied %s on %s", "%s is no longer denied %s on %s", false},
		{false, "%s now lets %s through for %s on %s", "%s no longer lets %s through for %s on %s", true},
		{true, "%s now stops %s for %s on %s", "%s no longer stops %s for %s on %s", true},
	} {
		here := func(g grant) bool { return g.deny != kind.deny || (g.through != "") != kind.through }
		was, is := slices.DeleteFunc(slices.Clone(old), here), slices.DeleteFunc(slices.Clone(now), here)
		items = append(items, sentences(kind.gained, without(is, was))...)
		items = append(items, sentences(kind.lost, without(was, is))...)
	}
	return items, nil
}

// without returns the entries that none of the others includes.
func without(list, others []grant) (rest []grant) {
	for _, g := range list {
		if !slices.ContainsFunc(others, func(o grant) bool { return o.includes(g) }) && !slices.Contains(rest, g) {
			rest = append(rest, g)
		}
	}
	return rest
}

func (g grant) includes(o grant) bool {
	return (g.who == o.who || g.who == everybody) && pattern(strings.ToLower(g.action), strings.ToLower(o.action)) && pattern(g.on, o.on) &&
		(g.where == "" || g.where == o.where) && g.through == o.through
}

// pattern tells whether a pattern of a policy matches all that another one matches. * stands for any text, ? for one character.
func pattern(wide, narrow string) bool {
	switch {
	case wide == narrow || wide == "*":
		return true
	case wide == "" || strings.HasPrefix(narrow, "everything but ") || strings.HasPrefix(wide, "everything but "):
		return false
	case wide[0] == '*':
		return pattern(wide[1:], narrow) || narrow != "" && pattern(wide, narrow[1:])
	case narrow == "" || narrow[0] == '*' || wide[0] != '?' && wide[0] != narrow[0]:
		return false
	}
	return pattern(wide[1:], narrow[1:])
}

// sentences puts the actions of one principal on one resource into one sentence.
func sentences(format string, list []grant) (items []Item) {
	slices.SortFunc(list, func(a, b grant) int {
		return cmp.Or(cmp.Compare(a.who, b.who), cmp.Compare(a.on, b.on), cmp.Compare(a.where, b.where), cmp.Compare(a.through, b.through),
			cmp.Compare(a.action, b.action))
	})
	for i := 0; i < len(list); {
		first, actions := list[i], []string{}
		for ; i < len(list) && list[i].who == first.who && list[i].on == first.on && list[i].where == first.where &&
			list[i].through == first.through; i++ {
			actions = append(actions, list[i].action)
		}
		on := first.on
		if on == "*" {
			on = "every resource"
		}
		args := []string{first.who, strings.Join(actions, ", "), on}
		if first.through != "" {
			args = append([]string{first.through}, args...)
		}
		if first.where == "" {
			items = append(items, item(format, args...))
		} else {
			items = append(items, item(format+" where %s", append(args, first.where)...))
		}
	}
	return items
}
