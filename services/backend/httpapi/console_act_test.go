package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

func (b *bundle) jobState(id string) api.JobState {
	b.t.Helper()
	var job api.Job
	b.call(200, "GET", "/v1/jobs/"+id, nil, &job)
	return job.State
}

func TestConsoleCancelsAndRetries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	job := b.submit(b.ready("a.bin", []byte("x")))[0].Job
	p := b.person(adminToken)
	one := func(do string) url.Values {
		return url.Values{"do": {do}, "id": {job.Id}, "back": {"/jobs?state=dead"}}
	}
	ask := p.post(200, "/jobs/act", one("cancel"))
	require.Contains(t, string(ask.body), "Cancel 1 job?", "what is lost is asked for first")
	require.Equal(t, api.JobStateQueued, b.jobState(job.Id))
	done := p.again(303, ask)
	require.Equal(t, "/jobs?did=cancelled&n=1&state=dead", done.header.Get("Location"))
	require.Equal(t, api.JobStateCancelled, b.jobState(job.Id))
	require.Contains(t, p.see(200, done.header.Get("Location")), "1 job is cancelled")

	p.post(303, "/jobs/act", one("retry"))
	require.Equal(t, api.JobStateQueued, b.jobState(job.Id))
	refused := p.post(409, "/jobs/act", one("retry"))
	require.Contains(t, string(refused.body), "the job is queued")
	text := p.see(200, "/jobs/"+job.Id)
	require.Contains(t, text, `title="token:00000000-0000-4000-8000-000000000001">admin<`, "the events tell who it was")
	require.Contains(t, p.see(200, "/tokens"), "job retried")
	p.post(400, "/jobs/act", url.Values{"do": {"retry"}})
	p.post(400, "/jobs/act", one("explode"))
	p.post(400, "/jobs/act", url.Values{"do": {"retry"}, "id": {"x"}})
}

func TestConsoleChangesAllThatMatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.ready("a.bin", []byte("x"))
	var jobs api.NewJobs
	for i := range 40 {
		dest := fmt.Sprintf("set-%d/%d", i%2, i)
		jobs.Jobs = append(jobs.Jobs, api.NewJob{FileId: file.Id, Dest: &dest})
	}
	b.call(201, "POST", "/v1/jobs", jobs, nil)
	p := b.person(adminToken)
	all := func(do, state string) url.Values {
		return url.Values{"do": {do}, "back": {"/jobs?text=set-1%2F&state=" + state}}
	}
	ask := p.post(200, "/jobs/act", all("cancel-all", ""))
	require.Contains(t, string(ask.body), "Cancel 20 jobs?")
	next := p.again(200, ask)
	require.Contains(t, string(next.body), "Go on", "what is in work is next")
	require.Contains(t, p.again(303, next).header.Get("Location"), "/jobs?")
	count := func(state backend.JobState) int {
		found, err := b.service.SearchJobs(t.Context(), backend.JobSearch{State: state}, backend.Page{Size: 100})
		require.NoError(t, err)
		return len(found.Items)
	}
	require.Equal(t, 20, count(backend.JobCancelled))
	ask = p.post(200, "/jobs/act", all("retry-all", "cancelled"))
	require.Contains(t, string(ask.body), "Retry 20 jobs?")
	require.Contains(t, p.again(303, ask).header.Get("Location"), "n=20")
	require.Equal(t, 40, count(backend.JobQueued))
	require.Contains(t, string(p.post(404, "/jobs/act", all("retry-all", "")).body), "no job matches")
	p.post(409, "/jobs/act", all("retry-all", "succeeded"))
	p.post(400, "/jobs/act", url.Values{"do": {"cancel-all"}, "confirmed": {"1"}}) // without a filter it would be everything

	// A file's name, and a whole id, lead to what they name.
	see := func(path string) string {
		return p.do(303, request{method: "GET", path: path, token: "-", header: http.Header{"Cookie": {p.cookie}}}).header.Get("Location")
	}
	require.Equal(t, "/jobs?file="+file.Id+"&state=queued", see("/jobs?state=queued&file=a.bin"))
	require.Contains(t, p.see(200, "/jobs?file="+file.Id), "Jobs of the file")
	require.Contains(t, p.see(404, "/jobs?file=nothing"), "no file has this name")
	require.Equal(t, "/files/"+file.Id, see("/files?text="+file.Id))
	p.see(400, "/jobs?after=x")
	p.see(400, "/jobs?state=asleep")
	p.see(400, "/jobs?text="+strings.Repeat("x", 101))

	// Selected ones, of which some are refused: the others are done, and each refusal has its reason.
	list := p.see(200, "/jobs")
	ids := regexp.MustCompile(`name="id" value="([^"]+)"`).FindAllStringSubmatch(list, -1)
	require.Len(t, ids, 25)
	form := url.Values{"do": {"cancel"}, "confirmed": {"1"}, "back": {"/jobs"}, "id": {ids[0][1], ids[1][1], uuid.NewString()}}
	result := string(p.post(200, "/jobs/act", form).body)
	require.Contains(t, result, "Cancel: 2 done, 1 refused")
	require.Contains(t, result, "no such job")
}

