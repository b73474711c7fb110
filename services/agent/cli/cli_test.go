package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/internal/fakeapi"
	"scalable-backend/services/api"
	"scalable-backend/services/internal/build"
	"scalable-backend/services/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

const mib = 1 << 20

func body(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(b)
	return b
}

// patience is for what comes for certain, however slow the machine is.
const patience = time.Minute

type bundle struct {
	t      *testing.T
	server *fakeapi.Server
	dir    string
	env    []string
	in     string // standard input
}

func setup(t *testing.T) *bundle {
	t.Helper()
	s := fakeapi.New(t)
	dir := t.TempDir()
	return &bundle{t: t, server: s, dir: dir, env: []string{
		"AGENT_API_URL=" + s.URL, "AGENT_TOKEN=" + fakeapi.Token, "AGENT_INSECURE_SOURCES=true", "HOME=" + filepath.Join(dir, "home"),
	}}
}

func (b *bundle) run(args ...string) (code int, out, errOut string) {
	b.t.Helper()
	var o, e bytes.Buffer
	code = run(b.t.Context(), args, b.env, nil, strings.NewReader(b.in), &o, &e)
	return code, o.String(), e.String()
}

// ok runs a command that is to succeed.
func (b *bundle) ok(args ...string) string {
	b.t.Helper()
	code, out, errOut := b.run(args...)
	require.Zero(b.t, code, errOut)
	require.Empty(b.t, errOut)
	return out
}

func (b *bundle) write(name string, data []byte) string {
	b.t.Helper()
	file := filepath.Join(b.dir, name)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(b.t, os.WriteFile(file, data, 0o644))
	return file
}

