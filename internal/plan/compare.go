package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"scalable-backend/internal/plan/shape"
)

// Compare plans the program and says what an update does that finds the graph before: NewDiff, and what follows from it. A
// replaced resource has a new id, an updated launch template a new version, and so on; the program is planned again with
// those until nothing more changes. A preview shows more: to it, all that a replacement could change is unknown.
func Compare(ctx context.Context, before *Graph, o Options) (*Graph, *Diff, error) {
	o.Changed = nil
	first, err := Run(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	direct := NewDiff(before, first)
	diff := direct
	// The changes only grow in number and weight, so this ends.
	for next := changes(nil, diff); !maps.Equal(next, o.Changed); next = changes(o.Changed, diff) {
		o.Changed = next
		graph, err := Run(ctx, o)
		if err != nil {
			return nil, nil, fmt.Errorf("planning what follows: %w", err)
		}
		// What follows is the difference to the first graph, which knows its secrets; one that was read from a file does not.
		diff = direct.with(NewDiff(first, graph), before, graph)
	}
	return first, diff, nil
}

// changes adds to the known changes those of a diff whose outputs come out anew.
func changes(known map[string]shape.Change, d *Diff) map[string]shape.Change {
	all := map[string]shape.Change{}
	for _, c := range d.Resources {
		switch c.Action {
		case Replace:
			all[c.Key()] = shape.Replaced
		case Update:
			if shape.Versioned(c.Type) {
				all[c.Key()] = shape.Updated
			}
		}
	}
	for key, change := range known {
		all[key] = max(all[key], change)
	}
	return all
}

// with adds what follows. Both graphs are those between which the update takes place.
func (d *Diff) with(following *Diff, before, after *Graph) *Diff {
	old, now := byKey(before), byKey(after)
	merged := map[string]Change{}
	for _, c := range d.Resources {
		c.Properties = slices.Clone(c.Properties)
		merged[c.Key()] = c
	}
	for _, f := range following.Resources {
		key := f.Key()
		if !has(old, key) {
			continue // it is created, with whatever values there are by then
		}
		c, ok := merged[key]
		if !ok {
			c = f
			c.Properties = nil
		}
		c.Properties = union(c.Properties, f.Properties)
		if f.Action == Replace || f.Action == Update && c.Action == Keep {
			c.Action = f.Action
		}
		c.Protected = old[key].Protect
		c.settle(old[key], now[key])
		merged[key] = c
	}
	out := &Diff{Resources: []Change{}, Outputs: union(slices.Clone(d.Outputs), following.Outputs)}
	for _, r := range slices.SortedFunc(maps.Values(merged), func(a, b Change) int {
		return compare(Resource{Type: a.Type, Name: a.Name}, Resource{Type: b.Type, Name: b.Name})
	}) {
		out.Resources = append(out.Resources, r)
	}
	return out
}

// union adds the properties that follow; where a path changes for both reasons, it goes from the first value to the last.
func union(direct, following []Property) []Property {
	for _, f := range following {
		i := slices.IndexFunc(direct, func(p Property) bool { return p.Path == f.Path && p.Option == f.Option })
		if i < 0 {
			f.Follows = true
			direct = append(direct, f)
			continue
		}
		direct[i].After = f.After
		direct[i].Replaces = direct[i].Replaces || f.Replaces
	}
	slices.SortStableFunc(direct, func(a, b Property) int {
		switch {
		case a.Option == b.Option:
			return 0
		case a.Option:
			return 1
		}
		return -1
	})
	return direct
}
