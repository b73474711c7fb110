//go:build browser

package browsertest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

//go:embed testdata/axe/axe.min.js
var axe string

// fill makes some of everything, with names as long and as odd as they may be.
func (b *bundle) fill() (paths []string) {
	b.t.Helper()
	hostile := strings.Repeat("a-name-without-any-place-to-break-it-", 6) + "<script>alert(1)</script>&amp;\"'" + strings.Repeat("ש", 20)
	f := b.file("films/2026/the-first.mkv", 734_003_200)
	odd := b.file(hostile, 1<<40)
	dead := b.die(f, "films/2026/the-first.mkv", "the agent's disk is full")
	b.die(odd, hostile, "the digest is wrong: "+hostile)
	for i := range 12 {
		b.submit(f, fmt.Sprintf("films/2026/copy-%02d.mkv", i))
	}
	claim, leases := b.agent("agent-3", 4)
	var progress []backend.Progress
	for i, l := range leases {
		progress = append(progress, backend.Progress{LeaseID: l.ID, BytesDone: l.File.Size / int64(i+2)})
	}
	_, err := b.store.Heartbeat(b.t.Context(), claim, progress)
	require.NoError(b.t, err)
	for range 4 {
		_, leases := b.agent("agent-5", 1)
		sum, size := leases[0].File.SHA256, leases[0].File.Size
		_, err := b.store.FinishLease(b.t.Context(), leases[0].ID, "caller", backend.Outcome{
			Status: backend.Succeeded, SHA256: &sum, Bytes: &size, Duration: 7 * time.Second,
		})
		require.NoError(b.t, err)
	}
	b.token(uuid.NewString(), hostile[:90], backend.FilesRead)
	for range 3 {
		_, err := b.store.TakeSample(b.t.Context(), 0)
		require.NoError(b.t, err)
	}
	return []string{
		"/", "/jobs", "/jobs?state=dead&text=disk", "/jobs/" + dead.ID.String(), "/files", "/files/" + odd.ID.String(), "/agents", "/tokens",
		"/files/" + uuid.NewString(),
	}
}

func (b *bundle) scheme(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	require.NoError(b.t, err)
}

// No page is wider than its window, from the smallest phone to the largest screen.
func TestNoPageScrollsSideways(t *testing.T) {
	b := setup(t)
	paths := b.fill()
	b.visit("/")
	for _, width := range []int64{320, 375, 768, 1280, 3840} {
		b.do(chromedp.EmulateViewport(width, 800))
		for _, path := range paths {
			b.visit(path + join(path) + "renew=off")
			require.LessOrEqual(t, eval[int64](b, "document.documentElement.scrollWidth"), width, "%s at %d", path, width)
			right := "Math.max(0, ...[...document.querySelectorAll('main > *')].map(e => e.getBoundingClientRect().right))"
			require.LessOrEqual(t, eval[float64](b, right), float64(width), "%s at %d", path, width)
		}
	}
	b.clean()
}

func join(path string) string {
	if strings.Contains(path, "?") {
		return "&"
	}
	return "?"
}

// violation is one finding of axe.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// check has axe look at the page.
func (b *bundle) check(what string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](axe))
	text, err := chromedp.Run(b.tab, chromedp.Evaluate[string](`axe.run({ resultTypes: ['violations'] }).then(r => JSON.stringify(
		{ violations: r.violations, passes: r.passes.length }))`, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err)
	var result struct {
		Violations []violation `json:"violations"`
		Passes     int         `json:"passes"`
	}
	require.NoError(b.t, json.Unmarshal([]byte(text), &result))
	require.Greater(b.t, result.Passes, 10, "axe looked at it")
	for _, v := range result.Violations {
		for _, n := range v.Nodes {
			b.t.Errorf("%s: %s (%s)\n%s\n%s", what, v.Help, v.ID, n.HTML, n.Summary)
		}
	}
}

// Every page, form and error passes axe's rules, best practices included, in light and in dark, on a screen and on a phone.
func TestAccessibility(t *testing.T) {
	b := setup(t)
	paths := b.fill()
	b.do(chromedp.Navigate(b.url + "/jobs"))
	b.check("sign in")
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for _, width := range []int64{375, 1280} {
			b.do(chromedp.EmulateViewport(width, 800))
			for _, path := range paths {
				b.visit(path + join(path) + "renew=off")
				b.check(fmt.Sprintf("%s, %s, %d", path, scheme, width))
			}
		}
		b.visit("/jobs?renew=off&state=queued")
		b.do(chromedp.Click(chromedp.ID("all")))
		b.press("button[value=cancel]")
		b.awaitText("What their agents have downloaded")
		b.check("confirmation, " + scheme)
	}
	b.token("only-files-of-the-tests", "reader", backend.FilesRead)
	b.press("header button")
	b.do(chromedp.Navigate(b.url + "/jobs"))
	b.signIn("only-files-of-the-tests")
	b.awaitText("This needs the scope jobs")
	b.check("a scope is missing")
	b.clean()
}

// TestScreens makes the pictures of docs/screens.md: go test -tags browser -run TestScreens ./browsertest -args -screens=../../docs
func TestScreens(t *testing.T) {
	b := setup(t)
	b.history()
	b.do(chromedp.EmulateViewport(1280, 860))
	b.visit("/")
	b.shoot("console-overview.png")
	b.do(chromedp.Navigate(b.url + "/jobs?state=dead"))
	b.press(`tbody a[href^="/jobs/"]`)
	b.shoot("console-job.png")
	b.scheme("dark")
	b.do(chromedp.EmulateViewport(1100, 640), chromedp.Navigate(b.url+"/jobs"))
	b.shoot("console-dark.png")
	b.scheme("light")
	b.do(chromedp.EmulateViewport(375, 760), chromedp.Navigate(b.url+"/jobs"))
	b.shoot("console-phone.png")
	b.do(chromedp.EmulateViewport(1280, 560), chromedp.Navigate(b.url+"/"))
	b.awaitText("jobs queued")
	b.wire.Cut()
	b.awaitText("These are the last numbers")
	time.Sleep(6 * time.Second)
	b.awaitText("These are the last numbers")
	b.shoot("console-outage.png")
}

func (b *bundle) shoot(name string) {
	b.t.Helper()
	time.Sleep(300 * time.Millisecond)
	picture, err := chromedp.Run(b.tab, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.Less(b.t, len(picture), 150_000, name)
	require.Greater(b.t, len(picture), 10_000, name)
	if *screens != "" {
		require.NoError(b.t, os.WriteFile(filepath.Join(*screens, name), picture, 0o644))
	}
}
