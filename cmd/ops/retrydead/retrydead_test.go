package retrydead

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
)

// api is the stack's API: dead jobs by id, the newest first, two on a page.
type api struct {
	mu      sync.Mutex
	jobs    []string                        // "id dest"
	answers map[string]func() (int, string) // of a retry, by id; none is 200
	retried []string
	headers []http.Header
	lists   []string
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.headers = append(a.headers, r.Header)
	if r.Method == http.MethodGet {
		a.lists = append(a.lists, r.URL.String())
		at, _ := strconv.Atoi(r.URL.Query().Get("page_token"))
		var out []string
		for _, j := range a.jobs[at:min(at+2, len(a.jobs))] {
			id, dest, _ := strings.Cut(j, " ")
			out = append(out, fmt.Sprintf(`{"id":%q,"dest":%q,"problem":{"title":"object is gone"}}`, id, dest))
		}
		next := ""
		if at+2 < len(a.jobs) {
			next = fmt.Sprintf(`,"next_page_token":"%d"`, at+2)
		}
		fmt.Fprintf(w, `{"jobs":[%s]%s}`, strings.Join(out, ","), next)
		return
	}
	id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/live/v1/jobs/"), "/retries")
	if answer := a.answers[id]; answer != nil {
		status, body := answer()
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return
	}
	a.retried = append(a.retried, id)
	fmt.Fprint(w, `{}`)
}

func newBench(t *testing.T, jobs ...string) (*opstest.Bench, *opstest.AWS, *api, []string) {
	t.Helper()
	a := opstest.NewAWS(t)
	b := opstest.NewBench(t, a)
	there := &api{jobs: jobs, answers: map[string]func() (int, string){}}
	server := httptest.NewServer(there)
	t.Cleanup(server.Close)
	dir := opstest.Project(t, "Pulumi.yaml", "name: scalable-backend\nruntime: go\n", "Pulumi.prod.yaml", "config:\n  aws:region: us-east-1\n",
		"outputs.json", `{"loadBalancerUrl":"`+server.URL+`/live","apiUrl":"`+server.URL+`/live","adminTokenSecretArn":"arn:token"}`)
	a.On("GetSecretValue", opstest.Answer{Body: `{"SecretString":"{\"token\":\"t0ken\"}"}`})
	return b, a, there, []string{"-C", dir, "-stack", "prod", "-outputs", filepath.Join(dir, "outputs.json")}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	b, _, there, args := newBench(t, "5 a/5", "4 b/4", "3 a/3", "2 a/2", "1 a/1")
	there.answers["2"] = func() (int, string) { return 409, `{"title":"Superseded","status":409}` }
	require.NoError(t, run(t.Context(), b.Env, append(args, "-yes", "-dest", "a/")))
	require.Equal(t, []string{"1", "3", "5"}, there.retried, "the oldest first")
	require.Equal(t, "4 jobs are dead:\n       4  object is gone\n3 queued again\n"+
		"1 stay dead: a newer job of the same destination is queued, leased or done, or they are not dead any more\n", b.Out.String())
	require.Equal(t, "Bearer t0ken", there.headers[0].Get("Authorization"))
	require.Len(t, there.lists, 3, "every page")
}

func TestThroughTheGateway(t *testing.T) {
	t.Parallel()
	b, a, there, args := newBench(t, "1 a/1")
	require.NoError(t, run(t.Context(), b.Env, append(args, "-yes", "-gateway", "-file", "f")))
	require.Equal(t, []string{"1"}, there.retried)
	require.Contains(t, there.headers[1].Get("Authorization"),
		"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260203/us-east-1/execute-api/aws4_request")
	require.Equal(t, "/live/v1/jobs?file_id=f&page_size=500&state=dead", there.lists[0])
	require.Empty(t, a.Calls("GetSecretValue"))
}

