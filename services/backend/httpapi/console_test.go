package httpapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
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

// person is a browser that has signed in.
type person struct {
	*bundle
	cookie string
	proof  string
}

func (b *bundle) person(token string) *person {
	b.t.Helper()
	pair, _, _ := strings.Cut(signIn(b, 303, token, nil).header.Get("Set-Cookie"), ";")
	p := &person{bundle: b, cookie: pair}
	p.proof = regexp.MustCompile(`name="proof" value="([^"]+)"`).FindStringSubmatch(p.see(200, "/"))[1]
	return p
}

// see reads a page.
func (p *person) see(want int, path string) string {
	p.t.Helper()
	header := http.Header{"Cookie": {p.cookie}, "Accept": {"text/html"}}
	return string(p.do(want, request{method: "GET", path: path, token: "-", header: header}).body)
}

// post sends a form, with the proof that it is of this sign-in.
func (p *person) post(want int, path string, form url.Values) reply {
	p.t.Helper()
	if form.Get("proof") == "" {
		form.Set("proof", p.proof)
	}
	header := http.Header{"Cookie": {p.cookie}, "Content-Type": {"application/x-www-form-urlencoded"}}
	return p.do(want, request{method: "POST", path: path, token: "-", header: header, body: []byte(form.Encode())})
}

// again sends the form of an answer, as it stands there, once more.
func (p *person) again(want int, answer reply) reply {
	p.t.Helper()
	form := regexp.MustCompile(`(?s)<form method="post" action="([^"]+)" class="actions">(.*?)</form>`).FindStringSubmatch(string(answer.body))
	require.NotNil(p.t, form, "%s", answer.body)
	values := url.Values{}
	for _, m := range regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(form[2], -1) {
		values.Add(m[1], html.UnescapeString(m[2]))
	}
	return p.post(want, form[1], values)
}

func TestConsoleSignIn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.ready("dir/<b>name</b>.bin", []byte("x"))
	b.submit(file)
	b.lease(uuid.NewString(), 0)

	form := b.do(200, request{method: "GET", path: "/jobs?state=dead&text=a%26b", token: "-"})
	require.Contains(t, string(form.body), `action="/sign-in"`)
	require.Contains(t, string(form.body), `name="next" value="/jobs?state=dead&amp;text=a%26b"`, "it leads back to where it was asked")
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
	page := b.do(200, request{method: "GET", path: "/jobs", token: "-", header: http.Header{"Cookie": {pair}}})
	text := string(page.body)
	require.Contains(t, text, "dir/&lt;b&gt;name&lt;/b&gt;.bin")
	require.NotContains(t, text, adminToken)
	require.Equal(t, "nosniff", page.header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", page.header.Get("Cache-Control"))
	// The policy lets in the very style and the very script that the page has, and nothing else.
	policy := page.header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.NotContains(t, policy, "unsafe")
	for _, name := range []string{"style", "script"} {
		found := regexp.MustCompile(`(?s)<`+name+`>(.*?)</`+name+`>`).FindAllStringSubmatch(text, -1)
		require.Len(t, found, 1)
		hash := sha256.Sum256([]byte(found[0][1]))
		require.Contains(t, policy, name+"-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"'")
	}

	out := b.do(303, request{method: "POST", path: "/sign-out", token: "-", header: http.Header{"Cookie": {pair}}})
	require.Contains(t, out.header.Get("Set-Cookie"), "Max-Age=0")
	signIn(b, 403, adminToken, http.Header{"Sec-Fetch-Site": {"cross-site"}})
	b.do(405, request{method: "GET", path: "/sign-in", token: "-"})
}

// A form leads back only to a page of this site.
func TestConsoleNeverLeadsElsewhere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for next, want := range map[string]string{
		"/jobs?state=dead": "/jobs?state=dead", "": "/", "https://evil.example/": "/", "//evil.example/": "/", "/\\evil.example": "/",
		"\\\\evil.example": "/", "/%2Fevil.example": "/", "javascript:alert(1)": "/", "/\tjobs": "/", "jobs": "/", "/a//b": "/a/b",
		"///evil.example": "/", "https:evil.example": "/", "/jobs#x": "/jobs", "/\r\nSet-Cookie: a=b": "/",
	} {
		header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		got := b.do(303, request{method: "POST", path: "/sign-in", token: "-", header: header,
			body: []byte(url.Values{"token": {adminToken}, "next": {next}}.Encode())})
		require.Equal(t, want, got.header.Get("Location"), next)
	}
}

func TestConsoleShowsWhatTheTokenMayRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.ready("file.bin", []byte("x"))
	job := b.submit(file)[0].Job
	paths := map[string]api.Scope{
		"/jobs": api.ScopeJobs, "/jobs/" + job.Id: api.ScopeJobs, "/agents": api.ScopeJobs,
		"/files": api.ScopeFilesRead, "/files/" + file.Id: api.ScopeFilesRead, "/tokens": api.ScopeAdmin,
	}
	for _, scope := range allScopes {
		p := b.person(b.token(scope))
		require.Contains(t, p.see(200, "/"), "jobs queued")
		for path, needed := range paths {
			if needed == scope {
				p.see(200, path)
				continue
			}
			text := p.see(403, path)
			require.Contains(t, text, "This needs the scope "+string(needed))
			require.Contains(t, text, "<b>"+string(scope)+"</b>", "it says what the token may")
			require.NotContains(t, text, "file.bin")
			require.Contains(t, text, "Sign out", "the error stands in the frame")
		}
	}
	require.Contains(t, b.person(adminToken).see(404, "/files/"+uuid.NewString()), "no such file")
	require.Contains(t, b.person(adminToken).see(404, "/nothing"), "there is nothing at this path")
	require.Contains(t, b.person(adminToken).see(405, "/sign-in"), "Method Not Allowed")
}

// The pages are at the load balancer's door alone, and programs get problem documents as before.
func TestConsoleIsAtOneDoor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{
		"/", "/jobs", "/jobs/" + uuid.NewString(), "/files", "/files/" + uuid.NewString(), "/files/" + uuid.NewString() + "/content",
		"/agents", "/tokens",
	} {
		b.do(404, request{gateway: true, method: "GET", path: path})
		b.do(404, request{gateway: true, method: "GET", path: "/live" + path, header: http.Header{"X-Gateway-Caller": {agentARN}}})
	}
	for _, path := range []string{"/sign-in", "/sign-out", "/jobs/act", "/tokens"} {
		b.do(404, request{gateway: true, method: "POST", path: path})
	}
	got := b.do(404, request{method: "GET", path: "/nothing"})
	require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
	got = b.do(401, request{method: "GET", path: "/v1/jobs", token: "-", header: http.Header{"Accept": {"text/html"}}})
	require.Equal(t, "application/problem+json", got.header.Get("Content-Type"), "the API's answers do not depend on who asks")
}

// A file's page has all versions of its name, who stored them, and its jobs; an agent's has what it works on.
func TestConsoleShowsFilesAndAgents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	older, newer := b.ready("film.mkv", []byte("old")), b.ready("film.mkv", []byte("newer"))
	b.submit(older)
	agent := uuid.NewString()
	lease := b.lease(agent, 0)[0]
	p := b.person(adminToken)
	work := p.see(200, "/agents?text="+agent)
	require.Contains(t, work, `<a href="/jobs/`+lease.Job.Id)
	require.Contains(t, p.see(200, "/jobs?state=leased&agent="+agent), lease.Job.Id)
	digest := hexDigest([]byte("old"))
	outcome := api.Outcome{Status: api.OutcomeStatusSucceeded, Sha256: &digest, Bytes: new(int64(3)), Ms: new(int64(5))}
	b.call(200, "PUT", "/v1/leases/"+lease.LeaseId+"/outcome", outcome, nil)
	text := p.see(200, "/files/"+older.Id)
	require.Contains(t, text, newer.Id)
	require.Contains(t, text, "this one")
	require.Contains(t, text, digest)
	require.Contains(t, text, lease.Job.Id)
	require.Contains(t, text, agent[:8])
	require.Contains(t, p.see(200, "/files?name=film.mkv&state=ready"), older.Id)
	require.NotContains(t, p.see(200, "/files?text="+digest[:10]), newer.Id)
}
