package gateway

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"scalable-backend/services/internal/servers"
)

// Planned returns the document that the Pulumi program of this repository plans for a stack's API, out of the stack's golden
// resource graph.
func Planned(stack string) ([]byte, error) {
	root, err := servers.Repository()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(root, "testdata", stack+".json")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the planned resource graph: %w", err)
	}
	return bodyOf(text, path)
}

func bodyOf(graph []byte, path string) ([]byte, error) {
	var plan struct {
		Resources []struct {
			Type   string                     `json:"type"`
			Inputs map[string]json.RawMessage `json:"inputs"`
		} `json:"resources"`
	}
	if err := json.Unmarshal(graph, &plan); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	var bodies []json.RawMessage
	for _, r := range plan.Resources {
		// The graph shows a text that is JSON as the value that it is.
		var body struct {
			JSON json.RawMessage `json:"(json)"`
		}
		if r.Type == "aws:apigateway/restApi:RestApi" {
			if err := json.Unmarshal(r.Inputs["body"], &body); err != nil || len(body.JSON) == 0 {
				return nil, fmt.Errorf("%s: the API has no document", path)
			}
			bodies = append(bodies, body.JSON)
		}
	}
	if len(bodies) != 1 {
		return nil, fmt.Errorf("%s: want one API, got %d", path, len(bodies))
	}
	return bodies[0], nil
}
