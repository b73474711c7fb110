package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
)

func TestDoors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	caller := func(values ...string) http.Header { return http.Header{"X-Gateway-Caller": values} }
	cases := map[string]struct {
		r    request
		want int
	}{
		"gateway":                    {request{gateway: true, path: "/v1/whoami"}, 200},
		"gateway with stage":         {request{gateway: true, path: "/live/v1/whoami"}, 200},
		"gateway with another stage": {request{gateway: true, path: "/dead/v1/whoami"}, 404},
		"gateway with stage twice":   {request{gateway: true, path: "/live/live/v1/whoami"}, 404},
		"gateway, header twice":      {request{gateway: true, path: "/v1/whoami", header: caller("a", "b")}, 401},
		"gateway, header empty":      {request{gateway: true, path: "/v1/whoami", header: caller("")}, 401},
		"gateway, header missing":    {request{gateway: true, path: "/v1/whoami", token: "-"}, 401},
		"gateway, bearer token only": {
			request{gateway: true, path: "/v1/whoami", token: "-", header: http.Header{"Authorization": {"Bearer " + adminToken}}},
			401,
		},
		"gateway, page":                  {request{gateway: true, path: "/"}, 404},
		"gateway, health check":          {request{gateway: true, path: "/healthz", token: "-"}, 200},
		"gateway, health for a caller":   {request{gateway: true, path: "/healthz"}, 404},
		"public with the gateway header": {request{path: "/v1/whoami", header: caller("arn:aws:iam::1:user/x")}, 400},
		"public health with the header":  {request{path: "/healthz", header: caller("x")}, 400},
		"public with stage":              {request{path: "/live/v1/whoami"}, 404},
		"two authorizations": {
			request{path: "/v1/whoami", token: "-", header: http.Header{"Authorization": {"Bearer " + adminToken, "Bearer " + adminToken}}},
			401,
		},
		"basic": {
			request{path: "/v1/whoami", token: "-", header: http.Header{"Authorization": {"Basic " + adminToken}}},
			401,
		},
		"lower case scheme": {
			request{path: "/v1/whoami", token: "-", header: http.Header{"Authorization": {"bearer " + adminToken}}},
			200,
		},
		"cookie is for the page alone": {
			request{path: "/v1/whoami", token: "-", header: http.Header{"Cookie": {"backend-token=" + adminToken}}},
			401,
		},
		"trailing slash": {request{path: "/v1/files/"}, 404},
		"double slash":   {request{path: "//v1/files"}, 404},
		"dots":           {request{path: "/v1/jobs/../files"}, 404},
		"encoded dots":   {request{path: "/v1/jobs/%2e%2e/files"}, 404},
	}
	for name, c := range cases {
		c.r.method = "GET"
		got, err := b.send(c.r)
		require.NoError(t, err)
		require.Equal(t, c.want, got.status, "%s: %s", name, got.body)
		if got.status == 401 {
			require.Contains(t, got.header.Get("WWW-Authenticate"), "Bearer")
		}
	}

	var who api.Caller
	b.do(200, request{gateway: true, method: "GET", path: "/live/v1/whoami"}).into(t, &who)
	require.Equal(t, api.Caller{Id: "arn:aws:sts::123456789012:assumed-role/agent/1", Door: api.CallerDoorGateway,
		Scopes: []api.Scope{api.ScopeFilesRead, api.ScopeFilesWrite, api.ScopeJobs}}, who)
	made := b.do(201, request{gateway: true, method: "POST", path: "/live/v1/files", body: describe("f", nil)})
	require.Regexp(t, "^/live/v1/files/", made.header.Get("Location"))
}

func TestTokens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var made api.CreatedToken
	answer := b.call(201, "POST", "/v1/tokens", api.NewToken{Name: "reader", Scopes: []api.Scope{api.ScopeFilesRead}}, &made)
	require.Equal(t, "/v1/tokens/"+made.Info.Id, answer.header.Get("Location"))
	b.do(200, request{method: "GET", path: "/v1/files", token: made.Token})
	var page api.TokenPage
	list := b.call(200, "GET", "/v1/tokens", nil, &page)
	require.Len(t, page.Tokens, 2)
	require.NotContains(t, string(list.body), made.Token)
	require.False(t, strings.Contains(string(list.body), "hash"))
	b.call(204, "DELETE", "/v1/tokens/"+made.Info.Id, nil, nil)
	b.do(401, request{method: "GET", path: "/v1/files", token: made.Token})
	b.call(404, "DELETE", "/v1/tokens/"+uuid.NewString(), nil, nil)
	b.call(422, "POST", "/v1/tokens", map[string]any{"name": "x", "scopes": []string{"jobs"}, "expires_at": "2001-01-01T00:00:00Z"}, nil)
}

// untilRefused sends a request again and again until its limit is reached. It does not look at the answers, so as to be faster than the
// limit on a busy machine, too. It returns the refusal, and how many requests came before it.
func (b *bundle) untilRefused(r request) (refusal reply, before int) {
	b.t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	plain := *b
	plain.client = &http.Client{Transport: transport}
	for ; before < 2000; before++ {
		got, err := plain.send(r)
		require.NoError(b.t, err)
		if got.status == 429 {
			return got, before
		}
	}
	b.t.Fatalf("%s %s has no limit", r.method, r.path)
	return reply{}, 0
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *options) { o.rateLimit = 1 })
	other := b.token(api.ScopeJobs) // one of the admin's two
	b.untilRefused(request{method: "GET", path: "/v1/whoami"})
	b.do(200, request{method: "GET", path: "/v1/whoami", token: other})
	b.do(200, request{method: "GET", path: "/healthz", token: "-"})
}
