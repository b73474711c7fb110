// Package graph is the resource graph of a program as plain data: what internal/plan returns and what files hold. It needs no part
// of Pulumi, so what reads graphs compiles and links in a moment.
package graph

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
)

// Graph holds the resources that a program registers. Its JSON form is the same in every run.
type Graph struct {
	Project   string         `json:"project"`
	Stack     string         `json:"stack"`
	Resources []Resource     `json:"resources"` // by type, then name
	Outputs   map[string]any `json:"outputs"`   // the stack's
	Lookups   map[string]any `json:"lookups"`   // provider functions that it calls to the list of different arguments

	Warnings        []string       `json:"-"`
	Unseen          *Unseen        `json:"-"` // nil for a stack without environments
	RevealedOutputs map[string]any `json:"-"` // Outputs with the values of secrets; nil in a graph from a file
}

// Resource is one registration. Values are plain JSON (numbers are float64), with {"secret": true} instead of a secret and
// {"unknown": true} instead of a value that is not known before the update.
type Resource struct {
	Type                 string              `json:"type"`
	Name                 string              `json:"name"`
	Parent               string              `json:"parent"` // the parent's type::name, "" for the stack
	Custom               bool                `json:"custom"`
	Remote               bool                `json:"remote,omitempty"`
	Inputs               map[string]any      `json:"inputs"`
	Protect              bool                `json:"protect,omitempty"`
	RetainOnDelete       bool                `json:"retainOnDelete,omitempty"`
	DeleteBeforeReplace  bool                `json:"deleteBeforeReplace,omitempty"`
	IgnoreChanges        []string            `json:"ignoreChanges,omitempty"`
	ReplaceOnChanges     []string            `json:"replaceOnChanges,omitempty"`
	ImportID             string              `json:"importId,omitempty"`
	DependsOn            []string            `json:"dependsOn,omitempty"`            // type::name
	PropertyDependencies map[string][]string `json:"propertyDependencies,omitempty"` // property to type::name

	Outputs        map[string]any `json:"-"` // the registered outputs of a component
	ID             string         `json:"-"` // made up, "" if outputs are unknown
	State          map[string]any `json:"-"` // the made-up outputs, secrets hidden
	RevealedInputs map[string]any `json:"-"` // Inputs with the values of secrets; nil in a graph from a file
}

// Key is type::name, which is unique in a graph.
func (r Resource) Key() string { return r.Type + "::" + r.Name }

// Get returns the input at a path of keys (string) and indexes (int).
func (r Resource) Get(path ...any) (any, bool) { return Lookup(r.Inputs, path...) }

// Revealed is Get with the made-up and configured values of secrets instead of their markers.
func (r Resource) Revealed(path ...any) (any, bool) { return Lookup(r.RevealedInputs, path...) }

// Compare orders resources as they are in a graph: by type, then name.
func Compare(a, b Resource) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
}

// RevealedOutput returns a stack output, with its value if it is secret.
func (g *Graph) RevealedOutput(name string) (any, bool) { return Lookup(g.RevealedOutputs, name) }

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

// Find returns the resource with a type and name.
func (g *Graph) Find(token, name string) (Resource, bool) {
	for _, r := range g.OfType(token) {
		if r.Name == name {
			return r, true
		}
	}
	return Resource{}, false
}

// Counts returns how many resources of each type there are, components included.
func (g *Graph) Counts() map[string]int {
	counts := map[string]int{}
	for _, r := range g.Resources {
		counts[r.Type]++
	}
	return counts
}

// Tiers returns the resources that have no parent but the stack: one component for each tier.
func (g *Graph) Tiers() []Resource { return g.Children("") }

// Children returns the resources whose parent is the key (a type::name, "" for the stack).
func (g *Graph) Children(key string) []Resource {
	var found []Resource
	for _, r := range g.Resources {
		if r.Parent == key {
			found = append(found, r)
		}
	}
	return found
}

// Under returns all descendants of the key, sorted as the graph is.
func (g *Graph) Under(key string) []Resource {
	below := map[string]bool{key: true}
	// A parent may come after its child in the list, so repeat until nothing is added.
	for grown := true; grown; {
		grown = false
		for _, r := range g.Resources {
			if below[r.Parent] && !below[r.Key()] {
				below[r.Key()], grown = true, true
			}
		}
	}
	var found []Resource
	for _, r := range g.Resources {
		if below[r.Key()] && r.Key() != key {
			found = append(found, r)
		}
	}
	return found
}

// WriteJSON writes the graph as one indented JSON object.
func (g *Graph) WriteJSON(w io.Writer) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(g); err != nil {
		return fmt.Errorf("encoding the graph: %w", err)
	}
	_, err := w.Write(text.Bytes())
	return err
}
