package httpapi_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

// operation is one of the document, read here anew: the test must not believe the code under test.
type operation struct {
	id, method, path string
	doors            []string
	scopes           []string
	anonymous        bool
}

func operations(t *testing.T) []operation {
	t.Helper()
	spec, err := openapi3.NewLoader().LoadFromData(api.Document)
	require.NoError(t, err)
	texts := func(v any) (list []string) {
		for _, x := range v.([]any) {
			list = append(list, x.(string))
		}
		return list
	}
	var all []operation
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			o := operation{id: op.OperationID, method: method, path: path}
			o.doors, o.scopes = texts(op.Extensions["x-doors"]), texts(op.Extensions["x-scopes"])
			o.anonymous, _ = op.Extensions["x-anonymous"].(bool)
			all = append(all, o)
		}
	}
	require.Len(t, all, len(admitted), "an operation without a row here")
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return all
}

// admitted is what a caller who may call gets for a request without a body about something unknown: past the door's checks, and
// not through them by accident.
var admitted = map[string]int{
	"createFile": 415, "listFiles": 200, "getFile": 404, "deleteFile": 404, "getFileContent": 404,
	"createUpload": 404, "abortUpload": 404, "listUploadParts": 404, "completeUpload": 404,
	"createJobs": 415, "listJobs": 200, "getJob": 404, "listAttempts": 404, "cancelJob": 404, "retryJob": 404,
	"createLeases": 415, "getLeaseSource": 404, "putOutcome": 415, "postHeartbeat": 415,
	"getStats": 200, "listAgents": 200, "whoami": 200, "createToken": 415, "listTokens": 200, "revokeToken": 404,
	"getDocument": 200, "getHealth": 200, "getReadiness": 200,
}

// open tells what an operation answers whoever calls: the status of an anonymous one, want otherwise.
func (o operation) open(want int) int {
	if o.anonymous {
		return admitted[o.id]
	}
	return want
}

func (o operation) allows(scope api.Scope) bool {
	return o.anonymous || len(o.scopes) == 0 || len(o.scopes) == 1 && o.scopes[0] == string(scope)
}

// column is one way to call, and the status that each operation answers with.
type column struct {
	name string
	r    request
	want func(operation) int
}

var allScopes = []api.Scope{api.ScopeAdmin, api.ScopeFilesRead, api.ScopeFilesWrite, api.ScopeJobs}

const agentARN = "arn:aws:sts::123456789012:assumed-role/agent/1"

func (b *bundle) columns() []column {
	b.t.Helper()
	fixed := func(status int) func(operation) int { return func(o operation) int { return o.open(status) } }
	always := func(status int) func(operation) int { return func(operation) int { return status } }
	atGateway := func(o operation) int {
		switch {
		case !slices.Contains(o.doors, "gateway"):
			return 404
		case slices.Equal(o.scopes, []string{"admin"}):
			return 403
		}
		return admitted[o.id]
	}
	// Without a caller a request for nothing is still for nothing, and health is the load balancer's.
	nobody := func(o operation) int {
		switch {
		case o.id == "getHealth":
			return 200
		case !slices.Contains(o.doors, "gateway"):
			return 404
		}
		return 401
	}
	caller := func(values ...string) http.Header { return http.Header{"X-Gateway-Caller": values} }
	columns := []column{
		{"no token", request{token: "-"}, fixed(401)},
		{"wrong token", request{token: "wrong"}, fixed(401)},
		{"revoked", request{token: b.revoked()}, fixed(401)},
		{"expired", request{token: b.expired()}, fixed(401)},
		{"gateway header on 8080", request{header: caller(agentARN)}, always(400)},
		{"only gateway header on 8080", request{token: "-", header: caller(agentARN)}, always(400)},
		{"gateway", request{gateway: true}, atGateway},
		{"gateway, no caller", request{gateway: true, token: "-"}, nobody},
		{"gateway, bearer token", request{gateway: true, token: "-", header: http.Header{"Authorization": {"Bearer " + adminToken}}}, nobody},
		{"gateway, caller twice", request{gateway: true, header: caller(agentARN, agentARN)}, func(o operation) int {
			if !slices.Contains(o.doors, "gateway") {
				return 404
			}
			return 401
		}},
	}
	for _, scope := range allScopes {
		columns = append(columns, column{"scope " + string(scope), request{token: b.token(scope)}, func(o operation) int {
			if !o.allows(scope) {
				return 403
			}
			return admitted[o.id]
		}})
	}
	return columns
}

