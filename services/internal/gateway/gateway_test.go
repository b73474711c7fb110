package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/backend/config"
)

var agent = Identity{
	ARN:             "arn:aws:sts::000000000000:assumed-role/agents/one",
	AccessKeyID:     "ASIAONE",
	SecretAccessKey: "secret",
	SessionToken:    "token",
}

func (i Identity) credentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: i.AccessKeyID, SecretAccessKey: i.SecretAccessKey, SessionToken: i.SessionToken}
}

func newRequest(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func signAs(t *testing.T, r *http.Request, body string, i Identity, at time.Time) *http.Request {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), i.credentials(), r, hex.EncodeToString(sum[:]), "execute-api", "us-east-1", at))
	return r
}

// seen is what a backend that echoes got.
type seen struct {
	Method, Target, Host, Body string
	Header                     http.Header
}

func echo(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.Header().Set("Location", "/live/v1/files/1")
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(seen{r.Method, r.RequestURI, r.Host, string(body), r.Header})
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// planned is a gateway with the document of the plan, before backends.
func planned(t *testing.T, link http.RoundTripper, change func([]byte) []byte) *httptest.Server {
	t.Helper()
	document, err := Planned("dev")
	require.NoError(t, err)
	if change != nil {
		document = change(document)
	}
	h, err := New(Config{Document: document, Stage: "live", Region: "us-east-1", Identities: []Identity{agent}, Link: link})
	require.NoError(t, err)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func send(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

func TestPassesOnAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	dead := "127.0.0.1:1" // nothing listens there: the balancer passes it over
	server := planned(t, NewBalancer(dead, echo(t)), nil)
	r := newRequest(t, "GET", server.URL+"/live/v1/files/f-1/uploads/u%20%2F1/parts?page_size=2&x=%C3%A4", "")
	r.Header.Set("Idempotency-Key", "k")
	r = signAs(t, r, "", agent, time.Now())
	// Whoever says who it is is not believed. These are not signed.
	r.Header[config.CallerHeader] = []string{"arn:aws:iam::000000000000:root", "another"}
	r.Header["X-Gateway-Request-Id"] = []string{"mine"}
	r.Header.Set("Connection", "X-Dropped")
	r.Header.Set("X-Dropped", "1")
	resp, text := send(t, r)
	require.Equal(t, http.StatusAccepted, resp.StatusCode, text)
	require.Equal(t, "/live/v1/files/1", resp.Header.Get("Location"))
	require.Empty(t, resp.Header.Get("WWW-Authenticate"))
	require.Equal(t, "Bearer", resp.Header.Get("X-Amzn-Remapped-WWW-Authenticate"))

	var got seen
	require.NoError(t, json.Unmarshal([]byte(text), &got))
	require.Equal(t, "GET", got.Method)
	require.Equal(t, "/v1/files/f-1/uploads/u%20%2F1/parts?page_size=2&x=%C3%A4", got.Target, "the stage is not passed on")
	require.Contains(t, got.Host, ":8081", "the integration's address")
	require.Equal(t, []string{agent.ARN}, got.Header.Values(config.CallerHeader))
	require.Equal(t, []string{resp.Header.Get("X-Amzn-Requestid")}, got.Header.Values("X-Gateway-Request-Id"))
	require.Equal(t, "k", got.Header.Get("Idempotency-Key"))
	require.Regexp(t, "^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$", got.Header.Get("X-Amzn-Trace-Id"))
	for _, name := range []string{"Authorization", "X-Amz-Security-Token", "X-Dropped"} {
		require.Empty(t, got.Header.Values(name), name)
	}
}

const lease = `{"agent_id":"00000000-0000-4000-8000-000000000001","max":1}`

func TestRefusals(t *testing.T) {
	t.Parallel()
	backend := echo(t)
	server := planned(t, NewBalancer(backend), nil)
	now := time.Now()
	post := func(path, body string) *http.Request { return newRequest(t, "POST", server.URL+path, body) }
	leases := func(i Identity, at time.Time) *http.Request {
		return signAs(t, post("/live/v1/leases", lease), lease, i, at)
	}
	with := func(change func(*Identity)) Identity { i := agent; change(&i); return i }
	with2 := func(r *http.Request, change func(*http.Request)) *http.Request { change(r); return r }
	big := strings.Repeat("x", maxBody+1)
	const wrongSignature = "The request signature we calculated does not match"
	const noSuchToken = "The security token included in the request is invalid."
	const missing = "Missing Authentication Token"
	cases := map[string]struct {
		r      *http.Request
		status int
		says   string
	}{
		"right":      {leases(agent, now), 202, ""},
		"not signed": {post("/live/v1/leases", lease), 403, missing},
		"bearer token": {
			with2(post("/live/v1/leases", lease), func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }),
			403,
			"Authorization header requires",
		},
		"no such path":        {signAs(t, post("/live/v1/nothing", lease), lease, agent, now), 403, missing},
		"no such method":      {signAs(t, newRequest(t, "PUT", server.URL+"/live/v1/leases", lease), lease, agent, now), 403, missing},
		"not of this door":    {signAs(t, newRequest(t, "GET", server.URL+"/live/v1/tokens", ""), "", agent, now), 403, missing},
		"the page":            {signAs(t, newRequest(t, "GET", server.URL+"/live/", ""), "", agent, now), 403, missing},
		"without the stage":   {signAs(t, post("/v1/leases", lease), lease, agent, now), 403, missing},
		"another stage":       {signAs(t, post("/dead/v1/leases", lease), lease, agent, now), 403, missing},
		"wrong secret":        {leases(with(func(i *Identity) { i.SecretAccessKey = "guess" }), now), 403, wrongSignature},
		"unknown key":         {leases(with(func(i *Identity) { i.AccessKeyID = "ASIATWO" }), now), 403, noSuchToken},
		"no session token":    {leases(with(func(i *Identity) { i.SessionToken = "" }), now), 403, noSuchToken},
		"other session token": {leases(with(func(i *Identity) { i.SessionToken = "other" }), now), 403, noSuchToken},
		"old":                 {leases(agent, now.Add(-6*time.Minute)), 403, "Signature expired"},
		"from the future":     {leases(agent, now.Add(6*time.Minute)), 403, "Signature expired"},
		"another body": {
			with2(leases(agent, now), func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(strings.Replace(lease, "1}", "2}", 1))) }),
			403,
			wrongSignature,
		},
		"another path":      {with2(leases(agent, now), func(r *http.Request) { r.URL.Path = "/live/v1/jobs" }), 403, wrongSignature},
		"against the model": {signAs(t, post("/live/v1/leases", `{"max":99}`), `{"max":99}`, agent, now), 400, "Invalid request body"},
		"no JSON":           {signAs(t, post("/live/v1/leases", `{`), `{`, agent, now), 400, "Invalid request body"},
		"too large":         {signAs(t, post("/live/v1/leases", big), big, agent, now), 413, "exceeded 10485760 bytes"},
		"signature twice": {
			with2(leases(agent, now), func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }),
			403,
			"Authorization header requires",
		},
		"another service": {
			with2(leases(agent, now), func(r *http.Request) { replaceAuthorization(r, "execute-api", "s3") }),
			403,
			"correct service",
		},
		"another region": {
			with2(leases(agent, now), func(r *http.Request) { replaceAuthorization(r, "us-east-1", "us-east-2") }),
			403,
			"valid region",
		},
		"fewer signed headers": {
			with2(leases(agent, now), func(r *http.Request) { replaceAuthorization(r, "host;", "") }),
			403,
			"Authorization header requires",
		},
	}
	for name, c := range cases {
		resp, text := send(t, c.r)
		require.Equal(t, c.status, resp.StatusCode, "%s: %s", name, text)
		if c.status < 300 {
			continue
		}
		var p api.Problem
		require.NoError(t, json.Unmarshal([]byte(text), &p), name)
		require.NotNil(t, p.Detail, name)
		require.Contains(t, *p.Detail, c.says, name)
		require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"), "the form that the document gives it")
		require.Equal(t, resp.Header.Get("X-Amzn-Requestid"), *p.TraceId)
	}
}