func TestUploadSubmitListFetchVerify(t *testing.T) {
	t.Parallel()
	b := setup(t)
	big := body(20*mib + 3)
	b.write("in/big.bin", big)
	b.write("in/sub/small.txt", []byte("hello"))
	b.write("in/empty", nil)

	out := b.ok("upload", filepath.Join(b.dir, "in"))
	require.Equal(t, 3, strings.Count(out, "\n"))
	require.Contains(t, out, "in/sub/small.txt  uploaded, 5 B")
	require.Len(t, b.server.Files, 3)
	for _, f := range b.server.Files {
		require.Equal(t, f.Sha256, fakeapi.Sum(b.server.Object(f.Id)), f.Name)
	}
	out = b.ok("upload", "--json", filepath.Join(b.dir, "in"))
	require.Equal(t, 3, strings.Count(out, `"existing":true`), "uploading again does nothing")
	require.Len(t, b.server.Files, 3)

	out = b.ok("submit", "in/big.bin", b.server.Files[0].Id)
	require.Contains(t, out, "in/big.bin  queued")
	require.Contains(t, b.ok("submit", "in/big.bin"), "was there already")

	out = b.ok("list")
	require.Regexp(t, `^ID +STATE +SIZE +CREATED +NAME\n`, out)
	require.Contains(t, out, "20.0 MiB")
	require.Equal(t, 4, strings.Count(out, "\n"), "pages are followed")
	require.Equal(t, 1, strings.Count(b.ok("list", "jobs", "--json", "--limit", "1"), "\n"))
	var j api.Job
	require.NoError(t, json.Unmarshal([]byte(b.ok("list", "jobs", "--json", "--name", "in/big.bin")), &j))
	require.Equal(t, api.JobStateQueued, j.State)

	dest := filepath.Join(b.dir, "out")
	out = b.ok("fetch", "in/big.bin", "in/empty", "-o", dest)
	require.Contains(t, out, "in/big.bin  verified, 20.0 MiB at ")
	got, err := os.ReadFile(filepath.Join(dest, "in/big.bin"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(big, got))
	_, err = os.Stat(filepath.Join(dest, download.PartialDir))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Contains(t, b.ok("fetch", "in/big.bin", "-o", dest), "already there")

	out = b.ok("verify", dest)
	require.Equal(t, 2, strings.Count(out, "ok        "))
	b.write("out/in/empty", []byte("x"))
	b.write("out/stranger", []byte("y"))
	code, out, errOut := b.run("verify", dest)
	require.Equal(t, ExitMismatch, code)
	require.Contains(t, out, "mismatch  "+filepath.Join(dest, "in/empty"))
	require.Contains(t, out, "unknown   "+filepath.Join(dest, "stranger"))
	require.Contains(t, errOut, "agent: 2 of 3 failed:\n")
	require.Contains(t, errOut, "in/empty: verification failed: the catalogue has other bytes\n")
	moved := b.write("elsewhere", []byte("hello"))
	require.Contains(t, b.ok("verify", moved), "(in/sub/small.txt)", "found by its bytes")
	require.Contains(t, b.ok("verify", "--file", "in/sub/small.txt", moved), "ok")

	code, _, errOut = b.run("fetch", "in/empty", "-o", dest)
	require.Equal(t, ExitFailure, code)
	require.Contains(t, errOut, "--force")
	b.ok("fetch", "--force", "in/empty", "-o", dest)
}

// The second upload sends only what the first did not get through.
func TestUploadResumes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.write("big.bin", body(40*mib))
	var mu sync.Mutex
	puts, broken := 0, true
	b.server.Hook = func(op string, w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(op, "PUT /bucket") {
			return false
		}
		mu.Lock()
		refused := broken && strings.HasSuffix(r.URL.Path, "/4")
		if !refused {
			puts++
		}
		mu.Unlock()
		if refused {
			_, _ = io.Copy(io.Discard, r.Body)
			b.stored(3) // the other one of its page: what is under way when a part fails is not sent to its end
			w.WriteHeader(http.StatusNotImplemented + 100)
		}
		return refused
	}
	code, _, errOut := b.run("upload", file)
	require.Equal(t, ExitFailure, code)
	require.Contains(t, errOut, "part 4: the bucket answered 601")
	mu.Lock()
	require.Equal(t, 3, puts)
	broken = false
	mu.Unlock()
	out := b.ok("upload", "--json", file)
	require.Equal(t, 5, puts, "each part once")
	var r uploaded
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, int64(40*mib), r.Sent+r.Resumed)
	require.Equal(t, int64(3*8*mib), r.Resumed)
	require.Len(t, b.server.Files, 1)
	require.Equal(t, r.SHA256, fakeapi.Sum(b.server.Object(r.ID)))
	cached, _ := filepath.Glob(filepath.Join(b.dir, "home/.cache/scalable-backend/uploads/*"))
	require.Empty(t, cached)
}

// stored waits until the bucket has so many parts.
func (b *bundle) stored(parts int) {
	for there := 0; there < parts; time.Sleep(time.Millisecond) {
		b.server.Mu.Lock()
		there = 0
		for _, c := range b.server.Calls {
			if strings.HasPrefix(c, "PUT /bucket") {
				there++
			}
		}
		b.server.Mu.Unlock()
	}
}

