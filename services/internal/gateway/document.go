package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// document is what the gateway obeys of an imported OpenAPI document. Whatever in it this package does not understand is an
// error, never left out.
type document struct {
	operations []*operation
	responses  map[string]gatewayResponse
}

type operation struct {
	method   string
	segments []string // of the path; {name} stands for any one segment
	source   *openapi3.Operation

	validateBody, validateParameters bool

	uri     *url.URL // of the integration, with {name} in its path
	timeout time.Duration
	headers map[string]string // header of the integration request → where its value comes from
	path    map[string]string // {name} of the integration's URI → where its value comes from
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

type requestValidator struct {
	Body       bool `json:"validateRequestBody"`
	Parameters bool `json:"validateRequestParameters"`
}

// extension decodes an extension strictly.
func extension(from map[string]any, name string, into any) error {
	value, ok := from[name]
	if !ok {
		return fmt.Errorf("%s is missing", name)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func parseDocument(text []byte) (*document, error) {
	spec, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's document: %w", err)
	}
	d := &document{responses: map[string]gatewayResponse{}}
	validators := map[string]requestValidator{}
	errs := []error{extension(spec.Extensions, "x-amazon-apigateway-request-validators", &validators)}
	if _, ok := spec.Extensions["x-amazon-apigateway-gateway-responses"]; ok {
		errs = append(errs, extension(spec.Extensions, "x-amazon-apigateway-gateway-responses", &d.responses))
	}
	paths := spec.Paths.Map()
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for method, op := range paths[path].Operations() {
			o, err := newOperation(spec, method, path, op, validators)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s %s: %w", method, path, err))
				continue
			}
			d.operations = append(d.operations, o)
		}
	}
	if len(d.operations) == 0 {
		errs = append(errs, errors.New("no operations"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("reading the gateway's document: %w", err)
	}
	return d, nil
}

func newOperation(
	spec *openapi3.T,
	method, path string,
	op *openapi3.Operation,
	validators map[string]requestValidator,
) (*operation, error) {
	o := &operation{method: method, segments: strings.Split(path, "/"), source: op, headers: map[string]string{}, path: map[string]string{}}
	var in integration
	var auth struct {
		Type string `json:"type"`
	}
	var validator string
	if err := errors.Join(
		extension(op.Extensions, "x-amazon-apigateway-integration", &in),
		extension(op.Extensions, "x-amazon-apigateway-auth", &auth),
		extension(op.Extensions, "x-amazon-apigateway-request-validator", &validator),
	); err != nil {
		return nil, err
	}
	v, ok := validators[validator]
	if !ok {
		return nil, fmt.Errorf("there is no request validator %q", validator)
	}
	o.validateBody, o.validateParameters = v.Body, v.Parameters
	if auth.Type != "AWS_IAM" || !signed(spec, op) {
		return nil, fmt.Errorf("want AWS_IAM and a security scheme of type awsSigv4, got %q", auth.Type)
	}
	if in.Type != "http_proxy" || in.Method != method || in.ConnectionType != "VPC_LINK" || in.ConnectionID == "" ||
		in.Passthrough != "when_no_match" {
		return nil, fmt.Errorf("want an http_proxy integration of the same method through a VPC_LINK, got %+v", in)
	}
	if in.Timeout < 50 || in.Timeout > 29_000 {
		return nil, fmt.Errorf("timeoutInMillis: want 50..29000, got %d", in.Timeout)
	}
	o.timeout = time.Duration(in.Timeout) * time.Millisecond
	return o, o.integrate(in)
}

// signed tells whether an operation's one security requirement is an AWS signature.
func signed(spec *openapi3.T, op *openapi3.Operation) bool {
	if op.Security == nil || len(*op.Security) != 1 {
		return false
	}
	for name := range (*op.Security)[0] {
		scheme := spec.Components.SecuritySchemes[name]
		if scheme == nil || scheme.Value.Extensions["x-amazon-apigateway-authtype"] != "awsSigv4" {
			return false
		}
	}
	return len((*op.Security)[0]) == 1
}

// integrate reads the integration's address and where each of its parameters comes from.
func (o *operation) integrate(in integration) error {
	var err error
	if o.uri, err = url.Parse(in.URI); err != nil {
		return err
	}
	if o.uri.Scheme != "http" && o.uri.Scheme != "https" || o.uri.Host == "" || o.uri.RawQuery != "" {
		return fmt.Errorf("uri: want http://host/path, got %q", in.URI)
	}
	for to, from := range in.RequestParameters {
		if err := o.known(from); err != nil {
			return fmt.Errorf("%s: %w", to, err)
		}
		if name, ok := strings.CutPrefix(to, "integration.request.header."); ok {
			o.headers[name] = from
		} else if name, ok := strings.CutPrefix(to, "integration.request.path."); ok {
			o.path[name] = from
		} else {
			return fmt.Errorf("no such request parameter: %s", to)
		}
	}
	for segment := range strings.SplitSeq(o.uri.Path, "/") {
		if name, ok := parameter(segment); ok && o.path[name] == "" {
			return fmt.Errorf("nothing is mapped to {%s} of the integration's uri", name)
		}
	}
	return nil
}

// known refuses sources of values that the gateway does not have.
func (o *operation) known(from string) error {
	name, isPath := strings.CutPrefix(from, "method.request.path.")
	switch {
	case from == "context.identity.userArn", from == "context.requestId":
		return nil
	case isPath && slices.Contains(o.segments, "{"+name+"}"):
		return nil
	}
	return fmt.Errorf("no such value: %s", from)
}

// parameter returns the name in a segment like {name}.
func parameter(segment string) (string, bool) {
	return strings.TrimSuffix(strings.TrimPrefix(segment, "{"), "}"), strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}")
}

// find returns the operation at a method and path and the path's parameters, a literal segment before a parameter.
func (d *document) find(method, path string) (found *operation, values map[string]string) {
	segments := strings.Split(path, "/")
	for _, o := range d.operations {
		if o.method != method || len(o.segments) != len(segments) {
			continue
		}
		at := map[string]string{}
		for i, segment := range o.segments {
			if name, ok := parameter(segment); ok && segments[i] != "" {
				at[name] = segments[i]
			} else if segment != segments[i] {
				at = nil
				break
			}
		}
		if at != nil && (found == nil || len(at) < len(values)) {
			found, values = o, at
		}
	}
	return found, values
}
