package rules

import (
	"bytes"
	_ "embed"
	"fmt"
	"path"

	"go.yaml.in/yaml/v3"
)

//go:embed unasked.yaml
var unaskedText []byte

// Unasked lists types that no rule selects, or properties about security that no rule checks, with the reason.
type Unasked struct {
	Types      []string `yaml:"types"`      // patterns
	Properties []string `yaml:"properties"` // patterns; none for the type as a whole
	Reason     string   `yaml:"reason"`
}

// Covers tells whether the entry covers a property of a type, or the type if property is "".
func (u Unasked) Covers(token, property string) bool {
	if property == "" {
		return len(u.Properties) == 0 && matchesAny(u.Types, token)
	}
	return matchesAny(u.Types, token) && matchesAny(u.Properties, property)
}

func matchesAny(patterns []string, text string) bool {
	for _, p := range patterns {
		// A type contains slashes, which * does not match.
		if ok, err := path.Match(p, text); err == nil && ok {
			return true
		}
	}
	return false
}

// UnaskedList reads unasked.yaml.
func UnaskedList() ([]Unasked, error) {
	var list []Unasked
	d := yaml.NewDecoder(bytes.NewReader(unaskedText))
	d.KnownFields(true)
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("reading unasked.yaml: %w", err)
	}
	for _, u := range list {
		if len(u.Types) == 0 || len(u.Reason) < 20 {
			return nil, fmt.Errorf("unasked.yaml: %v %v: want types and a reason", u.Types, u.Properties)
		}
	}
	return list, nil
}
