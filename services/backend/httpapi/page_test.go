package httpapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
)

func signIn(b *bundle, want int, token string, header http.Header) reply {
	b.t.Helper()
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for k, v := range header {
		h[k] = v
	}
	return b.do(want, request{method: "POST", path: "/sign-in", token: "-", header: h, body: []byte(url.Values{"token": {token}}.Encode())})
}

func TestPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.ready("dir/<b>name</b>.bin", []byte("x"))
	b.submit(file)
	b.lease(uuid.NewString(), 0)

	form := b.do(200, request{method: "GET", path: "/", token: "-"})
	require.Contains(t, string(form.body), `action="/sign-in"`)
	require.NotContains(t, string(form.body), "name.bin")
	require.Contains(t, string(signIn(b, 401, "wrong", nil).body), "unknown, revoked or expired")

	in := signIn(b, 303, adminToken, nil)
	cookie := in.header.Get("Set-Cookie")
	require.Contains(t, cookie, "HttpOnly")
	require.Contains(t, cookie, "SameSite=Strict")
	require.NotContains(t, cookie, "Secure")
	secure := signIn(b, 303, adminToken, http.Header{"X-Forwarded-Proto": {"https"}}).header.Get("Set-Cookie")
	require.Contains(t, secure, "Secure")
	require.True(t, strings.HasPrefix(secure, "__Host-"))

	pair, _, _ := strings.Cut(cookie, ";")
	page := b.do(200, request{method: "GET", path: "/", token: "-", header: http.Header{"Cookie": {pair}}})
	text := string(page.body)
	require.Contains(t, text, "dir/&lt;b&gt;name&lt;/b&gt;.bin")
	require.Contains(t, text, `http-equiv="refresh"`)
	require.NotContains(t, text, "<script")
	require.NotContains(t, text, adminToken)
	require.Equal(t, "nosniff", page.header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", page.header.Get("Cache-Control"))
	// The policy lets in the very style that the page has.
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(text)
	hash := sha256.Sum256([]byte(style[1]))
	require.Contains(t, page.header.Get("Content-Security-Policy"), "'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"'")

	out := b.do(303, request{method: "POST", path: "/sign-out", token: "-", header: http.Header{"Cookie": {pair}}})
	require.Contains(t, out.header.Get("Set-Cookie"), "Max-Age=0")
	signIn(b, 403, adminToken, http.Header{"Sec-Fetch-Site": {"cross-site"}})
	b.do(405, request{method: "GET", path: "/sign-in", token: "-"})
}

func TestPageShowsWhatTheTokenMayRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.submit(b.ready("file.bin", []byte("x")))
	show := func(scope api.Scope) string {
		header := http.Header{"Cookie": {"backend-token=" + b.token(scope)}}
		return string(b.do(200, request{method: "GET", path: "/", token: "-", header: header}).body)
	}
	files, jobs, neither := show(api.ScopeFilesRead), show(api.ScopeJobs), show(api.ScopeFilesWrite)
	require.Contains(t, files, "Latest files")
	require.NotContains(t, files, "Latest jobs")
	require.Contains(t, jobs, "Latest jobs")
	require.NotContains(t, jobs, "Latest files")
	require.NotContains(t, neither, "file.bin")
	require.Contains(t, neither, "jobs queued")
}
