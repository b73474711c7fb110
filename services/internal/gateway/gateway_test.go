package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"
)

var agent = Identity{
	ARN:         "arn:aws:sts::000000000000:assumed-role/agents/one",
	Credentials: aws.Credentials{AccessKeyID: "AKIAONE", SecretAccessKey: "secret"},
}

func signed(t *testing.T, url, body string, c aws.Credentials, at time.Time) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	sum := sha256.Sum256([]byte(body))
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), c, r, hex.EncodeToString(sum[:]), "execute-api", "us-east-1", at))
	return r
}

func TestGateway(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen-Caller", strings.Join(r.Header.Values(CallerHeader), "|"))
		w.Header().Set("X-Seen-Authorization", r.Header.Get("Authorization"))
		_, _ = w.Write(body)
	}))
	t.Cleanup(backend.Close)
	dead := "127.0.0.1:1" // nothing listens there: the balancer passes it over
	balancer := NewBalancer(dead, strings.TrimPrefix(backend.URL, "http://"))
	server := httptest.NewServer(&Handler{Region: "us-east-1", Identities: []Identity{agent}, Next: balancer})
	t.Cleanup(server.Close)
	now := time.Now()
	stranger := aws.Credentials{AccessKeyID: "AKIATWO", SecretAccessKey: "secret"}
	liar := aws.Credentials{AccessKeyID: "AKIAONE", SecretAccessKey: "guess"}

	cases := map[string]struct {
		request func() *http.Request
		status  int
	}{
		"signed": {func() *http.Request {
			return signed(t, server.URL+"/live/v1/leases?x=1&a=b%20c", `{"a":1}`, agent.Credentials, now)
		}, 200},
		"identity sent by the client is overwritten": {func() *http.Request {
			r := signed(t, server.URL+"/live/v1/leases", `{"a":1}`, agent.Credentials, now)
			r.Header[CallerHeader] = []string{"arn:aws:iam::000000000000:root", "another"}
			return r
		}, 200},
		"wrong secret": {func() *http.Request { return signed(t, server.URL+"/", `{"a":1}`, liar, now) }, 403},
		"unknown key":  {func() *http.Request { return signed(t, server.URL+"/", `{"a":1}`, stranger, now) }, 403},
		"old": {func() *http.Request {
			return signed(t, server.URL+"/", `{"a":1}`, agent.Credentials, now.Add(-6*time.Minute))
		}, 403},
		"another body": {func() *http.Request {
			r := signed(t, server.URL+"/", `{"a":1}`, agent.Credentials, now)
			r.Body = io.NopCloser(strings.NewReader(`{"a":2}`))
			return r
		}, 403},
		"another path": {func() *http.Request {
			r := signed(t, server.URL+"/live/v1/stats", `{"a":1}`, agent.Credentials, now)
			r.URL.Path = "/live/v1/jobs"
			return r
		}, 403},
		"not signed": {func() *http.Request {
			r, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(`{"a":1}`))
			require.NoError(t, err)
			return r
		}, 403},
		"too large": {func() *http.Request {
			return signed(t, server.URL+"/", string(bytes.Repeat([]byte("x"), maxBody+1)), agent.Credentials, now)
		}, 413},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, err := http.DefaultClient.Do(c.request())
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, c.status, resp.StatusCode, string(body))
			if c.status != http.StatusOK {
				require.Contains(t, string(body), `"message"`)
				return
			}
			require.Equal(t, `{"a":1}`, string(body))
			require.Equal(t, agent.ARN, resp.Header.Get("X-Seen-Caller"))
			require.Empty(t, resp.Header.Get("X-Seen-Authorization"))
		})
	}
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
		resp, err := http.Get(front.URL)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		seen[string(body)]++
	}
	require.Equal(t, map[string]int{"a": 5, "b": 5}, seen)
}
