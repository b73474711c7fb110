package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

// document is the API's document, by pattern of [http.ServeMux].
type document struct {
	operations map[string]*operation
}

// operation is what the pipeline must know of one.
type operation struct {
	id        string
	doors     []backend.Door
	scopes    []backend.Scope
	anonymous bool
	hasBody   bool
	query     map[string]bool
	path      []string
	route     *routers.Route
}

func loadDocument() (*document, error) {
	spec, err := openapi3.NewLoader().LoadFromData(api.Document)
	if err != nil {
		return nil, fmt.Errorf("reading the API document: %w", err)
	}
	if err := spec.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("checking the API document: %w", err)
	}
	d := &document{operations: map[string]*operation{}}
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			o, err := newOperation(spec, path, item, method, op)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			d.operations[method+" "+path] = o
		}
	}
	return d, nil
}

func newOperation(spec *openapi3.T, path string, item *openapi3.PathItem, method string, op *openapi3.Operation) (*operation, error) {
	o := &operation{id: op.OperationID, hasBody: op.RequestBody != nil, query: map[string]bool{}}
	for key, into := range map[string]any{"x-doors": &o.doors, "x-scopes": &o.scopes, "x-anonymous": &o.anonymous} {
		value, ok := op.Extensions[key]
		if !ok && key == "x-anonymous" {
			continue
		}
		// An operation whose extension was forgotten or misspelt lets no caller in.
		if !ok {
			return nil, fmt.Errorf("%s is missing", key)
		}
		text, err := json.Marshal(value)
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	for _, list := range []openapi3.Parameters{item.Parameters, op.Parameters} {
		for _, p := range list {
			switch p.Value.In {
			case openapi3.ParameterInQuery:
				o.query[p.Value.Name] = true
			case openapi3.ParameterInPath:
				o.path = append(o.path, p.Value.Name)
			}
		}
	}
	o.route = &routers.Route{Spec: spec, Path: path, PathItem: item, Method: method, Operation: op}
	return o, nil
}

// input is a request as the document's filter takes it.
func (o *operation) input(r *http.Request) *openapi3filter.RequestValidationInput {
	params := make(map[string]string, len(o.path))
	for _, name := range o.path {
		params[name] = r.PathValue(name)
	}
	return &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: o.route, Options: filterOptions}
}

var filterOptions = &openapi3filter.Options{
	MultiError: true,
	// Handlers know the defaults; writing them into the request would change what an idempotency key is compared with.
	SkipSettingDefaults: true,
	AuthenticationFunc:  openapi3filter.NoopAuthenticationFunc, // done before
}