func TestAsks(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{"no\n": "nothing was changed", "": "nobody answers: -yes", "yes": "", "yes\n": ""} {
		b, _, there, args := newBench(t, "1 a/1")
		b.Stdin = strings.NewReader(answer)
		err := run(t.Context(), b.Env, args)
		if want == "" {
			require.NoError(t, err)
			require.Len(t, there.retried, 1)
			continue
		}
		require.ErrorContains(t, err, want)
		require.Empty(t, there.retried)
	}
}

func TestNothingDead(t *testing.T) {
	t.Parallel()
	b, _, _, args := newBench(t)
	require.NoError(t, run(t.Context(), b.Env, args))
	require.Equal(t, "no job is dead\n", b.Out.String())
}

func TestFailures(t *testing.T) {
	t.Parallel()
	// A busy backend is asked again after the time that it names.
	b, _, there, args := newBench(t, "2 a/2", "1 a/1")
	before := b.Clock.Now()
	tries := 0
	there.answers["1"] = func() (int, string) {
		if tries++; tries < 3 {
			return 503, `{"title":"Not now","status":503}`
		}
		return 200, `{}`
	}
	require.NoError(t, run(t.Context(), b.Env, append(args, "-yes")))
	require.InDelta(t, 14, b.Clock.Now().Sub(before).Seconds(), 0.1)
	require.Equal(t, []string{"2"}, there.retried)

	// One that stays busy ends it, and says what is left.
	b, _, there, args = newBench(t, "3 a/3", "2 a/2", "1 a/1")
	there.answers["2"] = func() (int, string) { return 503, `upstream` }
	err := run(t.Context(), b.Env, append(args, "-yes"))
	require.ErrorContains(t, err, "1 queued again, 2 left: run it again")
	require.ErrorContains(t, err, "503 Service Unavailable")
	require.Equal(t, command.Unfinished, command.Status(err))

	// A job that is gone is named, and the others go on.
	b, _, there, args = newBench(t, "2 a/2", "1 a/1")
	there.answers["1"] = func() (int, string) { return 404, `{"title":"Unknown job","status":404}` }
	err = run(t.Context(), b.Env, append(args, "-yes"))
	require.ErrorContains(t, err, "1 could not be queued")
	require.Equal(t, []string{"2"}, there.retried)
	require.Contains(t, b.Out.String(), "1 (a/1): 404 Unknown job")

	// The gateway's own refusal.
	b, _, there, args = newBench(t, "1 a/1")
	there.answers["1"] = func() (int, string) { return 403, `{"message":"User is not authorized"}` }
	err = run(t.Context(), b.Env, append(args, "-yes", "-gateway"))
	require.ErrorContains(t, err, "403 Forbidden: User is not authorized")

	b, a, _, args := newBench(t, "1 a/1")
	a.On("GetSecretValue", opstest.Answer{Body: `{"SecretString":"t0ken"}`})
	err = run(t.Context(), b.Env, append(args, "-yes"))
	require.EqualError(t, err, "the secret arn:token: want a JSON object with a token")
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	b, _, _, args := newBench(t)
	server := httptest.NewServer(nil)
	url := server.URL
	server.Close()
	dir := opstest.Project(t, "outputs.json", `{"loadBalancerUrl":"`+url+`","adminTokenSecretArn":"arn:token"}`)
	err := run(t.Context(), b.Env, append(args, "-outputs", filepath.Join(dir, "outputs.json")))
	require.ErrorContains(t, err, "is your address in compute.allowedCidrs? -gateway goes through API Gateway")
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	b, a, there, args := newBench(t, "1 a/1")
	require.NoError(t, run(t.Context(), b.Env, append(args, "-dry-run")))
	require.Empty(t, a.Calls())
	require.Empty(t, there.headers)
	text := strings.ReplaceAll(b.Out.String(), there.url(b), "https://backend.example.com")
	opstest.Golden(t, "dry-run.txt", text)
}

// url is the API's address, as the dry run prints it.
func (a *api) url(b *opstest.Bench) string {
	_, after, _ := strings.Cut(b.Out.String(), "GET ")
	before, _, _ := strings.Cut(after, "/live")
	return before + "/live"
}
