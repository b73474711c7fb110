package api

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// schema is a JSON schema as openapi.yaml has it, as far as the projection must know it.
type schema struct {
	Ref        string             `yaml:"$ref"`
	Type       string             `yaml:"type"`
	Nullable   bool               `yaml:"nullable"`
	Properties map[string]*schema `yaml:"properties"`
	Required   []string           `yaml:"required"`
	Items      *schema            `yaml:"items"`
	Enum       []any              `yaml:"enum"`
	Minimum    any                `yaml:"minimum"`
	Maximum    any                `yaml:"maximum"`
	MinLength  *int               `yaml:"minLength"`
	MaxLength  *int               `yaml:"maxLength"`
	AllOf      []*schema          `yaml:"allOf"`
	AnyOf      []*schema          `yaml:"anyOf"`
	OneOf      []*schema          `yaml:"oneOf"`
	Not        *schema            `yaml:"not"`
}

// model is a schema that API Gateway imports: an allow-list. Everything else (formats, patterns, item counts,
// additionalProperties, readOnly, discriminators, examples) API Gateway refuses, drops or reads in another dialect.
type model struct {
	Ref        string           `json:"$ref,omitempty"`
	Type       string           `json:"type,omitempty"`
	Properties map[string]model `json:"properties,omitempty"`
	Required   []string         `json:"required,omitempty"`
	Items      *model           `json:"items,omitempty"`
	Enum       []any            `json:"enum,omitempty"`
	Minimum    any              `json:"minimum,omitempty"`
	Maximum    any              `json:"maximum,omitempty"`
	MinLength  *int             `json:"minLength,omitempty"`
	MaxLength  *int             `json:"maxLength,omitempty"`
}

const schemaPrefix = "#/components/schemas/"

// modelName: API Gateway takes letters and digits only.
var modelName = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// reduce keeps what API Gateway can check. It only ever accepts more than the original: whatever has no equivalent becomes
// a schema without constraints, and the backend validates in full.
func reduce(s *schema) model {
	if s == nil || s.Nullable || s.Not != nil || len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) > 0 {
		return model{}
	}
	if s.Ref != "" {
		return model{Ref: s.Ref}
	}
	m := model{
		Type: s.Type, Required: s.Required, Enum: s.Enum, Minimum: s.Minimum, Maximum: s.Maximum, MinLength: s.MinLength, MaxLength: s.MaxLength,
	}
	if s.Items != nil {
		items := reduce(s.Items)
		m.Items = &items
	}
	for name, property := range s.Properties {
		if m.Properties == nil {
			m.Properties = map[string]model{}
		}
		m.Properties[name] = reduce(property)
	}
	return m
}

// collect adds the models that a model refers to, directly or not.
func (d *Document) collect(into map[string]model, m model) error {
	if m.Ref != "" {
		name, ok := strings.CutPrefix(m.Ref, schemaPrefix)
		original := d.Components.Schemas[name]
		if !ok || original == nil {
			return fmt.Errorf("unknown schema %q", m.Ref)
		}
		if !modelName.MatchString(name) {
			return fmt.Errorf("schema %q: want a name of letters and digits", name)
		}
		if _, done := into[name]; done {
			return nil
		}
		reduced := reduce(original)
		into[name] = reduced
		return d.collect(into, reduced)
	}
	if m.Items != nil {
		if err := d.collect(into, *m.Items); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Properties)) {
		if err := d.collect(into, m.Properties[name]); err != nil {
			return err
		}
	}
	return nil
}

// resolve follows a reference; nil stays nil.
func (d *Document) resolve(x *schema) *schema {
	for hops := 0; x != nil && x.Ref != "" && hops < 10; hops++ {
		x = d.Components.Schemas[strings.TrimPrefix(x.Ref, schemaPrefix)]
	}
	return x
}
