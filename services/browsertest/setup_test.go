//go:build browser

package browsertest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/httpapi"
	"scalable-backend/services/backend/objectstore"
	"scalable-backend/services/backend/postgres"
	"scalable-backend/services/internal/testenv"
)

const (
	adminToken = "an-admin-token-of-the-tests"
	// patience is how long a page may take to show something, on a machine that is busy with other tests.
	patience = 90 * time.Second
	// callTimeout bounds a call of the database.
	callTimeout = 10 * time.Second
)

// bundle is a backend on a database of its own, and a browser with a profile of its own.
type bundle struct {
	t        *testing.T
	store    *postgres.Store
	wire     *testenv.Wire // to the database
	url      string
	database string // past the wire
	tab      context.Context

	mu   sync.Mutex
	said []string // by the browser, about its pages
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t}
	address, err := url.Parse(testenv.Database(t))
	require.NoError(t, err)
	b.wire = testenv.NewWire(t, address.Host)
	b.database = address.String()
	address.Host = b.wire.Addr
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	b.store, err = postgres.Open(t.Context(), postgres.Options{
		URL: address.String(), MaxConns: 8, LeaseTTL: time.Minute, SweepInterval: time.Second, Logger: logger,
		CallTimeout: callTimeout, StatementTimeout: 9 * time.Second, AcquireTimeout: 8 * time.Second, // the machine may be busy
	})
	require.NoError(t, err)
	t.Cleanup(b.store.Close)
	require.NoError(t, b.store.Migrate(t.Context()))
	objects, err := objectstore.New(objectstore.Config{ // signs, and is never asked
		Bucket: "files", Region: "eu-central-1", Endpoint: "http://127.0.0.1:9",
		Credentials: credentials.NewStaticCredentialsProvider("k", "s", ""),
	})
	require.NoError(t, err)
	t.Cleanup(objects.Close)
	service := backend.NewService(b.store, objects, backend.ServiceConfig{LeaseTTL: time.Minute, Wake: b.store.Wake, Logger: logger})
	api, err := httpapi.New(httpapi.Config{Service: service, Secret: []byte(adminToken), RateLimit: 200, Version: "0.1.0", Logger: logger})
	require.NoError(t, err)
	server := httptest.NewServer(api.Public())
	t.Cleanup(server.Close)
	b.url = server.URL
	b.token(adminToken, "admin", backend.Admin, backend.FilesRead, backend.FilesWrite, backend.Jobs)
	b.open()
	return b
}

// open gives the test a tab in a profile of its own, and listens to what the browser says of its pages.
func (b *bundle) open() {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	b.t.Cleanup(cancel)
	b.tab = ctx
	require.NoError(b.t, chromedp.Do(ctx, chromedp.Navigate("about:blank"))) // the tab lives as long as the context of its first step
	messages := chromedp.Console(ctx)
	go func() {
		for message, err := range messages {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.said = append(b.said, message.String())
			b.mu.Unlock()
		}
	}()
}

// clean fails the test if a page broke its policy, or its script failed.
func (b *bundle) clean() {
	b.t.Helper()
	require.Empty(b.t, b.violations())
}

func (b *bundle) violations() (found []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.said {
		if strings.Contains(text, "Content Security Policy") || strings.Contains(text, "exception") || strings.Contains(text, "Uncaught") {
			found = append(found, text)
		}
	}
	return found
}

// do runs steps in the tab, each within the test's patience.
func (b *bundle) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for _, step := range steps {
		ctx, cancel := context.WithTimeout(b.tab, patience)
		err := chromedp.Do(ctx, step)
		cancel()
		if err != nil {
			b.t.Fatalf("%v; the page shows:\n%s", err, b.text())
		}
	}
}