func replaceAuthorization(r *http.Request, from, to string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
}

// Without an entry in the document, errors have the gateway's own form, which is no problem document.
func TestOwnForm(t *testing.T) {
	t.Parallel()
	server := planned(t, NewBalancer("127.0.0.1:1"), func(document []byte) []byte {
		var d map[string]any
		require.NoError(t, json.Unmarshal(document, &d))
		delete(d, "x-amazon-apigateway-gateway-responses")
		text, err := json.Marshal(d)
		require.NoError(t, err)
		return text
	})
	resp, text := send(t, newRequest(t, "GET", server.URL+"/live/v1/nothing", ""))
	require.Equal(t, 403, resp.StatusCode)
	require.Equal(t, `{"message":"Missing Authentication Token"}`, text)
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	resp, text = send(t, signAs(t, newRequest(t, "POST", server.URL+"/live/v1/leases", lease), lease, agent, time.Now()))
	require.Equal(t, 504, resp.StatusCode)
	require.Equal(t, `{"message":"Network error communicating with endpoint"}`, text)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestLimits(t *testing.T) {
	t.Parallel()
	limit := make(chan time.Duration, 1)
	hang := roundTripper(func(r *http.Request) (*http.Response, error) {
		deadline, _ := r.Context().Deadline()
		limit <- time.Until(deadline)
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	request := func(s *httptest.Server) *http.Request {
		return signAs(t, newRequest(t, "POST", s.URL+"/live/v1/leases", lease), lease, agent, time.Now())
	}
	slow := planned(t, hang, func(d []byte) []byte {
		return bytes.ReplaceAll(d, []byte(`"timeoutInMillis": 29000`), []byte(`"timeoutInMillis": 100`))
	})
	resp, text := send(t, request(slow))
	require.Equal(t, 504, resp.StatusCode, text)
	require.Contains(t, text, "Endpoint request timed out")
	require.LessOrEqual(t, <-limit, 100*time.Millisecond)

	large := planned(t, roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(strings.Repeat("x", maxBody+1)))}, nil
	}), nil)
	resp, text = send(t, request(large))
	require.Equal(t, 500, resp.StatusCode)
	require.Contains(t, text, "Internal server error")
}

