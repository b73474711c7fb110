//go:build browser

package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

func TestSignInFilterAndRetry(t *testing.T) {
	b := setup(t)
	f := b.file("film.mkv", 1000)
	job := b.die(f, "films/a.mkv", "the disk is full")
	b.die(f, "films/b.mkv", "the digest is wrong")

	b.do(chromedp.Navigate(b.url + "/jobs?state=dead"))
	b.do(chromedp.SendKeys(chromedp.ID("token"), "wrong\r"))
	b.awaitText("unknown, revoked or expired")
	b.signIn(adminToken)
	b.awaitText("films/b.mkv")
	require.Equal(t, "/jobs?state=dead", eval[string](b, "location.pathname + location.search"), "signing in leads back to where it was asked")

	b.do(chromedp.SendKeys(chromedp.ID("text"), "DISK IS\r"))
	b.await("!document.body.innerText.includes('films/b.mkv')")
	b.awaitText("films/a.mkv")
	b.press(`tbody a[href^="/jobs/"]`)
	b.awaitText("the disk is full")
	b.awaitText("after 3 tries")
	b.press(`button[value=retry]`)
	b.awaitText("1 job is queued again.")
	require.Equal(t, backend.JobQueued, b.state(job.ID))
	b.await("!location.search.includes('did=')")
	b.awaitText("admin") // who it was, among the events
	b.clean()
}

func TestCancelARunningJob(t *testing.T) {
	b := setup(t)
	job := b.submit(b.file("film.mkv", 1000), "films/a.mkv")[0]
	claim, leases := b.agent("agent-1", 1)
	_, err := b.store.Heartbeat(t.Context(), claim, []backend.Progress{{LeaseID: leases[0].ID, BytesDone: 370}})
	require.NoError(t, err)
	b.visit("/jobs/" + job.ID.String())
	require.Equal(t, 37, eval[int](b, "document.querySelector('progress').value"))
	b.press(`button[value=cancel]`)
	b.awaitText("Cancel 1 job?")
	require.Equal(t, backend.JobLeased, b.state(job.ID))
	b.press(`button.danger`)
	b.awaitText("its agent has been asked to stop")
	statuses, err := b.store.Heartbeat(t.Context(), claim, []backend.Progress{{LeaseID: leases[0].ID, BytesDone: 400}})
	require.NoError(t, err)
	require.Equal(t, backend.LeaseCancel, statuses[0])
	_, err = b.store.FinishLease(t.Context(), leases[0].ID, "caller", backend.Outcome{Status: backend.Released})
	require.NoError(t, err)
	b.await("document.querySelector('.facts .state').textContent === 'cancelled'") // by itself
	b.clean()
}

func TestOutageAndRecovery(t *testing.T) {
	b := setup(t)
	b.die(b.file("film.mkv", 1000), "films/a.mkv", "the disk is full")
	b.visit("/")
	b.awaitText("films/a.mkv")
	b.wire.Cut()
	b.awaitText("The database does not answer. These are the last numbers that it gave")
	dead := `[...document.querySelectorAll('.cards div')].find(d => d.innerText.includes('jobs dead')).innerText.includes('1')`
	require.True(t, eval[bool](b, dead), "the numbers are the last ones")
	b.do(chromedp.Reload())
	b.awaitText("These are the last numbers that it gave")
	b.do(chromedp.Navigate(b.url + "/jobs"))
	b.awaitText("Service Unavailable")
	b.awaitText("Sign out") // in the same frame
	b.wire.Mend()
	b.awaitText("films/a.mkv") // the error page asks again by itself
	b.visit("/")
	b.await("!document.body.innerText.includes('does not answer')")

	b.do(chromedp.Navigate(b.url + "/jobs"))
	b.awaitText("films/a.mkv")
	b.wire.Cut()
	b.awaitText("What you see is from")
	b.awaitText("films/a.mkv") // what was there stays
	b.wire.Mend()
	b.await("!document.body.innerText.includes('What you see is from')")
	b.clean()
}

