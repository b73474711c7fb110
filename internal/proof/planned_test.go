package proof

import (
	"maps"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
)

// root is the directory of the program.
const root = "../.."

// planned is the graph of a committed stack file, planned once for each stack. It is shared: tests only read it.
func planned(t *testing.T, stack string) *plan.Graph {
	t.Helper()
	graphs.Lock()
	defer graphs.Unlock()
	if g, ok := graphs.byStack[stack]; ok {
		return g
	}
	g := plannedWith(t, stack, nil)
	graphs.byStack[stack] = g
	return g
}

var graphs = struct {
	sync.Mutex
	byStack map[string]*plan.Graph
}{byStack: map[string]*plan.Graph{}}

// plannedWith is the graph of a committed stack file with some keys set otherwise, e.g. {"network.azCount": "3"}.
func plannedWith(t *testing.T, stack string, overrides map[string]string) *plan.Graph {
	t.Helper()
	g, err := plan.Run(t.Context(), plan.Options{Dir: root, Stack: stack, ConfigOverrides: maps.Clone(overrides)})
	require.NoError(t, err)
	return g
}

// keys are the type::name of all resources, in the graph's order.
func keys(g *plan.Graph) []string {
	var out []string
	for _, r := range g.Resources {
		out = append(out, r.Key())
	}
	return out
}

// only is the one resource of a type.
func only(t *testing.T, g *plan.Graph, token string) plan.Resource {
	t.Helper()
	found := g.OfType(token)
	require.Len(t, found, 1, token)
	return found[0]
}

// input is a planned input of a resource, secrets included.
func input(t *testing.T, r plan.Resource, path ...any) any {
	t.Helper()
	v, ok := r.Revealed(path...)
	require.True(t, ok, "%s has no input %v", r.Key(), path)
	return v
}
