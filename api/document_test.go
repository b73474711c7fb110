package api

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/graph"
	contract "scalable-backend/services/api"
)

var options = ProjectOptions{BackendURL: "http://internal.elb.amazonaws.com:8081", ConnectionID: "link1"}

func testText(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/openapi.yaml")
	require.NoError(t, err)
	return text
}

func testDocument(t testing.TB) *Document { return read(t, testText(t)) }

func read(t testing.TB, text []byte) *Document {
	t.Helper()
	d, err := Read(text)
	require.NoError(t, err)
	return d
}

// project returns the projection as plain JSON values.
func project(t *testing.T, d *Document) map[string]any {
	t.Helper()
	text, err := d.Project(options)
	require.NoError(t, err)
	var plain map[string]any
	require.NoError(t, json.Unmarshal(text, &plain))
	return plain
}

func at(t *testing.T, document map[string]any, path ...any) any {
	t.Helper()
	value, ok := graph.Lookup(document, path...)
	require.True(t, ok, "nothing at %v", path)
	return value
}

func TestProjectKeepsOnlyTheGatewayDoor(t *testing.T) {
	p := project(t, testDocument(t))
	paths := at(t, p, "paths").(map[string]any)
	got := map[string][]string{}
	for path, methods := range paths {
		for method := range methods.(map[string]any) {
			got[path] = append(got[path], method)
		}
	}
	assert.Equal(t, map[string][]string{
		"/v1/things": {"post"}, "/v1/things/{thing_id}/parts/{part_id}": {"get"}, "/v1/work": {"post"},
	}, got)
}

func TestProjectOperation(t *testing.T) {
	p := project(t, testDocument(t))
	assert.Equal(t, map[string]any{
		"operationId": "getPart",
		"parameters": []any{
			map[string]any{"name": "part_id", "in": "path", "required": true, "schema": map[string]any{"type": "string"}},
			map[string]any{"name": "thing_id", "in": "path", "required": true, "schema": map[string]any{"type": "string"}},
			map[string]any{"name": "verbose", "in": "query", "required": false, "schema": map[string]any{"type": "string"}},
		},
		"responses":                             map[string]any{"200": map[string]any{"description": "The part."}},
		"security":                              []any{map[string]any{"sigv4": []any{}}},
		"x-amazon-apigateway-auth":              map[string]any{"type": "AWS_IAM"},
		"x-amazon-apigateway-request-validator": "request",
		"x-amazon-apigateway-integration": map[string]any{
			"type": "http_proxy", "httpMethod": "GET", "connectionType": "VPC_LINK", "connectionId": "link1",
			"uri":                 "http://internal.elb.amazonaws.com:8081/v1/things/{thing_id}/parts/{part_id}",
			"passthroughBehavior": "when_no_match", "timeoutInMillis": 29000.0,
			"requestParameters": map[string]any{
				"integration.request.header.X-Gateway-Caller":     "context.identity.userArn",
				"integration.request.header.X-Gateway-Request-Id": "context.requestId",
				"integration.request.path.part_id":                "method.request.path.part_id",
				"integration.request.path.thing_id":               "method.request.path.thing_id",
			},
		},
	}, at(t, p, "paths", "/v1/things/{thing_id}/parts/{part_id}", "get"))
	assert.Equal(t, map[string]any{"sigv4": map[string]any{
		"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4",
	}}, at(t, p, "components", "securitySchemes"))
	assert.Equal(t, map[string]any{"request": map[string]any{"validateRequestBody": true, "validateRequestParameters": true}},
		at(t, p, "x-amazon-apigateway-request-validators"))
	assert.Equal(t, []any{"application/gzip", "application/octet-stream"}, at(t, p, "x-amazon-apigateway-binary-media-types"))
	_, declared := graph.Lookup(p, "paths", "/v1/things", "post", "parameters")
	assert.False(t, declared, "the gateway passes headers without a declaration")
}

// Schemas have only keywords that API Gateway supports, only those for request bodies remain, and none is stricter than before.
func TestProjectSchemas(t *testing.T) {
	schemas := at(t, project(t, testDocument(t)), "components", "schemas")
	ref := func(name string) any { return map[string]any{"$ref": "#/components/schemas/" + name} }
	assert.Equal(t, map[string]any{
		"NewThing": map[string]any{
			"type": "object", "required": []any{"name"},
			"properties": map[string]any{
				"name":     map[string]any{"type": "string", "minLength": 1.0, "maxLength": 10.0},
				"size":     map[string]any{"type": "integer", "minimum": 0.0, "maximum": 5497558138880.0},
				"parent":   map[string]any{},
				"choice":   map[string]any{},
				"whole":    map[string]any{},
				"state":    ref("State"),
				"children": map[string]any{"type": "array", "items": ref("NewThing")},
			},
		},
		"State": map[string]any{"type": "string", "enum": []any{"a", "b"}},
		"Wait": map[string]any{"type": "object", "properties": map[string]any{
			"wait_s": map[string]any{"type": "integer", "minimum": 0.0, "maximum": 20.0},
		}},
	}, schemas)
}