// revoked is a token with every scope that was in use, and is revoked.
func (b *bundle) revoked() string {
	b.t.Helper()
	var made api.CreatedToken
	b.call(201, "POST", "/v1/tokens", api.NewToken{Name: "revoked", Scopes: allScopes}, &made)
	b.do(200, request{method: "GET", path: "/v1/whoami", token: made.Token})
	b.call(204, "DELETE", "/v1/tokens/"+made.Info.Id, nil, nil)
	return made.Token
}

func (b *bundle) expired() string {
	b.t.Helper()
	text := "expired-" + uuid.NewString()
	_, err := b.store.CreateToken(b.t.Context(), backend.Token{
		Name: "expired", ExpiresAt: time.Now().Add(-time.Second), Scopes: []backend.Scope{backend.Admin, backend.FilesRead,
			backend.FilesWrite, backend.Jobs},
	}, sha256.Sum256([]byte(text)))
	require.NoError(b.t, err)
	return text
}

var parameterName = regexp.MustCompile(`\{\w+\}`)

func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	b := setup(t)
	columns := b.columns()
	cells := 0
	for _, op := range operations(t) {
		row := fmt.Sprintf("%-6s %-48s", op.method, op.path)
		for _, c := range columns {
			c.r.method = op.method
			c.r.path = parameterName.ReplaceAllStringFunc(op.path, func(string) string { return uuid.NewString() })
			got, err := b.send(c.r)
			require.NoError(t, err)
			if want := c.want(op); got.status != want {
				t.Errorf("%s %s, %s: want %d, got %d: %s", op.method, op.path, c.name, want, got.status, got.body)
			}
			row += fmt.Sprintf(" %d", got.status)
			cells++
		}
		t.Log(row)
	}
	require.Equal(t, 14*len(admitted), cells)
}

// Only the caller who holds a lease can use it, whatever door and scopes other callers have.
func TestAnotherCallersLease(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.submit(b.ready("f", []byte("content")))
	agent := uuid.NewString()
	holder := b.token(api.ScopeJobs)
	var list api.LeaseList
	b.do(200, request{method: "POST", path: "/v1/leases", token: holder, body: api.LeaseRequest{AgentId: agent, Max: 1}}).into(t, &list)
	require.Len(t, list.Leases, 1)
	id := list.Leases[0].LeaseId
	beat := api.Heartbeat{Leases: []api.LeaseProgress{{LeaseId: id, BytesDone: 3}}}
	released := api.Outcome{Status: api.OutcomeStatusReleased}
	heartbeat := func(r request) api.LeaseStatus {
		r.method, r.path, r.body = "POST", "/v1/agents/"+agent+"/heartbeats", beat
		var answer api.HeartbeatAnswer
		b.do(200, r).into(t, &answer)
		require.Len(t, answer.Leases, 1)
		return answer.Leases[0].Status
	}
	for name, other := range map[string]request{
		"another token": {token: b.token(api.ScopeJobs)},
		"the admin":     {},
		"the gateway":   {gateway: true},
	} {
		source, outcome, empty := other, other, other
		source.method, source.path = "GET", "/v1/leases/"+id+"/source"
		b.do(404, source)
		outcome.method, outcome.path, outcome.body = "PUT", "/v1/leases/"+id+"/outcome", released
		b.do(404, outcome)
		require.Equal(t, api.LeaseStatusLost, heartbeat(other), name)
		// Nor does a heartbeat in the agent's name that does not list the lease give it back.
		empty.method, empty.path, empty.body = "POST", "/v1/agents/"+agent+"/heartbeats", api.Heartbeat{Leases: []api.LeaseProgress{}}
		b.do(200, empty)
		// And asking for work in the agent's name does not hand it over.
		lease := other
		lease.method, lease.path, lease.body = "POST", "/v1/leases", api.LeaseRequest{AgentId: agent, Max: 1}
		var got api.LeaseList
		b.do(200, lease).into(t, &got)
		require.Empty(t, got.Leases, name)
	}
	require.Equal(t, api.LeaseStatusOk, heartbeat(request{token: holder}))
	b.do(200, request{method: "GET", path: "/v1/leases/" + id + "/source", token: holder})
	b.do(200, request{method: "PUT", path: "/v1/leases/" + id + "/outcome", token: holder, body: released})
}
