package api

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withPath returns a document with one operation of the gateway door.
func withPath(path, parameters, body string) []byte {
	return fmt.Appendf(nil, `
openapi: 3.0.3
paths:
  %q:
    post:
      operationId: it
      x-doors: [gateway]
      parameters: %s
      requestBody: {content: {application/json: {schema: %s}}}
components:
  parameters: {Id: {name: id, in: path, required: true}}
  schemas: {Own: {type: string}, Not-Letters: {type: string}}
`, path, parameters, body)
}

func TestRefusedPathsAndParameters(t *testing.T) {
	id, none := "[{name: id, in: path}]", "[]"
	for _, c := range []struct{ path, parameters, want string }{
		{"/v1/{id}", id, ""},
		{"/v1/{id}", "[{$ref: '#/components/parameters/Id'}]", ""},
		{"/v1/{id}", "[{$ref: Id}]", `unknown parameter "Id"`},
		{"/v1/things", id, `path parameter "id" is not in the path`},
		{"/v1/things", "[{name: id, in: query}]", ""},
		{"/v1/{id", id, "a path parameter is not a whole segment"},
		{"/v1/id}", id, "a path parameter is not a whole segment"},
		{"/v1/{id}s", none, "a path parameter is not a whole segment"},
	} {
		_, err := Read(withPath(c.path, c.parameters, "{}"))
		if c.want == "" {
			assert.NoError(t, err, c)
		} else {
			assert.ErrorContains(t, err, c.want, c)
		}
	}
	_, err := Read([]byte("openapi: 3.0.3"))
	assert.EqualError(t, err, "reading API document: no paths")
}

func TestRefusedSchemas(t *testing.T) {
	for body, want := range map[string]string{
		"{$ref: Own}": `unknown schema "Own"`,
		"{$ref: '#/components/schemas/Not-Letters'}": `schema "Not-Letters": want a name of letters and digits`,
	} {
		_, err := read(t, withPath("/v1/things", "[]", body)).Project(options)
		assert.ErrorContains(t, err, want, body)
	}
}

// A gateway that checks only a part of such a schema could refuse requests that the backend accepts.
func TestSchemasWithoutAnEquivalentAllowEverything(t *testing.T) {
	for _, s := range []*schema{
		nil, {Type: "string", Nullable: true}, {Type: "string", Not: &schema{}}, {Type: "string", AllOf: []*schema{{}}},
		{Type: "string", AnyOf: []*schema{{}}}, {Type: "string", OneOf: []*schema{{}}},
	} {
		assert.Equal(t, model{}, reduce(s), s)
	}
}

func TestReferencesAreFollowedTenTimes(t *testing.T) {
	d := &Document{}
	d.Components.Schemas = map[string]*schema{"s0": {Type: "string"}}
	for n := range 11 {
		d.Components.Schemas[fmt.Sprintf("s%d", n+1)] = &schema{Ref: fmt.Sprintf("%ss%d", schemaPrefix, n)}
	}
	assert.Equal(t, "string", d.resolve(d.Components.Schemas["s10"]).Type)
	assert.Empty(t, d.resolve(d.Components.Schemas["s11"]).Type, "a circle ends")
	assert.Nil(t, d.resolve(nil))
}

func TestEveryMethodIsAnOperation(t *testing.T) {
	o := &sourceOperation{}
	all := pathItem{Get: o, Put: o, Post: o, Delete: o, Patch: o, Head: o}.operations()
	assert.Equal(t, []string{"delete", "get", "head", "patch", "post", "put"}, slices.Sorted(maps.Keys(all)))
}

func TestProjectionNeedsABackendAndAConnection(t *testing.T) {
	for _, incomplete := range []ProjectOptions{{BackendURL: options.BackendURL}, {ConnectionID: options.ConnectionID}} {
		_, err := testDocument(t).Project(incomplete)
		assert.ErrorContains(t, err, "want a backend URL and a connection")
	}
}

func TestArgsRefuseADocumentThatCannotBeProjected(t *testing.T) {
	args := &Args{Document: read(t, withPath("/v1/things", "[]", "{$ref: Own}"))}
	require.ErrorContains(t, args.validate(), `api.Args.Document: `)
}