// A database that hangs closes no connection: only the time limit of a call ends the wait for it.
func TestADatabaseThatHangs(t *testing.T) {
	b := setup(t)
	b.die(b.file("film.mkv", 1000), "films/a.mkv", "the disk is full")
	b.visit("/")
	b.awaitText("films/a.mkv")
	b.wire.Stall()
	began := time.Now()
	b.do(chromedp.Reload())
	b.awaitText("These are the last numbers that it gave")
	require.Less(t, time.Since(began), 3*callTimeout, "one call waited, and not one for each number")
	b.do(chromedp.Navigate(b.url + "/jobs"))
	b.awaitText("Service Unavailable")
	b.wire.Mend()
	b.awaitText("films/a.mkv")
	b.clean()
}

func TestForgedForms(t *testing.T) {
	b := setup(t)
	job := b.die(b.file("film.mkv", 1000), "films/a.mkv", "x")
	b.visit("/jobs/" + job.ID.String())
	eval[bool](b, `document.querySelectorAll('input[name=proof]').forEach(i => { i.value = 'forged' }) === undefined`)
	b.press(`button[value=retry]`)
	b.awaitText("this form is not of this sign-in")
	require.Equal(t, backend.JobDead, b.state(job.ID))

	// Another site, whose form and whose link lead here. Its host is another name of this machine.
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<form method="post" action="%[1]s/jobs/act">
			<input name="do" value="retry"><input name="id" value="%[2]s"><button>x</button></form>
			<a href="%[1]s/jobs/%[2]s">a link in a chat</a>`, b.url, job.ID)
	}))
	defer evil.Close()
	elsewhere := strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)
	b.do(chromedp.Navigate(elsewhere))
	b.press("button")
	b.awaitText("this form was sent by another site")
	require.Equal(t, backend.JobDead, b.state(job.ID))
	b.do(chromedp.Navigate(elsewhere))
	b.do(chromedp.Click(chromedp.CSS("a")))
	b.await("document.querySelector('h1.name')") // signed in, although the cookie does not come with the link
	b.clean()
}

func TestTheBrowserTellsOfViolations(t *testing.T) {
	b := setup(t)
	b.visit("/")
	eval[bool](b, `(() => { const s = document.createElement('script'); s.textContent = 'window.bad = 1'; document.body.append(s);
		document.body.setAttribute('style', 'color: red'); new Image().src = 'http://127.0.0.1:9/x.png'; return true })()`)
	require.Eventually(t, func() bool { return len(b.violations()) >= 3 }, patience, 50*time.Millisecond)
	require.False(t, eval[bool](b, "'bad' in window"))
}

// What a person does stays as it is while the page renews itself.
func TestRenewalKeepsSelectionFocusAndPosition(t *testing.T) {
	b := setup(t)
	f := b.file("film.mkv", 1000)
	var dests []string
	for i := range 40 {
		dests = append(dests, fmt.Sprintf("films/%02d.mkv", i))
	}
	b.submit(f, dests...)
	b.do(chromedp.EmulateViewport(900, 500))
	b.visit("/jobs")
	b.do(chromedp.SendKeys(chromedp.ID("dest"), "half-typed"))
	b.do(chromedp.Click(chromedp.CSS("tbody tr:nth-child(3) input")), chromedp.Click(chromedp.CSS("tbody tr:nth-child(5) input")))
	selected := "[...document.querySelectorAll('tbody input:checked')].map(i => i.value).join()"
	before := eval[string](b, selected)
	require.Len(t, strings.Split(before, ","), 2)
	eval[bool](b, `(() => { document.querySelector('tbody tr:nth-child(6) a').focus(); scrollTo(0, 260); window.kept = document.activeElement;
		getSelection().selectAllChildren(document.querySelector('tbody tr:nth-child(4) .name a')); return true })()`)
	marked := eval[string](b, "getSelection().toString()")
	require.NotEmpty(t, marked)

	b.submit(f, "films/new.mkv")
	b.awaitText("films/new.mkv")
	require.Equal(t, before, eval[string](b, selected))
	require.True(t, eval[bool](b, "document.activeElement === window.kept && window.kept.isConnected"))
	require.Equal(t, marked, eval[string](b, "getSelection().toString()"))
	require.Equal(t, "half-typed", eval[string](b, "document.getElementById('dest').value"))
	require.InDelta(t, 260, eval[float64](b, "scrollY"), 60, "at most by the row that has come")
	require.Equal(t, "2 selected", eval[string](b, "document.getElementById('chosen').textContent"))

	b.do(chromedp.Click(chromedp.ID("pause")))
	b.awaitText("Renew again")
	require.Equal(t, "?renew=off", eval[string](b, "location.search"))
	require.Equal(t, before, eval[string](b, selected))
	b.submit(f, "films/newer.mkv")
	time.Sleep(4 * time.Second) // longer than a renewal
	require.False(t, eval[bool](b, "document.body.innerText.includes('films/newer.mkv')"))
	b.do(chromedp.Click(chromedp.ID("pause")))
	b.awaitText("films/newer.mkv")

	b.press("button[value=cancel]") // those that are selected
	b.awaitText("Cancel 2 jobs?")
	b.press("button.danger")
	b.awaitText("2 jobs are cancelled")
	b.clean()
}

func TestWithoutJavaScript(t *testing.T) {
	b := setup(t)
	_, err := chromedp.Call(b.tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	f := b.file("film.mkv", 1000)
	job := b.die(f, "films/a.mkv", "x")
	b.visit("/jobs?state=dead")
	b.awaitText("UTC") // times as they come
	shown := "[...document.querySelectorAll('.copy, .script')].filter(e => e.offsetParent).length"
	require.Zero(t, eval[int](b, shown), "nothing that would not work")
	b.do(chromedp.Click(chromedp.CSS("tbody input")))
	b.press("button[value=retry]")
	b.awaitText("1 job is queued again.")
	require.Equal(t, backend.JobQueued, b.state(job.ID))
	b.visit("/jobs")
	b.submit(f, "films/new.mkv")
	b.awaitText("films/new.mkv") // the page renews itself
	b.press("#pause")
	b.awaitText("Renew again")
	require.Zero(t, eval[int](b, "document.querySelectorAll('meta[http-equiv]').length"))
	b.press("#pause")
	b.awaitText("Pause renewal")
	b.press("header button")
	b.awaitText("Access token")
}

func TestKeyboard(t *testing.T) {
	b := setup(t)
	b.die(b.file("film.mkv", 1000), "films/a.mkv", "x")
	b.visit("/jobs")
	b.do(chromedp.KeyEvent(kb.Tab))
	require.Equal(t, "Skip to the content", eval[string](b, "document.activeElement.textContent"))
	require.True(t, eval[bool](b, "document.activeElement.getBoundingClientRect().left >= 0"), "it shows once it has the focus")
	b.do(chromedp.KeyEvent(kb.Enter))
	require.Equal(t, "main", eval[string](b, "document.activeElement.id"))
	var seen []string
	for range 40 {
		b.do(chromedp.KeyEvent(kb.Tab))
		seen = append(seen, eval[string](b, "document.activeElement.id || document.activeElement.value || document.activeElement.textContent"))
		outlined := "document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle !== 'none'"
		require.True(t, eval[bool](b, outlined), "%v: the focus is to be seen", seen)
	}
	text := strings.Join(seen, " ")
	for _, want := range []string{"state", "file", "dest", "agent", "text", "all", "films/a.mkv", "retry", "cancel", "pause"} {
		require.Contains(t, text, want)
	}
}
