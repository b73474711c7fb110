package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	backend "scalable-backend/services/backend/config"
)

// The headers that the gateway sets on every request to the backend, whatever the client sent under these names.
const (
	CallerHeader    = backend.CallerHeader   // the ARN of the IAM identity that signed the request
	RequestIDHeader = "X-Gateway-Request-Id" // the request in the gateway's logs
)

// TimeoutMillis is the longest that API Gateway waits for the backend; long polls end well before it.
const TimeoutMillis = 29000

const (
	authorizer = "sigv4"
	validator  = "request"
)

// binaryTypes pass through the gateway byte by byte. It treats everything else as text, which would damage these. JSON is not
// among them, or the gateway could not validate it. The list is sorted, as AWS may return it.
var binaryTypes = []string{"application/gzip", "application/octet-stream"}

// ProjectOptions are where the gateway sends requests.
type ProjectOptions struct {
	BackendURL   string // scheme, host and port of the load balancer, e.g. "http://internal-x.elb.amazonaws.com:8081"
	ConnectionID string // the VPC link
}

// projection is the document that API Gateway imports. Maps encode with sorted keys, so equal inputs give equal bytes.
type projection struct {
	OpenAPI    string                          `json:"openapi"`
	Info       info                            `json:"info"`
	Paths      map[string]map[string]operation `json:"paths"`
	Components components                      `json:"components"`
	Binary     []string                        `json:"x-amazon-apigateway-binary-media-types"`
	Validators map[string]requestValidator     `json:"x-amazon-apigateway-request-validators"`
	Responses  map[string]gatewayResponse      `json:"x-amazon-apigateway-gateway-responses"`
}

type info struct {
	Title   string `json:"title"`
	Version string `json:"version"`
}

type components struct {
	Schemas         map[string]model          `json:"schemas"`
	SecuritySchemes map[string]securityScheme `json:"securitySchemes"`
}

type securityScheme struct {
	Type     string `json:"type"`
	Name     string `json:"name"`
	In       string `json:"in"`
	AuthType string `json:"x-amazon-apigateway-authtype"`
}

type requestValidator struct {
	Body       bool `json:"validateRequestBody"`
	Parameters bool `json:"validateRequestParameters"`
}

type operation struct {
	OperationID string                `json:"operationId"`
	Parameters  []methodParameter     `json:"parameters,omitempty"`
	RequestBody *requestBody          `json:"requestBody,omitempty"`
	Responses   map[string]response   `json:"responses"`
	Security    []map[string][]string `json:"security"`
	Auth        methodAuth            `json:"x-amazon-apigateway-auth"`
	Validator   string                `json:"x-amazon-apigateway-request-validator"`
	Integration integration           `json:"x-amazon-apigateway-integration"`
}

type methodParameter struct {
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
	Schema   model  `json:"schema"`
}

type requestBody struct {
	Required bool                 `json:"required"`
	Content  map[string]mediaType `json:"content"`
}

type mediaType struct {
	Schema model `json:"schema"`
}

type response struct {
	Description string `json:"description"`
}

type methodAuth struct {
	Type string `json:"type"`
}

type integration struct {
	Type              string            `json:"type"`
	Method            string            `json:"httpMethod"`
	URI               string            `json:"uri"`
	ConnectionType    string            `json:"connectionType"`
	ConnectionID      string            `json:"connectionId"`
	Passthrough       string            `json:"passthroughBehavior"`
	Timeout           int               `json:"timeoutInMillis"`
	RequestParameters map[string]string `json:"requestParameters"`
}

// Project returns the document that API Gateway imports: the operations of the gateway's door only, each of them signed with IAM
// credentials, validated, and passed on to the backend through the VPC link.
func (d *Document) Project(opts ProjectOptions) ([]byte, error) {
	if opts.BackendURL == "" || opts.ConnectionID == "" {
		return nil, errors.New("projecting API document: want a backend URL and a connection")
	}
	p := projection{
		OpenAPI: "3.0.1",
		Info:    info{Title: d.Info.Title, Version: d.Info.Version},
		Paths:   map[string]map[string]operation{},
		Components: components{
			Schemas: map[string]model{},
			SecuritySchemes: map[string]securityScheme{
				authorizer: {Type: "apiKey", Name: "Authorization", In: "header", AuthType: "awsSigv4"},
			},
		},
		Binary:     binaryTypes,
		Validators: map[string]requestValidator{validator: {Body: true, Parameters: true}},
		Responses:  gatewayResponses(),
	}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for method, o := range d.Paths[path].operations() {
			if !slices.Contains(o.Doors, gatewayDoor) {
				continue
			}
			projected, err := d.project(path, method, o, opts, p.Components.Schemas)
			if err != nil {
				return nil, fmt.Errorf("projecting %s %s: %w", method, path, err)
			}
			if p.Paths[path] == nil {
				p.Paths[path] = map[string]operation{}
			}
			p.Paths[path][method] = projected
		}
	}
	if len(p.Paths) == 0 {
		return nil, errors.New("projecting API document: no operation has the gateway's door")
	}
	return json.Marshal(p)
}

func (d *Document) project(path, method string, o *sourceOperation, opts ProjectOptions, models map[string]model) (operation, error) {
	projected := operation{
		OperationID: o.OperationID,
		Responses:   map[string]response{},
		Security:    []map[string][]string{{authorizer: {}}},
		Auth:        methodAuth{Type: "AWS_IAM"},
		Validator:   validator,
		Integration: integration{
			Type:           "http_proxy",
			Method:         strings.ToUpper(method),
			URI:            opts.BackendURL + path,
			ConnectionType: "VPC_LINK",
			ConnectionID:   opts.ConnectionID,
			Passthrough:    "when_no_match",
			Timeout:        TimeoutMillis,
			RequestParameters: map[string]string{
				"integration.request.header." + CallerHeader:    "context.identity.userArn",
				"integration.request.header." + RequestIDHeader: "context.requestId",
			},
		},
	}
	declared, err := d.parameters(path, o)
	if err != nil {
		return operation{}, err
	}
	for _, d := range declared {
		// Headers pass without being declared. For a declared one the gateway would check that it is there, by a name that
		// HTTP/2 clients send in lower case.
		if d.In != "path" && d.In != "query" {
			continue
		}
		projected.Parameters = append(projected.Parameters, methodParameter{
			Name: d.Name, In: d.In, Required: d.Required || d.In == "path", Schema: model{Type: "string"},
		})
	}
	// Parameters in the integration's URI are not those of the path by themselves: each needs a mapping.
	for _, name := range pathParameters(path) {
		projected.Integration.RequestParameters["integration.request.path."+name] = "method.request.path." + name
	}
	if body := o.body(); body != nil {
		reduced := reduce(body)
		if err := d.collect(models, reduced); err != nil {
			return operation{}, err
		}
		projected.RequestBody = &requestBody{
			Required: o.RequestBody.Required, Content: map[string]mediaType{"application/json": {Schema: reduced}},
		}
	}
	for status, r := range o.Responses {
		if status != "default" { // API Gateway has no default response
			projected.Responses[status] = response{Description: r.Description}
		}
	}
	return projected, nil
}
