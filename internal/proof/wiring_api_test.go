package proof

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"scalable-backend/internal/plan"
	"scalable-backend/services/api"
	backendconfig "scalable-backend/services/backend/config"
)

// gatewayAPI is the part that the tests read of the document for API Gateway.
type gatewayAPI struct {
	Paths map[string]map[string]struct {
		OperationID string                `json:"operationId"`
		Auth        struct{ Type string } `json:"x-amazon-apigateway-auth"`
		Integration struct {
			Method            string            `json:"httpMethod"`
			URI               string            `json:"uri"`
			ConnectionID      string            `json:"connectionId"`
			Timeout           int               `json:"timeoutInMillis"`
			RequestParameters map[string]string `json:"requestParameters"`
		} `json:"x-amazon-apigateway-integration"`
	} `json:"paths"`
}

func gatewayDocument(t *testing.T, g *plan.Graph) gatewayAPI {
	t.Helper()
	var d gatewayAPI
	require.NoError(t, json.Unmarshal([]byte(input(t, only(t, g, "aws:apigateway/restApi:RestApi"), "body").(string)), &d))
	require.NotEmpty(t, d.Paths)
	return d
}

// documented returns the operations of the API document by "GET /path", read without the api tier's own parser.
func documented(t *testing.T) map[string]documentedOperation {
	t.Helper()
	var d struct {
		Paths map[string]map[string]yaml.Node `yaml:"paths"`
	}
	require.NoError(t, yaml.Unmarshal(api.Document, &d))
	operations := map[string]documentedOperation{}
	for path, item := range d.Paths {
		for method, node := range item {
			if method == "parameters" {
				continue
			}
			var o documentedOperation
			require.NoError(t, node.Decode(&o), "%s %s", method, path)
			operations[strings.ToUpper(method)+" "+path] = o
		}
	}
	return operations
}

type documentedOperation struct {
	ID        string   `yaml:"operationId"`
	Doors     []string `yaml:"x-doors"`
	Anonymous bool     `yaml:"x-anonymous"`
}

var generatedRoute = regexp.MustCompile(`m\.HandleFunc\(http\.Method(\w+)\+" "\+options\.BaseURL\+"([^"]*)", wrapper\.(\w+)\)`)

// The server's routes are the operations of the API document, and the gateway's methods are those that the document gives it.
func TestGatewayServerAndDocumentAgree(t *testing.T) {
	t.Parallel()
	operations := documented(t)
	generated, err := os.ReadFile(filepath.Join(root, "services", "backend", "httpapi", "server.gen.go"))
	require.NoError(t, err)
	routes, want := map[string]string{}, map[string]string{}
	for _, m := range generatedRoute.FindAllStringSubmatch(string(generated), -1) {
		routes[strings.ToUpper(m[1])+" "+m[2]] = m[3]
	}
	for route, o := range operations {
		want[route] = strings.ToUpper(o.ID[:1]) + o.ID[1:]
	}
	require.Equal(t, want, routes, "the server's routes differ from the document")

	for _, stack := range []string{"dev", "prod"} {
		g := planned(t, stack)
		served := map[string]string{}
		for path, item := range gatewayDocument(t, g).Paths {
			for method, o := range item {
				served[strings.ToUpper(method)+" "+path] = o.OperationID
			}
		}
		door := map[string]string{}
		for route, o := range operations {
			if slices.Contains(o.Doors, "gateway") {
				door[route] = o.ID
			}
		}
		require.Equal(t, door, served, stack)
	}
}

// Agents may call exactly the operations that their code calls.
func TestAgentPermissionsMatchItsCalls(t *testing.T) {
	t.Parallel()
	w := worldOf(t, planned(t, "prod"))
	p := w.fixture()
	var allowed []string
	for _, o := range w.gatewayOperations() {
		if w.decide(p.invoke(p.agent, o)).Allowed {
			allowed = append(allowed, o.ID)
		}
	}
	require.ElementsMatch(t, agentOperations(t), allowed)
	require.Equal(t, []string{"run"}, agentContainer(t, w.g).Command, "agentOperations reads the calls of `run`")
}

// Every method forwards to the backend's gateway port on the same path and sets the caller header that the backend trusts.
func TestGatewayForwardsToTheBackend(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		w := worldOf(t, planned(t, stack))
		c := backendSettings(t, w.g)
		link := only(t, w.g, "aws:apigateway/vpcLink:VpcLink")
		linkID, _ := w.shaped(link)
		balancer := w.byARN("aws:lb/loadBalancer:LoadBalancer", input(t, link, "targetArn").(string))
		_, out := w.shaped(balancer)
		base := "http://" + out["dnsName"].StringValue() + c.GatewayAddr
		for path, item := range gatewayDocument(t, w.g).Paths {
			for method, o := range item {
				require.Equal(t, base+path, o.Integration.URI, stack)
				require.Equal(t, strings.ToUpper(method), o.Integration.Method)
				require.Equal(t, linkID, o.Integration.ConnectionID)
				require.Equal(t, "AWS_IAM", o.Auth.Type, path)
				require.Equal(t, "context.identity.userArn", o.Integration.RequestParameters["integration.request.header."+backendconfig.CallerHeader],
					path)
			}
		}
	}
}
