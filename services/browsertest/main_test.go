//go:build browser

package browsertest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"

	"scalable-backend/services/internal/testenv"
)

// screens is where TestScreens writes its pictures. Without it they are made and looked at, but not kept.
var screens = flag.String("screens", "", "directory for the pictures of docs/screens.md")

// chromium is one browser for all tests; each test has a profile of its own in it.
var chromium context.Context

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "browsertest:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	path, err := browser()
	if err != nil {
		return 1, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
	if os.Geteuid() == 0 { // Chromium's sandbox does not run as root
		options = append(options, chromedp.NoSandbox)
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	defer end()
	var stop context.CancelFunc
	chromium, stop = chromedp.NewContext(allocator)
	defer stop()
	if err := chromedp.Do(chromium, chromedp.Navigate("about:blank")); err != nil {
		return 1, fmt.Errorf("starting %s: %w", path, err)
	}
	return testenv.Run(m), nil
}

// browser finds the program: TEST_BROWSER names another one.
func browser() (string, error) {
	names := []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	}
	if name := os.Getenv("TEST_BROWSER"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no browser: install Chromium (Debian: apt-get install chromium), or name one with TEST_BROWSER=/path/of/it")
}