// A document that asks for what this gateway does not do is refused as a whole.
func TestDocumentsThatAreRefused(t *testing.T) {
	t.Parallel()
	document, err := Planned("prod")
	require.NoError(t, err)
	for from, to := range map[string]string{
		`"AWS_IAM"`:                        `"NONE"`,
		`"awsSigv4"`:                       `"custom"`,
		`"http_proxy"`:                     `"http"`,
		`"VPC_LINK"`:                       `"INTERNET"`,
		`"context.identity.userArn"`:       `"context.identity.user"`,
		`"timeoutInMillis": 29000`:         `"timeoutInMillis": 30000`,
		`"when_no_match"`:                  `"never"`,
		`"method.request.path.file_id"`:    `"method.request.path.id"`,
		`integration.request.path.file_id`: `integration.request.querystring.file_id`,
		`"passthroughBehavior"`:            `"passthrough"`,
	} {
		changed := bytes.ReplaceAll(document, []byte(from), []byte(to))
		require.NotEqual(t, document, changed, from)
		_, err := New(Config{Document: changed, Stage: "live", Region: "us-east-1", Link: http.DefaultTransport})
		require.ErrorContains(t, err, "reading the gateway's document", from)
	}
	_, err = New(Config{Document: document, Stage: "live", Region: "us-east-1", Link: http.DefaultTransport})
	require.NoError(t, err)
	_, err = bodyOf([]byte(`{"resources":[]}`), "x")
	require.ErrorContains(t, err, "want one API, got 0")
	_, err = bodyOf([]byte(`{"resources":[{"type":"aws:apigateway/restApi:RestApi","inputs":{"body":"(output)"}}]}`), "x")
	require.ErrorContains(t, err, "no document")
}

func TestBalancerTakesTurns(t *testing.T) {
	t.Parallel()
	var hosts []string
	for _, name := range []string{"a", "b"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }))
		t.Cleanup(s.Close)
		hosts = append(hosts, strings.TrimPrefix(s.URL, "http://"))
	}
	front := httptest.NewServer(NewBalancer(hosts...))
	t.Cleanup(front.Close)
	seen := map[string]int{}
	for range 10 {
		_, body := send(t, newRequest(t, "GET", front.URL, ""))
		seen[body]++
	}
	require.Equal(t, map[string]int{"a": 5, "b": 5}, seen)
}

func TestLiteralSegmentsGoFirst(t *testing.T) {
	t.Parallel()
	split := func(path string) []string { return strings.Split(path, "/") }
	general, special := &operation{method: "GET", segments: split("/a/{x}")}, &operation{method: "GET", segments: split("/a/b")}
	for _, d := range []*document{{operations: []*operation{general, special}}, {operations: []*operation{special, general}}} {
		found, values := d.find("GET", "/a/b")
		require.Same(t, special, found)
		require.Empty(t, values)
		found, values = d.find("GET", "/a/c")
		require.Same(t, general, found)
		require.Equal(t, map[string]string{"x": "c"}, values)
		found, _ = d.find("GET", "/a/")
		require.Nil(t, found)
	}
}
