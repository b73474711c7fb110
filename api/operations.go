package api

import (
	"maps"
	"slices"
	"strings"
)

// AgentTag marks the operations that agents call, and that their role may invoke.
const AgentTag = "agents"

// Operation is one method of the gateway's API.
type Operation struct {
	ID     string   // operationId of the document
	Method string   // upper case
	Path   string   // with {parameters}
	Tags   []string // of the document
	// LongPoll operations wait for work, so a long latency is not an error.
	LongPoll bool
}

// Agents tells whether agents call the operation.
func (o Operation) Agents() bool { return slices.Contains(o.Tags, AgentTag) }

// ARNPath is the operation in a method's ARN, e.g. "POST/v1/agents/*/heartbeats".
func (o Operation) ARNPath() string {
	segments := strings.Split(o.Path, "/")
	for i, segment := range segments {
		if strings.HasPrefix(segment, "{") {
			segments[i] = "*"
		}
	}
	return o.Method + strings.Join(segments, "/")
}

// Operations returns the operations of the document that pass through the gateway, by path and method.
func (d *Document) Operations() []Operation {
	var operations []Operation
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		methods := d.Paths[path].operations()
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			if o := methods[method]; slices.Contains(o.Doors, gatewayDoor) {
				operations = append(operations, Operation{
					ID: o.OperationID, Method: strings.ToUpper(method), Path: path, Tags: o.Tags, LongPoll: d.longPoll(o),
				})
			}
		}
	}
	return operations
}

// waitProperty in a request's body is the time that the caller is willing to wait.
const waitProperty = "wait_s"

func (d *Document) longPoll(o *sourceOperation) bool {
	body := d.resolve(o.body())
	return body != nil && body.Properties[waitProperty] != nil
}