func TestUploadExpiredURLs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.write("f.bin", body(20*mib))
	var mu sync.Mutex
	refusals := 2
	b.server.Hook = func(op string, w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(op, "PUT /bucket") && refusals > 0 {
			refusals--
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}
	require.Contains(t, b.ok("upload", file), "uploaded")
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.server.AddFile("wrong", body(100), 5*mib)
	f.Sha256 = fakeapi.Sum([]byte("another"))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"nonsense"}, ExitUsage, "no such command: nonsense"},
		{[]string{"list", "--nonsense"}, ExitUsage, "unknown flag"},
		{[]string{"list", "dogs"}, ExitUsage, "want files or jobs"},
		{[]string{"list", "--state", "odd"}, ExitUsage, "no such state"},
		{[]string{"fetch"}, ExitUsage, "at least one file"},
		{[]string{"submit", "x", "--priority", "1000"}, ExitUsage, "--priority: want -100 to 100"},
		{[]string{"submit", "x", "--dest", "../y"}, ExitUsage, "not a valid path"},
		{[]string{"upload", "/nonexistent"}, ExitNotFound, "no such file"},
		{[]string{"fetch", "nonexistent"}, ExitNotFound, `no ready file "nonexistent"`},
		{[]string{"submit", "00000000-0000-7000-8000-000000000000"}, ExitNotFound, "not found"},
		{[]string{"list", "--token", "wrong"}, ExitDenied, "401 Unauthorized: no such token"},
		{[]string{"list", "--api-url", "nonsense"}, ExitUsage, "AGENT_API_URL: want http(s)://"},
		{[]string{"fetch", "wrong", "-o", b.dir}, ExitMismatch, "not have the catalogue's SHA-256: part at byte 0"},
		{[]string{"fetch", "wrong", "--parallel", "0"}, ExitUsage, "--parallel: want 1 to 16, got 0"},
		{[]string{"fetch", "wrong", "--parallel", "17"}, ExitUsage, "--parallel: want 1 to 16, got 17"},
		{[]string{"healthcheck", "x"}, ExitUsage, "want no argument"},
		{[]string{"run"}, ExitUsage, "AGENT_MAX_LEASES"},
	} {
		if c.args[0] == "run" {
			b.env = append(b.env, "AGENT_MAX_LEASES=99")
		}
		code, out, errOut := b.run(c.args...)
		require.Equal(t, c.code, code, "%v: %s", c.args, errOut)
		require.Contains(t, errOut, c.want, "%v", c.args)
		require.Empty(t, out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var o, e bytes.Buffer
	require.Equal(t, ExitInterrupted, run(ctx, []string{"list"}, b.env[:4], nil, nil, &o, &e))
	require.Equal(t, "agent: interrupted\n", e.String())
}

func TestJSONErrors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, _, errOut := b.run("--json", "fetch", "nonexistent")
	var e struct{ Error string }
	require.NoError(t, json.Unmarshal([]byte(errOut), &e))
	require.Contains(t, e.Error, "no ready file")
}

func TestHelpVersionCompletion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	help := b.ok("--help")
	for _, c := range []string{"run", "fetch", "submit", "upload", "list", "verify", "healthcheck", "version", "completion", "Exit codes:"} {
		require.Contains(t, help, c)
	}
	require.Equal(t, help, b.ok())
	require.Equal(t, "agent "+build.Version()+"\n", b.ok("version"))
	require.Equal(t, "agent "+build.Version()+"\n", b.ok("--version"))
	require.Contains(t, b.ok("completion", "bash"), "bash completion")
}

// A command without arguments is not one with those of the process. Not parallel: it changes these.
func TestNoArguments(t *testing.T) {
	b, before := setup(t), os.Args
	defer func() { os.Args = before }()
	os.Args = append(os.Args[:len(os.Args):len(os.Args)], "no-such-command")
	require.Contains(t, b.ok(), "Exit codes:")
}

func TestRunAndHealthcheck(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.server.AddFile("a/b", body(100), 5*mib)
	b.server.AddJob(f, "a/b")
	health := filepath.Join(b.dir, "health")
	b.env = append(b.env, "AGENT_DATA_DIR="+b.dir, "AGENT_HEALTH_FILE="+health, "AGENT_STACK=test")
	code, _, _ := b.run("healthcheck")
	require.Equal(t, ExitNotFound, code)
	ctx, stop := context.WithCancel(t.Context())
	var out, errOut bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"run"}, b.env, nil, nil, &out, &errOut) }()
	require.Eventually(t, func() bool { return b.server.States()[api.JobStateSucceeded] == 1 }, patience, 5*time.Millisecond)
	b.ok("healthcheck")
	stop()
	require.Zero(t, <-ended, "being stopped is no failure")
	require.Empty(t, out.String())
	for line := range strings.Lines(errOut.String()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record), line)
		require.Equal(t, "test", record["stack"])
	}
	got, err := os.ReadFile(filepath.Join(b.dir, "files/a/b"))
	require.NoError(t, err)
	require.Equal(t, body(100), got)
	b.ok("verify", filepath.Join(b.dir, "files"))
}
