package proof

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
	"scalable-backend/internal/plan"
	"scalable-backend/system"
)

// configured returns the options to plan a shipped stack with some keys overridden.
func configured(stack string, overrides map[string]string) plan.Options {
	return plan.Options{
		Dir: root, Program: infratest.Inline(system.Program), Project: infratest.Project,
		Stack: stack, StackFile: infratest.StackFile(root, stack),
		ConfigOverrides: maps.Clone(overrides),
	}
}

// plans holds the graphs that tests share, each planned once. Tests must not change them.
var plans sync.Map // configuration to *sharedPlan

type sharedPlan struct {
	once  sync.Once
	graph *plan.Graph
	err   error
}

// shared returns the graph of a configuration, planned once for each key.
func shared(t *testing.T, key string, o plan.Options) (*plan.Graph, error) {
	t.Helper()
	value, _ := plans.LoadOrStore(key, &sharedPlan{})
	p := value.(*sharedPlan)
	p.once.Do(func() { p.graph, p.err = plan.Run(t.Context(), o) })
	return p.graph, p.err
}

// planned returns the graph of a shipped stack.
func planned(t *testing.T, stack string) *plan.Graph {
	t.Helper()
	return plannedWith(t, stack, nil)
}

// plannedWith returns the graph of a shipped stack with some keys overridden, e.g. {"network.azCount": "3"}.
func plannedWith(t *testing.T, stack string, overrides map[string]string) *plan.Graph {
	t.Helper()
	g, err := shared(t, fmt.Sprint(stack, overrides), configured(stack, overrides))
	require.NoError(t, err)
	return g
}

// plannedFile returns the graph of a stack file with this text.
func plannedFile(t *testing.T, stack, text string) *plan.Graph {
	t.Helper()
	g, err := shared(t, stack+text, fileOptions(t, stack, text))
	require.NoError(t, err, "stack %s\n%s", stack, text)
	return g
}

// fileOptions returns the options to plan a stack file with this text.
func fileOptions(t *testing.T, stack, text string) plan.Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stack.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	o := configured(stack, nil)
	o.StackFile = file
	return o
}

// keys returns the type::name of all resources, in the graph's order.
func keys(g *plan.Graph) []string {
	var out []string
	for _, r := range g.Resources {
		out = append(out, r.Key())
	}
	return out
}

// only returns the one resource of a type.
func only(t *testing.T, g *plan.Graph, token string) plan.Resource {
	t.Helper()
	found := g.OfType(token)
	require.Len(t, found, 1, token)
	return found[0]
}

// input returns a planned input of a resource, secrets included.
func input(t *testing.T, r plan.Resource, path ...any) any {
	t.Helper()
	v, ok := r.Revealed(path...)
	require.True(t, ok, "%s has no input %v", r.Key(), path)
	return v
}
