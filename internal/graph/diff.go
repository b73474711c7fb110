package graph

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Action is what an update does to a resource.
type Action string

// Keep is for a resource that differs only in options or ignored inputs: the update changes nothing in AWS.
const (
	Create  Action = "create"
	Delete  Action = "delete"
	Replace Action = "replace"
	Update  Action = "update"
	Keep    Action = "keep"
)

// Diff lists what an update from one graph to another does.
type Diff struct {
	Resources []Change   `json:"resources"` // by type, then name
	Outputs   []Property `json:"outputs"`   // the stack's
	Lookups   []Property `json:"lookups"`   // calls of provider functions
}

// Change is what happens to one resource.
type Change struct {
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Action     Action     `json:"action"`
	Properties []Property `json:"properties,omitempty"`
	// Protected is set for resources that the state protects: an update that deletes or replaces one is refused.
	Protected bool `json:"protected,omitempty"`
	// DeletedFirst is set if the old resource is deleted before its replacement is created, so that for a time there is none.
	DeletedFirst bool `json:"deletedFirst,omitempty"`
	// Retained is set if the deleted or replaced resource stays in AWS, no longer managed.
	Retained bool `json:"retained,omitempty"`
	// Unreviewed is set for types without a row in replaces.go: it is not known which inputs replace them.
	Unreviewed bool `json:"unreviewed,omitempty"`
}

// Key is type::name.
func (c Change) Key() string { return c.Type + "::" + c.Name }

// Refused tells whether the engine refuses the change.
func (c Change) Refused() bool { return c.Protected && (c.Action == Delete || c.Action == Replace) }

// Property is one difference: of an input, or of an option of the resource. Secrets are {"secret": true}.
type Property struct {
	Path     string `json:"path"`
	Before   any    `json:"before,omitempty"` // nil if there was none
	After    any    `json:"after,omitempty"`
	Replaces bool   `json:"replaces,omitempty"`
	Ignored  bool   `json:"ignored,omitempty"` // by ignoreChanges
	Option   bool   `json:"option,omitempty"`  // not an input: protect, dependsOn, ...
	// Follows is set for an indirect change: another resource has new outputs.
	Follows bool `json:"follows,omitempty"`
}

// Empty tells whether the graphs are the same.
func (d *Diff) Empty() bool { return len(d.Resources)+len(d.Outputs)+len(d.Lookups) == 0 }

// Keys returns the type::name of the resources that have one of the actions.
func (d *Diff) Keys(actions ...Action) []string {
	var keys []string
	for _, c := range d.Resources {
		if slices.Contains(actions, c.Action) {
			keys = append(keys, c.Key())
		}
	}
	return keys
}

// NewDiff compares two graphs as they are. Compare also finds the indirect changes.
func NewDiff(before, after *Graph) *Diff {
	d := &Diff{Resources: []Change{}, Outputs: []Property{}, Lookups: []Property{}}
	old, now := byKey(before), byKey(after)
	for _, key := range slices.Sorted(maps.Keys(old)) {
		if r := old[key]; !has(now, key) {
			d.Resources = append(d.Resources, Change{
				Type: r.Type, Name: r.Name, Action: Delete, Protected: r.Protect, Retained: r.RetainOnDelete,
			})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		r := now[key]
		if !has(old, key) {
			d.Resources = append(d.Resources, Change{Type: r.Type, Name: r.Name, Action: Create})
		} else if c := changeOf(old[key], r, old, now); len(c.Properties) > 0 {
			d.Resources = append(d.Resources, c)
		}
	}
	slices.SortFunc(d.Resources, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
	})
	d.Outputs = append(d.Outputs, differences("", masked(openedMap(before.Outputs), openedMap(before.RevealedOutputs)),
		masked(openedMap(after.Outputs), openedMap(after.RevealedOutputs)))...)
	d.Lookups = append(d.Lookups, differences("", before.Lookups, after.Lookups)...)
	return d
}

func byKey(g *Graph) map[string]Resource {
	resources := map[string]Resource{}
	for _, r := range g.Resources {
		resources[r.Key()] = r
	}
	return resources
}