func TestGatewayResponses(t *testing.T) {
	responses := at(t, project(t, testDocument(t)), "x-amazon-apigateway-gateway-responses").(map[string]any)
	assert.Len(t, responses, len(failures))
	for name := range responses {
		assert.Equal(t, "'application/problem+json'", at(t, responses, name, "responseParameters", "gatewayresponse.header.Content-Type"))
		text := at(t, responses, name, "responseTemplates", "application/json").(string)
		// The value of the variable is a JSON string with its quotes.
		var document map[string]any
		require.NoError(t, json.Unmarshal([]byte(strings.Replace(text, messageVariable, `"m"`, 1)), &document), text)
		assert.Equal(t, "m", document["detail"])
		assert.NotEmpty(t, document["title"])
	}
	assert.Equal(t, "429", at(t, responses, "THROTTLED", "statusCode"))
	assert.Equal(t, "'1'", at(t, responses, "THROTTLED", "responseParameters", "gatewayresponse.header.Retry-After"))
	_, fixed := graph.Lookup(responses, "DEFAULT_5XX", "statusCode")
	assert.False(t, fixed, "default responses are for errors with different statuses")
}

func TestProjectIsDeterministic(t *testing.T) {
	d := read(t, contract.Document)
	first, err := d.Project(options)
	require.NoError(t, err)
	for range 20 {
		again, err := d.Project(options)
		require.NoError(t, err)
		require.Equal(t, string(first), string(again))
	}
}

// In the product's document every operation of the gateway door is included, signed and with the caller header; tokens and the web
// page are not.
func TestProjectContract(t *testing.T) {
	d := read(t, contract.Document)
	p, operations := project(t, d), d.Operations()
	require.NotEmpty(t, operations)
	for _, o := range operations {
		assert.False(t, strings.HasPrefix(o.Path, "/v1/tokens"), o.Path)
		method := at(t, p, "paths", o.Path, strings.ToLower(o.Method)).(map[string]any)
		assert.Equal(t, "AWS_IAM", at(t, method, "x-amazon-apigateway-auth", "type"), o.ID)
		assert.Equal(t, "context.identity.userArn",
			at(t, method, "x-amazon-apigateway-integration", "requestParameters", "integration.request.header.X-Gateway-Caller"), o.ID)
		for _, name := range pathParameters(o.Path) {
			assert.Equal(t, "method.request.path."+name,
				at(t, method, "x-amazon-apigateway-integration", "requestParameters", "integration.request.path."+name), o.ID)
		}
	}
	var agents, polls []string
	for _, o := range operations {
		if o.Agents() {
			agents = append(agents, o.ARNPath())
		}
		if o.LongPoll {
			polls = append(polls, o.ID)
		}
	}
	assert.Equal(t, []string{"createLeases"}, polls)
	// Only these: * in a method's ARN also matches slashes, so "GET/v1/files/*" would allow every path below a file.
	assert.ElementsMatch(t, []string{
		"POST/v1/leases", "POST/v1/agents/*/heartbeats", "GET/v1/leases/*/source", "PUT/v1/leases/*/outcome",
	}, agents)
}

func TestParseRefuses(t *testing.T) {
	base := string(testText(t))
	for want, change := range map[string][2]string{
		`want one of [public gateway], got "gatewy"`: {"x-doors: [gateway]", "x-doors: [gatewy]"},
		"no x-doors":     {"x-doors: [gateway]", "x-other: 1"},
		"no operationId": {"operationId: lease", "operationID: lease"},
		`path parameter "thing_id" is not declared`:       {"      - $ref: \"#/components/parameters/ThingId\"", "      []"},
		`unknown parameter "#/components/parameters/Foo"`: {"parameters/Key", "parameters/Foo"},
		`unknown schema "#/components/schemas/Foo"`:       {"schemas/State", "schemas/Foo"},
		"is not a whole segment":                          {"{part_id}:", "p{part_id}:"},
		"no operation has the gateway's door":             {"gateway", "public"},
		"reading API document":                            {"openapi: 3.0.3", "\tx"},
	} {
		d, err := Read([]byte(strings.ReplaceAll(base, change[0], change[1])))
		if err == nil {
			_, err = d.Project(options)
		}
		assert.ErrorContains(t, err, want)
	}
	_, err := testDocument(t).Project(ProjectOptions{})
	assert.Error(t, err)
}

func TestOperations(t *testing.T) {
	got := testDocument(t).Operations()
	assert.Equal(t, []Operation{
		{ID: "createThing", Method: "POST", Path: "/v1/things", Tags: []string{"things"}},
		{ID: "getPart", Method: "GET", Path: "/v1/things/{thing_id}/parts/{part_id}", Tags: []string{"agents"}},
		{ID: "lease", Method: "POST", Path: "/v1/work", Tags: []string{"agents", "work"}, LongPoll: true},
	}, got)
	assert.Equal(t, "GET/v1/things/*/parts/*", got[1].ARNPath())
	assert.Equal(t, []bool{false, true, true}, slices.Collect(func(yield func(bool) bool) {
		for _, o := range got {
			if !yield(o.Agents()) {
				return
			}
		}
	}))
}
