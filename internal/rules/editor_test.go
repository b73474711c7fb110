package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan"
)

// bases are the graphs that the cases change: a production stack with every option on, and a development stack.
var bases = map[string]func(t *testing.T) *graph.Graph{
	Prod: planOnce("prod", map[string]string{
		"fargate.persistentStorage": "true", "monitoring.guardDuty": "true", "monitoring.awsConfig": "true",
		"monitoring.inspector": "true", "database.replicas": "1", "compute.certificateArn": "", "compute.hostedZoneId": "Z0123456789ABCDEFGHIJ",
	}),
	Dev: planOnce("dev", map[string]string{"network.nat": "instance"}),
}

func planOnce(stack string, overrides map[string]string) func(*testing.T) *graph.Graph {
	var once sync.Once
	var g *graph.Graph
	var err error
	return func(t *testing.T) *graph.Graph {
		t.Helper()
		once.Do(func() {
			g, err = plan.Run(t.Context(), plan.Options{
				Dir: "../..", Project: "scalable-backend", Stack: stack, StackFile: "../../testdata/Pulumi." + stack + ".yaml",
				ConfigOverrides: overrides,
			})
		})
		require.NoError(t, err)
		return g
	}
}

// editor changes a copy of a graph.
type editor struct {
	t *testing.T
	g *graph.Graph
}

func edit(t *testing.T, g *graph.Graph) *editor {
	t.Helper()
	c := *g
	c.Resources = slices.Clone(g.Resources)
	for i := range c.Resources {
		r := &c.Resources[i]
		r.Inputs = clone(r.Inputs).(map[string]any)
		r.PropertyDependencies = maps.Clone(r.PropertyDependencies)
		r.DependsOn, r.IgnoreChanges = slices.Clone(r.DependsOn), slices.Clone(r.IgnoreChanges)
	}
	return &editor{t, &c}
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := map[string]any{}
		for key, value := range v {
			c[key] = clone(value)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = clone(v[i])
		}
		return c
	}
	return v
}

func (e *editor) find(token, name string) *graph.Resource {
	e.t.Helper()
	for i := range e.g.Resources {
		if r := &e.g.Resources[i]; r.Type == token && r.Name == name {
			return r
		}
	}
	e.t.Fatalf("the graph has no %s::%s", token, name)
	return nil
}

// change is one edit of a graph.
type change func(*editor)

// set sets an input; all but the last step of the path must exist.
func set(token, name string, value any, path ...any) change {
	return func(e *editor) {
		e.t.Helper()
		r := e.find(token, name)
		if len(path) == 1 {
			delete(r.PropertyDependencies, path[0].(string))
		}
		if b, err := json.Marshal(value); err == nil { // plans hold JSON values
			require.NoError(e.t, json.Unmarshal(b, &value))
		}
		var at any = r.Inputs
		for i, step := range path {
			switch parent := at.(type) {
			case map[string]any:
				if i == len(path)-1 {
					parent[step.(string)] = value
					return
				}
				at = parent[step.(string)]
			case []any:
				require.Less(e.t, step.(int), len(parent), "%s %v", name, path)
				if i == len(path)-1 {
					parent[step.(int)] = value
					return
				}
				at = parent[step.(int)]
			default:
				e.t.Fatalf("%s has no value at %v", name, path[:i])
			}
		}
	}
}

// drop removes an existing input.
func drop(token, name string, path ...any) change {
	return func(e *editor) {
		e.t.Helper()
		r := e.find(token, name)
		_, ok := r.Get(path...)
		require.True(e.t, ok, "%s has no %v", name, path)
		var parent any = r.Inputs
		if len(path) > 1 {
			parent, _ = r.Get(path[:len(path)-1]...)
		}
		delete(parent.(map[string]any), path[len(path)-1].(string))
		if len(path) == 1 {
			delete(r.PropertyDependencies, path[0].(string))
		}
	}
}

// replace replaces a text in an input, which must contain it.
func replace(token, name, property, from, to string) change {
	return func(e *editor) {
		e.t.Helper()
		r := e.find(token, name)
		before, _ := r.Inputs[property].(string)
		require.Contains(e.t, before, from)
		r.Inputs[property] = strings.ReplaceAll(before, from, to)
	}
}

// remove removes a resource.
func remove(token, name string) change {
	return func(e *editor) {
		e.t.Helper()
		key := e.find(token, name).Key()
		e.g.Resources = slices.DeleteFunc(e.g.Resources, func(r graph.Resource) bool { return r.Key() == key })
	}
}

// with changes a resource as a whole.
func with(token, name string, f func(*graph.Resource)) change {
	return func(e *editor) { e.t.Helper(); f(e.find(token, name)) }
}

// without removes a dependency.
func without(token, name, dependency string) change {
	return with(token, name, func(r *graph.Resource) {
		r.DependsOn = slices.DeleteFunc(r.DependsOn, func(key string) bool { return key == dependency })
	})
}

// add adds a resource whose inputs refer to others: {"bucket": "type::name"} becomes a dependency and a value.
func add(token, name string, inputs map[string]any, edges map[string]string) change {
	return func(e *editor) {
		r := graph.Resource{Type: token, Name: name, Custom: true, Inputs: inputs, PropertyDependencies: map[string][]string{}}
		if r.Inputs == nil {
			r.Inputs = map[string]any{}
		}
		for property, key := range edges {
			r.PropertyDependencies[property] = []string{key}
			if r.Inputs[property] == nil {
				r.Inputs[property] = key
			}
		}
		r.Inputs = clone(r.Inputs).(map[string]any)
		e.g.Resources = append(e.g.Resources, r)
	}
}

func changes(all ...change) change {
	return func(e *editor) {
		for _, c := range all {
			c(e)
		}
	}
}

// ask returns the findings of one rule.
func ask(t *testing.T, g *graph.Graph, stack, name string) []Finding {
	t.Helper()
	for _, rule := range All() {
		if rule.Name == name {
			return rule.Evaluate(NewWorld(g, stack == Prod)).Findings
		}
	}
	t.Fatal("no rule " + name)
	return nil
}

// on returns the findings for a resource, or for name#part, as text.
func on(findings []Finding, subject string) string {
	var b strings.Builder
	for _, f := range findings {
		if f.Resource.Name == subject || f.Subject() == subject {
			fmt.Fprintln(&b, f)
		}
	}
	return b.String()
}