// text is what the page shows.
func (b *bundle) text() string {
	ctx, cancel := context.WithTimeout(b.tab, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body ? document.title + '\\n' + document.body.innerText : ''"))
	if err != nil {
		return err.Error()
	}
	return text
}

// eval is the value of a JavaScript expression in the page.
func eval[T any](b *bundle, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	require.NoError(b.t, err, expression)
	return v
}

// await waits until a JavaScript expression is true. A page that is just changing has no value yet.
func (b *bundle) await(expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(b.tab, 5*time.Second)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		cancel()
		if err == nil && ok {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("it never came true: %s (%v); the page shows:\n%s", expression, err, b.text())
		}
	}
}

// awaitText waits until the page shows a text.
func (b *bundle) awaitText(text string) {
	b.t.Helper()
	b.await(fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

// visit opens a path, and signs in if that is asked for.
func (b *bundle) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
	if eval[bool](b, "!!document.getElementById('sign-in')") {
		b.signIn(adminToken)
	}
}

func (b *bundle) signIn(token string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.ID("token"), token+"\r"), chromedp.WaitReady(chromedp.CSS("header nav")))
}

// press clicks and waits for the page that it leads to.
func (b *bundle) press(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		b.t.Fatalf("pressing %s: %v; the page shows:\n%s", selector, err, b.text())
	}
}

func (b *bundle) token(secret, name string, scopes ...backend.Scope) {
	b.t.Helper()
	_, err := b.store.CreateToken(b.t.Context(), backend.Token{Name: name, Scopes: scopes}, sha256.Sum256([]byte(secret)))
	require.NoError(b.t, err)
}

// file makes a file that is ready.
func (b *bundle) file(name string, size int64) backend.File {
	b.t.Helper()
	digest := sha256.Sum256([]byte(name))
	f, err := b.store.CreateFile(b.t.Context(), backend.NewFile{
		Name: name, Size: size, SHA256: digest, PartSize: size, PartDigests: [][32]byte{digest},
	})
	require.NoError(b.t, err)
	u, err := b.store.CreateUpload(b.t.Context(), backend.Upload{FileID: f.ID, Key: "files/" + f.ID.String(), S3UploadID: "x"})
	require.NoError(b.t, err)
	f, _, err = b.store.CompleteUpload(b.t.Context(), u.ID, "v1")
	require.NoError(b.t, err)
	return f
}

// submit submits jobs of a file to destinations.
func (b *bundle) submit(f backend.File, dests ...string) (jobs []backend.Job) {
	b.t.Helper()
	var wanted []backend.NewJob
	for _, dest := range dests {
		wanted = append(wanted, backend.NewJob{FileID: f.ID, Dest: dest, MaxAttempts: 1})
	}
	submitted, err := b.store.SubmitJobs(b.t.Context(), wanted)
	require.NoError(b.t, err)
	for _, s := range submitted {
		jobs = append(jobs, s.Job)
	}
	return jobs
}

// agent claims what there is, up to a number of jobs.
func (b *bundle) agent(name string, most int) (backend.Claim, []backend.Lease) {
	b.t.Helper()
	c := backend.Claim{AgentID: uuid.NewSHA1(uuid.Nil, []byte(name)), Caller: "caller", Name: name, Version: "0.1.0", Max: most}
	leases, err := b.store.ClaimJobs(b.t.Context(), c)
	require.NoError(b.t, err)
	return c, leases
}

// die makes a dead job.
func (b *bundle) die(f backend.File, dest, problem string) backend.Job {
	b.t.Helper()
	job := b.submit(f, dest)[0]
	_, leases := b.agent("agent-7", 1)
	require.Len(b.t, leases, 1)
	require.Equal(b.t, job.ID, leases[0].Job.ID)
	job, err := b.store.FinishLease(b.t.Context(), leases[0].ID, "caller", backend.Outcome{
		Status: backend.Failed, Duration: 1234 * time.Millisecond, Problem: &backend.JobProblem{Title: problem, Detail: "after 3 tries"},
	})
	require.NoError(b.t, err)
	require.Equal(b.t, backend.JobDead, job.State)
	return job
}

func (b *bundle) state(id uuid.UUID) backend.JobState {
	b.t.Helper()
	job, err := b.store.GetJob(b.t.Context(), id)
	require.NoError(b.t, err)
	return job.State
}
