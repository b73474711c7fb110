package faults

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"scalable-backend/services/internal/servers"
	"scalable-backend/services/internal/testenv"
)

// shared is what all tests use: the programs and the proxy server, made when first asked for.
var shared struct {
	dir   string
	proxy *servers.Toxiproxy
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared.dir = dir
	// PostgreSQL may run as another user, who must reach its directory below this one.
	if err := os.Chmod(dir, 0o711); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// These tests wait for timeouts more than they compute.
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = parallel.Value.Set("6")
	}
	defer func() {
		if shared.proxy != nil {
			shared.proxy.Stop()
		}
		_ = os.RemoveAll(dir)
	}()
	return testenv.Run(m)
}

// programs builds the backend and the agent with the race detector.
var programs = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(shared.dir, "bin")
	cmd := exec.Command("go", "build", "-race", "-o", bin+string(filepath.Separator), "../cmd/backend", "../cmd/agent")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return bin, nil
})

var toxiproxy = sync.OnceValues(func() (*servers.Toxiproxy, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	t, err := servers.StartToxiproxy(ctx)
	shared.proxy = t
	return t, err
})
