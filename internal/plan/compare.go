package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"scalable-backend/internal/plan/shape"
)

// Compare plans the program and returns its graph, and the diff of an update from the graph before: direct changes (NewDiff) and
// indirect ones. A replaced resource has a new id, an updated launch template a new version, so Compare plans again with those
// values until nothing more changes. A preview shows more changes: there, outputs of replaced resources are unknown.
func Compare(ctx context.Context, before *Graph, o Options) (*Graph, *Diff, error) {
	o.Changed = nil
	first, err := Run(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	direct := NewDiff(before, first)
	diff := direct
	// This ends, because changes are only added or become replacements.
	for next := changes(nil, diff); !maps.Equal(next, o.Changed); next = changes(o.Changed, diff) {
		o.Changed = next
		graph, err := Run(ctx, o)
		if err != nil {
			return nil, nil, fmt.Errorf("planning indirect changes: %w", err)
		}
		// Compare with the first graph: it has the values of secrets, a graph from a file does not.
		diff = direct.with(NewDiff(first, graph), before, graph)
	}
	return first, diff, nil
}

// changes adds the resources of a diff whose outputs get new values to the known changes.
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
			continue // a created resource has no earlier values
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

// union adds properties that change indirectly; one that also changes directly gets its first and its last value.
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