func TestConsoleDeletesAndRevokes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.ready("a.bin", []byte("x"))
	job := b.submit(file)[0].Job
	p := b.person(adminToken)
	content := p.do(303, request{method: "GET", path: "/files/" + file.Id + "/content", token: "-", header: http.Header{"Cookie": {p.cookie}}})
	require.Contains(t, content.header.Get("Location"), "X-Amz-Signature=")

	ask := p.post(200, "/files/"+file.Id+"/delete", url.Values{"back": {"/files"}})
	require.Contains(t, string(p.again(409, ask).body), "a job of the file is queued or leased")
	b.call(200, "PUT", "/v1/jobs/"+job.Id+"/cancellation", nil, nil)
	require.Equal(t, "/files?did=deleted&n=1", p.again(303, ask).header.Get("Location"))
	p.see(404, "/files/"+file.Id)

	p.post(422, "/tokens", url.Values{"name": {"x"}, "days": {"-1"}})
	p.post(422, "/tokens", url.Values{"name": {"x"}, "scope": {"root"}})
	made := string(p.post(200, "/tokens", url.Values{"name": {"reader"}, "scope": {"files:read"}, "days": {"7"}}).body)
	secret := regexp.MustCompile(`id="secret">(sbk_[^<]+)<`).FindStringSubmatch(made)[1]
	b.do(200, request{method: "GET", path: "/v1/files", token: secret})
	list := p.see(200, "/tokens")
	require.NotContains(t, list, secret, "it is shown once")
	id := regexp.MustCompile(`action="/tokens/([^/]+)/revoke"`).FindStringSubmatch(list)[1]
	ask = p.post(200, "/tokens/"+id+"/revoke", url.Values{})
	require.Contains(t, string(ask.body), "reader")
	p.again(303, ask)
	b.do(401, request{method: "GET", path: "/v1/files", token: secret})
	cookie := http.Header{"Cookie": {"backend-token=" + secret}}
	out := b.do(401, request{method: "GET", path: "/files", token: "-", header: cookie})
	require.Contains(t, string(out.body), "You were signed out")
	require.Contains(t, string(out.body), `name="next" value="/files"`)

	own := p.post(200, "/tokens/00000000-0000-4000-8000-000000000001/revoke", url.Values{})
	require.Contains(t, string(own.body), "you will be signed out")
	text := p.see(200, "/tokens")
	for _, action := range []string{"job cancelled", "file deleted", "token made", "token revoked"} {
		require.Contains(t, text, action)
	}
}

// No form changes anything without the proof of this very sign-in, without its scope, or from another site.
func TestConsoleRefusesForgedForms(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.ready("a.bin", []byte("x"))
	job := b.submit(file)[0].Job
	p := b.person(adminToken)
	other := b.person(b.token(api.ScopeJobs))
	forms := map[string]url.Values{
		"/jobs/act":                     {"do": {"cancel"}, "id": {job.Id}, "confirmed": {"1"}},
		"/files/" + file.Id + "/delete": {"confirmed": {"1"}},
		"/tokens":                       {"name": {"x"}, "scope": {"admin"}},
		"/tokens/" + uuid.NewString() + "/revoke": {"confirmed": {"1"}},
	}
	for path, form := range forms {
		for _, proof := range []string{"", " ", "x", other.proof} {
			header := http.Header{"Cookie": {p.cookie}, "Content-Type": {"application/x-www-form-urlencoded"}}
			form["proof"] = []string{proof}
			got := b.do(403, request{method: "POST", path: path, token: "-", header: header, body: []byte(form.Encode())})
			require.Contains(t, string(got.body), "this form is not of this sign-in")
		}
		header := http.Header{
			"Cookie": {p.cookie}, "Content-Type": {"application/x-www-form-urlencoded"},
			"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://x.example"},
		}
		form["proof"] = []string{p.proof}
		got := b.do(403, request{method: "POST", path: path, token: "-", header: header, body: []byte(form.Encode())})
		require.Contains(t, string(got.body), "another site")
		form.Del("proof")
		if path != "/jobs/act" {
			require.Contains(t, string(other.post(403, path, form).body), "This needs the scope")
		}
	}
	require.Equal(t, api.JobStateQueued, b.jobState(job.Id))
	// A form that comes when nobody is signed in leads to signing in, and back.
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	form := []byte("do=cancel&back=/jobs%3Fstate%3Ddead")
	got := b.do(200, request{method: "POST", path: "/jobs/act", token: "-", header: header, body: form})
	require.Contains(t, string(got.body), `name="next" value="/jobs?state=dead"`)
}