func has(resources map[string]Resource, key string) bool {
	_, ok := resources[key]
	return ok
}

// changeOf compares two versions of one resource. If they are the same, the result has no properties.
func changeOf(before, after Resource, old, now map[string]Resource) Change {
	c := Change{
		Type: after.Type, Name: after.Name, Action: Keep, Protected: before.Protect, Retained: after.RetainOnDelete,
		Properties: inputsDiff(before, after),
	}
	paths, reviewed := replaces(before, after)
	c.Unreviewed = !reviewed
	for i := range c.Properties {
		p := &c.Properties[i]
		p.Ignored = slices.ContainsFunc(after.IgnoreChanges, func(pattern string) bool { return within(pattern, p.Path) })
		p.Replaces = !p.Ignored && slices.ContainsFunc(paths, func(pattern string) bool { return covers(pattern, p.Path) })
	}
	c.Properties = append(c.Properties, optionsDiff(before, after, old, now)...)
	for _, p := range c.Properties {
		switch {
		case p.Replaces:
			c.Action = Replace
		case c.Action == Keep && !p.Ignored && !p.Option:
			c.Action = Update
		}
	}
	c.settle(before, after)
	return c
}

// inputsDiff opens no text of inputs that are the same: most are, and a policy is long.
func inputsDiff(before, after Resource) []Property {
	if reflect.DeepEqual(before.Inputs, after.Inputs) && reflect.DeepEqual(before.RevealedInputs, after.RevealedInputs) {
		return nil
	}
	return differences("", masked(openedMap(before.Inputs), openedMap(before.RevealedInputs)),
		masked(openedMap(after.Inputs), openedMap(after.RevealedInputs)))
}

// settle sets the fields that depend on the action.
func (c *Change) settle(before, after Resource) {
	c.DeletedFirst = c.Action == Replace && deletedFirst(before, after)
	c.Retained = c.Action == Replace && after.RetainOnDelete
}

// optionsDiff compares the options. Only another type of an ancestor changes something in AWS: the URN differs, so for the engine
// it is another resource.
func optionsDiff(before, after Resource, old, now map[string]Resource) []Property {
	var found []Property
	add := func(path string, a, b any) {
		for _, p := range differences(path, a, b) {
			p.Option = true
			found = append(found, p)
		}
	}
	if a, b := ancestry(before, old), ancestry(after, now); a != b {
		found = append(found, Property{Path: "ancestry", Before: a, After: b, Option: true, Replaces: after.Custom})
	}
	add("parent", before.Parent, after.Parent)
	add("custom", before.Custom, after.Custom)
	add("remote", before.Remote, after.Remote)
	add("protect", before.Protect, after.Protect)
	add("retainOnDelete", before.RetainOnDelete, after.RetainOnDelete)
	add("deleteBeforeReplace", before.DeleteBeforeReplace, after.DeleteBeforeReplace)
	add("importId", before.ImportID, after.ImportID)
	add("ignoreChanges", anys(before.IgnoreChanges), anys(after.IgnoreChanges))
	add("replaceOnChanges", anys(before.ReplaceOnChanges), anys(after.ReplaceOnChanges))
	add("dependsOn", anys(before.DependsOn), anys(after.DependsOn))
	all := maps.Clone(before.PropertyDependencies)
	if all == nil {
		all = map[string][]string{}
	}
	maps.Copy(all, after.PropertyDependencies)
	for _, property := range slices.Sorted(maps.Keys(all)) {
		add("propertyDependencies."+property, anys(before.PropertyDependencies[property]), anys(after.PropertyDependencies[property]))
	}
	return found
}

// ancestry returns the types of a resource's ancestors, as in its URN.
func ancestry(r Resource, resources map[string]Resource) string {
	var types []string
	for key := r.Parent; key != ""; key = resources[key].Parent {
		typ, _, _ := strings.Cut(key, "::")
		if types = append(types, typ); len(types) > 99 {
			panic(fmt.Sprintf("plan: %s is its own ancestor", r.Key()))
		}
	}
	return strings.Join(types, "$")
}

func anys(list []string) any {
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = item
	}
	return out
}
