package config

import "slices"

// Kind is what a key's value is.
type Kind string

// The kinds of values. A map is one of texts, by name.
const (
	Integer Kind = "integer"
	Boolean Kind = "boolean"
	Text    Kind = "text"
	List    Kind = "list"
	Map     Kind = "map"
)

// Key is one key of the configuration, with what the schema knows about it.
type Key struct {
	Name    string // with its tier: "compute.maxSize"
	Kind    Kind
	Allowed string // what it takes, in words
	Default string // as the configuration reference shows it
	// Values are values that the key takes by itself, at least two and the default first: int, bool, string, []string or
	// map[string]string. Some contradict other keys. In texts, <account>, <region>, <project>, <stack> and <digest> stand for
	// what only a stack knows.
	Values []any
}

// Keys lists every key of the configuration, in the order of the reference.
func Keys() []Key {
	var keys []Key
	for _, s := range schema(&Config{}) {
		keys = append(keys, Key{Name: s.key, Kind: s.kind, Allowed: s.allowed, Default: s.show(), Values: slices.Clone(s.values)})
	}
	return keys
}
