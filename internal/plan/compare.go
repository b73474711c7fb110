package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"scalable-backend/internal/plan/shape"
)

// Compare plans the program and returns its graph and what an update from the graph before to it changes, directly (NewDiff) and
// indirectly: a replaced resource has a new id, an updated launch template a new version; so the program is planned again with
// those values until nothing more changes. A preview shows more, because everything that uses a replaced resource is unknown there.
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
			return nil, nil, fmt.Errorf("planning indirect changes: %w", err)
		}
		// Indirect changes are found against the first graph: it knows the values of secrets, one that was read from a file does not.
		diff = direct.with(NewDiff(first, graph), before, graph)
	}
	return first, diff, nil
}

// changes adds to the known changes the resources of a diff whose outputs get new values.
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

// with adds indirect changes. The graphs are those before and after the update.
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
			continue // it is created, so it has no value that could change
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
	out.Resources = append(out.Resources, slices.SortedFunc(maps.Values(merged), func(a, b Change) int {
		return compare(Resource{Type: a.Type, Name: a.Name}, Resource{Type: b.Type, Name: b.Name})
	})...)
	return out
}

// union adds properties that change indirectly; one that changes directly too goes from its first value to its last.
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
