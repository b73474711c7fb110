package promote

import (
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

func nextRune(text []byte) (rune, int) {
	r, size := utf8.DecodeRune(text)
	return r, max(size, 1)
}

// tree is a file's content without its form: what was written is compared with what was meant.
type tree struct {
	kind    yaml.Kind
	tag     string
	value   string
	entries map[string]*tree
	items   []*tree
}

func plain(n *yaml.Node) *tree {
	if n.Kind == yaml.AliasNode { // not followed: an alias may lead to itself
		return &tree{kind: n.Kind, value: n.Value}
	}
	t := &tree{kind: n.Kind, tag: n.ShortTag(), value: n.Value}
	switch n.Kind {
	case yaml.MappingNode:
		t.entries = map[string]*tree{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			t.entries[key] = plain(n.Content[i+1])
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			t.items = append(t.items, plain(item))
		}
	}
	return t
}

// put sets an image in a tree, as edit does in the text.
func put(t *tree, project, service, image string) {
	config := t.child("config")
	name := "images"
	if _, ok := config.entries[project+":images"]; ok {
		name = project + ":images"
	}
	images := config.child(name)
	images.entries[service] = &tree{kind: yaml.ScalarNode, tag: "!!str", value: image}
}

// child is a mapping inside a mapping, made if it is missing.
func (t *tree) child(name string) *tree {
	if t.entries == nil {
		t.entries = map[string]*tree{}
	}
	c, ok := t.entries[name]
	if !ok || c.kind != yaml.MappingNode {
		c = &tree{kind: yaml.MappingNode, tag: "!!map", entries: map[string]*tree{}}
		t.entries[name] = c
	}
	return c
}

// equal compares without the order of keys, where the new one stands anywhere.
func equal(a, b *tree) bool {
	if a.kind != b.kind || a.tag != b.tag || a.value != b.value || len(a.entries) != len(b.entries) || len(a.items) != len(b.items) {
		return false
	}
	for key, value := range a.entries {
		if other, ok := b.entries[key]; !ok || !equal(value, other) {
			return false
		}
	}
	for i := range a.items {
		if !equal(a.items[i], b.items[i]) {
			return false
		}
	}
	return true
}
