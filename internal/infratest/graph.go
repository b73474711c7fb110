package infratest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"scalable-backend/internal/graph"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Resource is one registration. Inputs are plain JSON values (numbers are float64) with {"secret": true} instead of a secret;
// Secret and Revealed return its value.
type Resource struct {
	Type, Name, Parent      string // Parent is the parent's type::name, "" for the stack
	Custom, Remote, Read    bool
	Protect, RetainOnDelete bool
	DeleteBeforeReplace     bool
	IgnoreChanges           []string
	ReplaceOnChanges        []string
	DependsOn               []string // type::name, explicit and implicit, sorted
	Transforms              int      // the number of transforms in the resource's options
	Inputs                  map[string]any
	revealed                map[string]any
}

// Key is type::name.
func (r Resource) Key() string { return r.Type + "::" + r.Name }

// Get returns the input at a path of keys (string) and indexes (int).
func (r Resource) Get(path ...any) (any, bool) { return graph.Lookup(r.Inputs, path...) }

// Revealed is Get with the values of secrets instead of their markers.
func (r Resource) Revealed(path ...any) (any, bool) { return graph.Lookup(r.revealed, path...) }

// IsSecret tells whether the input at the path is a secret.
func (r Resource) IsSecret(path ...any) bool {
	marker, _ := r.Get(path...)
	m, ok := marker.(map[string]any)
	return ok && len(m) == 1 && m["secret"] == true
}

// String returns a text input; the test fails if the input is absent or of another type.
func (r Resource) String(t testing.TB, path ...any) string {
	t.Helper()
	return input[string](t, r, path)
}

// Number returns a numeric input.
func (r Resource) Number(t testing.TB, path ...any) float64 {
	t.Helper()
	return input[float64](t, r, path)
}

// Bool returns a boolean input.
func (r Resource) Bool(t testing.TB, path ...any) bool { t.Helper(); return input[bool](t, r, path) }

// Secret returns the text of a secret input; the test fails if the input is not secret.
func (r Resource) Secret(t testing.TB, path ...any) string {
	t.Helper()
	if !r.IsSecret(path...) {
		t.Fatalf("%s: input %v is not a secret", r.Key(), path)
	}
	value, _ := r.Revealed(path...)
	s, ok := value.(string)
	if !ok {
		t.Fatalf("%s: secret input %v: want text, got %T", r.Key(), path, value)
	}
	return s
}

func input[T any](t testing.TB, r Resource, path []any) T {
	t.Helper()
	value, ok := r.Get(path...)
	if !ok {
		t.Fatalf("%s has no input %v; it has %v", r.Key(), path, slices.Sorted(maps.Keys(r.Inputs)))
	}
	typed, ok := value.(T)
	if !ok {
		t.Fatalf("%s: input %v: want %T, got %T (%v)", r.Key(), path, typed, value, value)
	}
	return typed
}

// Graph holds the resources that one run registered, sorted by type and name.
type Graph struct {
	Resources []Resource
	outputs   map[string]map[string]any
}

// OfType returns the resources of a type, by name.
func (g *Graph) OfType(token string) []Resource {
	var found []Resource
	for _, r := range g.Resources {
		if r.Type == token {
			found = append(found, r)
		}
	}
	return found
}

// Only returns the one resource of a type.
func (g *Graph) Only(t testing.TB, token string) Resource {
	t.Helper()
	found := g.OfType(token)
	if len(found) != 1 {
		t.Fatalf("want exactly one %s, got %d", token, len(found))
	}
	return found[0]
}

// Find returns a resource by type and name.
func (g *Graph) Find(t testing.TB, token, name string) Resource {
	t.Helper()
	var names []string
	for _, r := range g.OfType(token) {
		if r.Name == name {
			return r
		}
		names = append(names, r.Name)
	}
	t.Fatalf("no %s named %s; there are %v", token, name, names)
	return Resource{}
}

// Counts returns how many custom resources and remote components of each type there are.
func (g *Graph) Counts() map[string]int {
	counts := map[string]int{}
	for _, r := range g.Resources {
		if (r.Custom || r.Remote) && !r.Read {
			counts[r.Type]++
		}
	}
	return counts
}

// RequireCounts compares Counts with the expected number of every type.
func (g *Graph) RequireCounts(t testing.TB, want map[string]int) {
	t.Helper()
	got := g.Counts()
	for _, token := range slices.Sorted(maps.Keys(merged(got, want))) {
		if got[token] != want[token] {
			t.Errorf("%s: want %d, got %d", token, want[token], got[token])
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

func merged(a, b map[string]int) map[string]int {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}

// RequireNone fails if there is a resource of the type.
func (g *Graph) RequireNone(t testing.TB, token string) {
	t.Helper()
	if found := g.OfType(token); len(found) > 0 {
		t.Fatalf("want no %s, got %d, the first named %s", token, len(found), found[0].Name)
	}
}

// RequireDescend fails if a resource other than the component (a type::name) does not descend from it.
func (g *Graph) RequireDescend(t testing.TB, component string) {
	t.Helper()
	parents := map[string]string{}
	for _, r := range g.Resources {
		parents[r.Key()] = r.Parent
	}
	if _, ok := parents[component]; !ok {
		t.Fatalf("no component %s was registered", component)
	}
	for _, r := range g.Resources {
		key := r.Key()
		for key != component && key != "" {
			key = parents[key]
		}
		if key == "" && !r.Read {
			t.Errorf("%s does not descend from %s", r.Key(), component)
		}
	}
}

// Outputs returns a component's outputs (a type::name), by the path of their Go field, e.g. "SecurityGroups.Backend".
func (g *Graph) Outputs(t testing.TB, component string) map[string]any {
	t.Helper()
	outputs, ok := g.outputs[component]
	if !ok {
		t.Fatalf("no component %s was built; there are %v", component, slices.Sorted(maps.Keys(g.outputs)))
	}
	return outputs
}

// RequireNames compares the names of the resources of a type, in any order.
func (g *Graph) RequireNames(t testing.TB, token string, want ...string) {
	t.Helper()
	var got []string
	for _, r := range g.OfType(token) {
		got = append(got, r.Name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%s: want names [%s], got [%s]", token, strings.Join(want, ", "), strings.Join(got, ", "))
	}
}

// Await waits for an output inside a program that runs under Run.
func Await(t testing.TB, output pulumi.Output) any {
	t.Helper()
	value, err := await(output)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Value is Await for an output of a known type.
func Value[T any](t testing.TB, output pulumi.Output) T {
	t.Helper()
	value, ok := Await(t, output).(T)
	if !ok {
		t.Fatalf("the output is not a %T", value)
	}
	return value
}
