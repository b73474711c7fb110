package plan

import (
	"context"
	"fmt"
	"maps"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan/shape"
)

// Compare plans the program and returns its graph, and the diff of an update from the graph before: direct changes (NewDiff) and
// indirect ones. A replaced resource has a new id, an updated launch template a new version, so Compare plans again with those
// values until nothing more changes. A preview shows more changes: there, outputs of replaced resources are unknown.
func Compare(ctx context.Context, before *graph.Graph, o Options) (*graph.Graph, *graph.Diff, error) {
	o.Changed = nil
	first, err := Run(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	direct := graph.NewDiff(before, first)
	diff := direct
	// This ends, because changes are only added or become replacements.
	for next := changes(nil, diff); !maps.Equal(next, o.Changed); next = changes(o.Changed, diff) {
		o.Changed = next
		then, err := Run(ctx, o)
		if err != nil {
			return nil, nil, fmt.Errorf("planning indirect changes: %w", err)
		}
		// Compare with the first graph: it has the values of secrets, a graph from a file does not.
		diff = direct.With(graph.NewDiff(first, then), before, then)
	}
	return first, diff, nil
}

// changes adds the resources of a diff whose outputs get new values to the known changes.
func changes(known map[string]shape.Change, d *graph.Diff) map[string]shape.Change {
	all := map[string]shape.Change{}
	for _, c := range d.Resources {
		switch c.Action {
		case graph.Replace:
			all[c.Key()] = shape.Replaced
		case graph.Update:
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
