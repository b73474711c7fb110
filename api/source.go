package api

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// gatewayDoor is the door that API Gateway serves, in the operations' x-doors.
const gatewayDoor = "gateway"

// doors are the values that x-doors may have.
var doors = []string{"public", gatewayDoor}

// Document is openapi.yaml, as far as the gateway is concerned: read and checked once, by [Read].
type Document struct {
	Info struct {
		Title   string `yaml:"title"`
		Version string `yaml:"version"`
	} `yaml:"info"`
	Paths      map[string]pathItem `yaml:"paths"`
	Components struct {
		Parameters map[string]parameter `yaml:"parameters"`
		Schemas    map[string]*schema   `yaml:"schemas"`
	} `yaml:"components"`
}

type pathItem struct {
	Parameters []parameter      `yaml:"parameters"`
	Get        *sourceOperation `yaml:"get"`
	Put        *sourceOperation `yaml:"put"`
	Post       *sourceOperation `yaml:"post"`
	Delete     *sourceOperation `yaml:"delete"`
	Patch      *sourceOperation `yaml:"patch"`
	Head       *sourceOperation `yaml:"head"`
}

func (p pathItem) operations() map[string]*sourceOperation {
	all := map[string]*sourceOperation{"get": p.Get, "put": p.Put, "post": p.Post, "delete": p.Delete, "patch": p.Patch, "head": p.Head}
	maps.DeleteFunc(all, func(_ string, o *sourceOperation) bool { return o == nil })
	return all
}

type sourceOperation struct {
	OperationID string      `yaml:"operationId"`
	Tags        []string    `yaml:"tags"`
	Doors       []string    `yaml:"x-doors"`
	Parameters  []parameter `yaml:"parameters"`
	RequestBody *struct {
		Required bool `yaml:"required"`
		Content  map[string]struct {
			Schema *schema `yaml:"schema"`
		} `yaml:"content"`
	} `yaml:"requestBody"`
	Responses map[string]struct {
		Description string `yaml:"description"`
	} `yaml:"responses"`
}

// body returns the schema of the operation's JSON body, nil without one.
func (o *sourceOperation) body() *schema {
	if o.RequestBody == nil {
		return nil
	}
	return o.RequestBody.Content["application/json"].Schema
}

type parameter struct {
	Ref      string `yaml:"$ref"`
	Name     string `yaml:"name"`
	In       string `yaml:"in"`
	Required bool   `yaml:"required"`
}

// Read reads openapi.yaml and reports everything about it that the gateway cannot serve.
func Read(text []byte) (*Document, error) {
	var d Document
	if err := yaml.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("reading API document: %w", err)
	}
	if len(d.Paths) == 0 {
		return nil, errors.New("reading API document: no paths")
	}
	var problems []error
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path].operations())) {
			if err := d.check(path, d.Paths[path].operations()[method]); err != nil {
				problems = append(problems, fmt.Errorf("%s %s: %w", method, path, err))
			}
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return &d, nil
}

func (d *Document) check(path string, o *sourceOperation) error {
	if o.OperationID == "" {
		return errors.New("no operationId")
	}
	if len(o.Doors) == 0 {
		return errors.New("no x-doors")
	}
	for _, door := range o.Doors {
		if !slices.Contains(doors, door) {
			return fmt.Errorf("x-doors: want one of %v, got %q", doors, door)
		}
	}
	declared, err := d.parameters(path, o)
	if err != nil {
		return err
	}
	names := pathParameters(path)
	for _, name := range names {
		if strings.ContainsAny(name, "{}") {
			return errors.New("a path parameter is not a whole segment")
		}
		if !slices.ContainsFunc(declared, func(p parameter) bool { return p.In == "path" && p.Name == name }) {
			return fmt.Errorf("path parameter %q is not declared", name)
		}
	}
	for _, p := range declared {
		if p.In == "path" && !slices.Contains(names, p.Name) {
			return fmt.Errorf("path parameter %q is not in the path", p.Name)
		}
	}
	return nil
}

// parameters are the path's and the operation's own, references resolved, sorted by place and name.
func (d *Document) parameters(path string, o *sourceOperation) ([]parameter, error) {
	var all []parameter
	for _, p := range slices.Concat(d.Paths[path].Parameters, o.Parameters) {
		if p.Ref != "" {
			name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/")
			resolved, found := d.Components.Parameters[name]
			if !ok || !found {
				return nil, fmt.Errorf("unknown parameter %q", p.Ref)
			}
			p = resolved
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b parameter) int { return strings.Compare(a.In+" "+a.Name, b.In+" "+b.Name) })
	return all, nil
}

// pathParameters are the names in braces, in the path's order. A segment that is not wholly one parameter comes back with
// its braces, for check to refuse.
func pathParameters(path string) []string {
	var names []string
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok && strings.HasSuffix(name, "}") {
			names = append(names, strings.TrimSuffix(name, "}"))
		} else if strings.ContainsAny(segment, "{}") {
			names = append(names, segment)
		}
	}
	return names
}
