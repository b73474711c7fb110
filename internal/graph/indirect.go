package graph

import (
	"maps"
	"slices"
)

// With adds indirect changes. The graphs are those before and after the update.
func (d *Diff) With(following *Diff, before, after *Graph) *Diff {
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
		return Compare(Resource{Type: a.Type, Name: a.Name}, Resource{Type: b.Type, Name: b.Name})
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