// lines keeps what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// Wrong tokens are limited for each address, and logged; right ones of the same address go on working.
func TestWrongTokensAreLimited(t *testing.T) {
	t.Parallel()
	log := &lines{}
	b := setup(t, func(o *options) { o.log = log })
	from := func(address string) http.Header { return http.Header{"X-Forwarded-For": {"203.0.113.9, " + address}} }
	begun := time.Now()
	last, before := b.untilRefused(request{method: "POST", path: "/sign-in", token: "-", body: []byte("token=wrong"), header: http.Header{
		"X-Forwarded-For": {"198.51.100.7"}, "Content-Type": {"application/x-www-form-urlencoded"},
	}})
	require.GreaterOrEqual(t, before, 10)
	require.LessOrEqual(t, float64(before), 11+time.Since(begun).Seconds()/6, "one more in 6 s")
	require.NotEmpty(t, last.header.Get("Retry-After"))
	require.Contains(t, string(last.body), "too many wrong tokens from this address")
	signIn(b, 401, "wrong", from("2001:db8::1"))

	b.do(200, request{method: "GET", path: "/v1/whoami", header: from("192.0.2.1")})
	b.untilRefused(request{method: "GET", path: "/v1/whoami", token: "guess", header: from("192.0.2.1")})
	b.do(200, request{method: "GET", path: "/v1/whoami", header: from("192.0.2.1")})
	b.do(401, request{method: "GET", path: "/v1/whoami", token: "guess", header: from("192.0.2.2")})
	signIn(b, 303, adminToken, from("192.0.2.1"))

	log.mu.Lock()
	defer log.mu.Unlock()
	text := log.text.String()
	require.Equal(t, before, strings.Count(text, `msg="wrong token" address=198.51.100.7 path=/sign-in`), "each that was looked up")
	require.Contains(t, text, "address=2001:db8::/64")
	require.Contains(t, text, "address=192.0.2.1 path=/v1/whoami")
	require.NotContains(t, text, "guess")
	require.NotContains(t, text, "203.0.113.9", "what a client says of itself does not count")
}

// Every page stays below 50 KB, with names as long and as hostile as they may be.
func TestConsolePageWeights(t *testing.T) {
	t.Parallel()
	b := setup(t)
	long := strings.Repeat(strings.Repeat("ש<&\"'", 30)+"/", 4)
	file := b.ready(long+"f", []byte("x"))
	var jobs api.NewJobs
	for i := range 60 {
		dest := fmt.Sprintf("%s%d", long, i)
		jobs.Jobs = append(jobs.Jobs, api.NewJob{FileId: file.Id, Dest: &dest})
	}
	b.call(201, "POST", "/v1/jobs", jobs, nil)
	for range 60 {
		b.lease(uuid.NewString(), 0)
		b.token(allScopes...)
	}
	p := b.person(adminToken)
	found, err := b.service.SearchJobs(t.Context(), backend.JobSearch{}, backend.Page{Size: 1})
	require.NoError(t, err)
	for _, path := range []string{
		"/", "/jobs", "/jobs/" + found.Items[0].ID.String(), "/files", "/files/" + file.Id, "/agents", "/tokens", "/nothing",
		"/jobs?file=" + file.Id, "/jobs?dest=" + url.QueryEscape(long+"7"), "/jobs?text=" + url.QueryEscape(long[:100]),
	} {
		got, err := b.send(request{method: "GET", path: path, token: "-", header: http.Header{"Cookie": {p.cookie}, "Accept": {"text/html"}}})
		require.NoError(t, err)
		t.Logf("%-8.8s %5.1f KB", path, float64(len(got.body))/1000)
		require.Less(t, len(got.body), 50_000, path)
		require.NotContains(t, string(got.body), `ש<&"'`)
	}
}
