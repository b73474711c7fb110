package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/agent/internal/fakeapi"
	"scalable-backend/services/api"
)

func lines(s string) int { return strings.Count(s, "\n") }

// A FIFO nobody writes to and a device without end are refused before they are opened.
func TestSpecialFilesAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	fifo := filepath.Join(b.dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	for _, command := range []string{"upload", "verify"} {
		for path, kind := range map[string]string{fifo: "a FIFO", "/dev/zero": "a device"} {
			code, _, errOut := b.run(command, path)
			require.Equal(t, ExitFailure, code)
			require.Contains(t, errOut, path+": not a regular file: it is "+kind)
		}
	}
	require.Empty(t, b.server.Files)
}

// One bad file of several is listed at the end; the others are done.
// - is standard input where a command reads a file.
func TestStandardInput(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.in = string(body(6*mib + 1))
	require.Contains(t, b.ok("upload", "--name", "dir/in", "-"), "dir/in  uploaded, 6.0 MiB")
	require.Equal(t, b.in, string(b.server.Object(b.server.Files[0].Id)))
	require.Contains(t, b.ok("upload", "--name", "in", "--prefix", "dir", "-"), "dir/in  already there")
	require.Equal(t, "ok        - (dir/in)\n", b.ok("verify", "-"))
	require.Equal(t, "ok        - (dir/in)\n", b.ok("verify", "--file", "dir/in", "-"))
	b.in = "other bytes"
	code, out, _ := b.run("verify", "-")
	require.Equal(t, ExitMismatch, code)
	require.Equal(t, "unknown   -\n", out)
	b.in = ""
	require.Contains(t, b.ok("upload", "--name", "empty", "-"), "empty  uploaded, 0 B")
	for _, args := range [][]string{{"upload", "-"}, {"upload", "--name", "x", "-", b.write("f", nil)}, {"upload", "--name", "../x", "-"}} {
		code, _, errOut := b.run(args...)
		require.Equal(t, ExitUsage, code, "%v: %s", args, errOut)
	}
}

func TestOneBadFileDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dir := filepath.Join(b.dir, "tree")
	for _, name := range []string{"a", "b", "c"} {
		b.write("tree/"+name, []byte(name))
	}
	fifo := filepath.Join(b.dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	code, out, errOut := b.run("upload", filepath.Join(b.dir, "nothing"), dir, fifo)
	require.Equal(t, ExitFailure, code)
	require.Equal(t, 3, lines(out))
	require.Contains(t, errOut, "agent: 2 of 5 failed:\n")
	require.Contains(t, errOut, "nothing: no such file or directory")
	require.Contains(t, errOut, fifo+": not a regular file")

	code, out, errOut = b.run("fetch", "tree/a", "missing", "tree/b", "-o", filepath.Join(b.dir, "out"))
	require.Equal(t, ExitNotFound, code, "all failures have this code")
	require.Equal(t, 2, lines(out))
	require.Contains(t, errOut, "agent: 1 of 3 failed:\n")
	require.Contains(t, errOut, `missing: no ready file "missing"`)

	code, out, _ = b.run("submit", "missing", "tree/a", "tree/b")
	require.Equal(t, ExitNotFound, code)
	require.Equal(t, 2, lines(out))

	code, out, _ = b.run("verify", filepath.Join(b.dir, "nothing"), dir, fifo)
	require.Equal(t, ExitFailure, code)
	require.Equal(t, 3, strings.Count(out, "ok "))

	_, _, errOut = b.run("--json", "fetch", "tree/a", "missing", "-o", filepath.Join(b.dir, "out"))
	var e struct {
		Error    string
		Failures []struct{ What, Error string }
	}
	require.NoError(t, json.Unmarshal([]byte(errOut), &e))
	require.Equal(t, "1 of 2 failed", e.Error)
	require.Equal(t, "missing", e.Failures[0].What)
}

// An unreadable file of a tree, as the user who may not read it sees it.
func TestUnreadableFileOfATree(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 33 {
		b.write(fmt.Sprintf("tree/%02d", i), []byte{byte(i)})
	}
	// Root may read everything, so the file is one that nobody can open: a link would be skipped, a file that vanishes is not.
	var mu sync.Mutex
	gone := filepath.Join(b.dir, "tree/07")
	b.server.Hook = func(string, http.ResponseWriter, *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		_ = os.Remove(gone)
		return false
	}
	code, out, errOut := b.run("upload", "--parallel", "1", filepath.Join(b.dir, "tree"))
	require.Equal(t, ExitNotFound, code, errOut)
	require.Equal(t, 32, lines(out))
	require.Contains(t, errOut, "agent: 1 of 33 failed:\n  "+gone+": ")
}

// What would fail for every file ends the command at once.
func TestHopelessErrorsEndTheCommand(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write("tree/a", nil)
	b.write("tree/b", nil)
	code, _, errOut := b.run("upload", "--token", "wrong", filepath.Join(b.dir, "tree"))
	require.Equal(t, ExitDenied, code)
	require.Equal(t, "agent: looking for the name: 401 Unauthorized: no such token\n", errOut)
}

// The path itself may be a link; what is skipped below it is said, and a directory without a file is a failure.
func TestTrees(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.write("real/a", []byte("a"))
	require.NoError(t, os.Symlink("a", filepath.Join(b.dir, "real/link")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(b.dir, "real/fifo"), 0o600))
	link := filepath.Join(b.dir, "link")
	require.NoError(t, os.Symlink("real", link))
	empty := filepath.Join(b.dir, "empty")
	require.NoError(t, os.Mkdir(empty, 0o755))
	for _, command := range []string{"upload", "verify"} {
		code, out, errOut := b.run(command, link)
		require.Zero(t, code, errOut)
		require.Equal(t, 1, lines(out))
		require.Contains(t, errOut, "agent: skipped "+link+"/link: a symbolic link\n")
		require.Contains(t, errOut, "agent: skipped "+link+"/fifo: a FIFO\n")
		code, out, errOut = b.run(command, empty)
		require.Equal(t, ExitFailure, code)
		require.Empty(t, out)
		require.Contains(t, errOut, "0 files")
	}
	require.Equal(t, "link/a", b.server.Files[0].Name)
	_, _, errOut := b.run("--json", "upload", link)
	require.Contains(t, errOut, `"reason":"a FIFO"`)
}

// Names with control characters, C1 and bidirectional overrides reach a terminal escaped, in every command.
func TestNothingThatCommandsATerminal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const evil = "red\u001b[31m c1\u009b31m \u202egpj.exe"
	const shown = `red\x1b[31m c1\u009b31m \u202egpj.exe`
	f := b.server.AddFile(evil, []byte("x"), 5*mib)
	j := b.server.AddJob(f, evil)
	detail := "because\u001b]0;title\u0007 \u009b"
	j.State, j.Problem = api.JobStateDead, &api.JobProblem{Title: evil, Detail: &detail}
	b.write("local/"+evil, []byte("x"))
	for _, args := range [][]string{
		{"list"}, {"list", "jobs"}, {"show", j.Id}, {"show", f.Id}, {"retry", j.Id}, {"cancel", j.Id}, {"submit", f.Id}, {"cancel", "--all"},
		{"fetch", f.Id}, {"verify", filepath.Join(b.dir, "local")}, {"upload", filepath.Join(b.dir, "local")}, {"fetch", evil},
		{"delete", f.Id}, {"tokens", "create", evil, "--scope", "jobs"}, {"tokens", "list"},
	} {
		for _, form := range [][]string{nil, {"--json"}} {
			_, out, errOut := b.run(append(form, args...)...)
			text := out + errOut
			require.True(t, text != "" || args[0] == "cancel", "%v", args)
			for _, r := range text {
				require.True(t, r == '\n' || r >= ' ' && r != 0x7f && (r < 0x80 || r >= 0xa0) && r != '\u202e', "%v: %q", args, text)
			}
			if form == nil && args[0] != "tokens" && args[0] != "delete" && args[0] != "submit" {
				require.Contains(t, text, "31m", "%v", args)
			}
		}
	}
	b.server.AddFile(evil, []byte("y"), 5*mib)
	require.Contains(t, b.ok("list"), shown)
	var back api.File
	require.NoError(t, json.Unmarshal([]byte(b.ok("--json", "list", "--limit", "1")), &back))
	require.Equal(t, evil, back.Name, "JSON carries the name unchanged")
}

// Names that are not UTF-8 are refused, and quoted; they are not changed.
func TestNamesThatAreNotUTF8(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := b.write("caf\xe9.txt", []byte("x"))
	for _, args := range [][]string{
		{"upload", file}, {"upload", b.write("good", nil), "--name", "caf\xe9"}, {"verify", file}, {"fetch", "caf\xe9.txt"},
		{"submit", "caf\xe9.txt"}, {"list", "--name", "caf\xe9.txt"}, {"list", "jobs", "--name", "caf\xe9.txt"}, {"delete", "caf\xe9.txt"},
		{"verify", "--file", "caf\xe9.txt", file}, {"show", "caf\xe9.txt"}, {"submit", "x", "--dest", "caf\xe9"},
	} {
		code, out, errOut := b.run(args...)
		require.NotZero(t, code, "%q", args)
		require.Empty(t, out)
		require.Contains(t, errOut, `caf\xe9`, "%q", args)
		require.Contains(t, errOut, "not valid UTF-8", "%q", args)
		require.NotContains(t, errOut, "\ufffd")
	}
	require.Empty(t, b.server.Files)
	require.Empty(t, b.server.Calls)
}

// The same file twice, and by two names, is fetched once; two programs that fetch it at once both succeed.
func TestFetchOfOneFileTwice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.server.AddFile("f", body(20*mib), 5*mib)
	require.Equal(t, 1, lines(b.ok("fetch", "f", "f", f.Id, f.Id[:13], "-o", filepath.Join(b.dir, "one"))))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var out, errOut bytes.Buffer
			code := run(t.Context(), []string{"fetch", "f", "-o", filepath.Join(b.dir, "two")}, b.env, nil, nil, &out, &errOut)
			if code != ExitOK {
				t.Errorf("exit code %d: %s", code, errOut.String())
			}
		})
	}
	wg.Wait()
	got, err := os.ReadFile(filepath.Join(b.dir, "two/f"))
	require.NoError(t, err)
	require.Equal(t, fakeapi.Sum(body(20*mib)), fakeapi.Sum(got))
	g := b.server.AddFile("f", []byte("other"), 5*mib)
	code, _, errOut := b.run("fetch", f.Id, g.Id, "-o", filepath.Join(b.dir, "three"))
	require.Equal(t, ExitFailure, code)
	require.Contains(t, errOut, "has the name f, too")
}

// CI systems set variables with our prefix.
func TestVariablesOfOtherProgramsStopNoCommand(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.env = append(b.env, "AGENT_BUILDDIRECTORY=/b", "AGENT_ID=2", "AGENT_NAME=Azure Pipelines 2", "AGENT_MAX_LEASES=many")
	b.server.AddFile("f", []byte("x"), 5*mib)
	require.Contains(t, b.ok("list"), "f")
}

// Output that cannot be written is an error of every command that writes some.
func TestOutputThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.server.AddFile("f", []byte("x"), 5*mib)
	j := b.server.AddJob(f, "f")
	for _, args := range [][]string{
		{"list"}, {"list", "jobs"}, {"list", "--json"}, {"show", j.Id}, {"stats"}, {"version"}, {"--version"}, {"--help"}, {"help", "list"},
		{"fetch", "f", "-o", b.dir}, {"verify", b.write("f", []byte("x"))}, {"upload", b.write("g", nil)}, {"submit", "f"},
		{"completion", "bash"}, {"tokens", "create", "x", "--scope", "jobs"}, {"tokens", "list"},
	} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		require.NoError(t, err)
		var errOut bytes.Buffer
		code := run(t.Context(), args, b.env, nil, nil, full, &errOut)
		require.NoError(t, full.Close())
		require.Equal(t, ExitFailure, code, "%v", args)
		require.Contains(t, errOut.String(), "writing the output: write /dev/full: no space left on device", "%v", args)

		reader, writer, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, reader.Close())
		errOut.Reset()
		code = run(t.Context(), args, b.env, nil, nil, writer, &errOut)
		require.NoError(t, writer.Close())
		require.Equal(t, ExitFailure, code, "%v", args)
		require.Empty(t, errOut.String(), "a reader that went away has seen enough")
	}
}

// Ctrl-C while the backend does not answer, and while a file is read that has no end in sight.
func TestCommandsEndSoonAfterCtrlC(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.server.AddFile("f", body(100), 5*mib)
	file := b.write("g", body(100))
	waiting := make(chan struct{}, 100)
	b.server.Hook = func(_ string, _ http.ResponseWriter, r *http.Request) bool {
		waiting <- struct{}{}
		<-r.Context().Done()
		return true
	}
	for _, args := range [][]string{
		{"list"}, {"list", "jobs"}, {"fetch", f.Id, "-o", b.dir}, {"submit", "f"}, {"upload", file}, {"verify", file}, {"delete", "f"},
		{"cancel", "--all"}, {"retry", "--all"}, {"stats"}, {"show", "f"}, {"tokens", "list"}, {"login", b.server.URL},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		ended := make(chan int, 1)
		var out, errOut bytes.Buffer
		go func() { ended <- run(ctx, args, b.env, nil, nil, &out, &errOut) }()
		<-waiting
		begun := time.Now()
		interrupt()
		require.Equal(t, ExitInterrupted, <-ended, "%v", args)
		require.Less(t, time.Since(begun), patience/6, "%v", args)
		require.Equal(t, "agent: interrupted\n", errOut.String(), "%v", args)
	}
}

func TestForceDoesNotReplaceADirectory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.AddFile("f", []byte("x"), 5*mib)
	require.NoError(t, os.MkdirAll(filepath.Join(b.dir, "out/f"), 0o755))
	for _, force := range [][]string{nil, {"--force"}} {
		code, _, errOut := b.run(append([]string{"fetch", "f", "-o", filepath.Join(b.dir, "out")}, force...)...)
		require.Equal(t, ExitFailure, code)
		require.Equal(t, "agent: f: a directory is at the destination\n", errOut)
	}
}

func TestNameWithALineEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	code, _, errOut := b.run("upload", b.write("a\nb", nil))
	require.Equal(t, ExitFailure, code)
	require.Contains(t, errOut, `a\nb: not a valid path: "a\nb" holds the control character U+000A`)
	require.Equal(t, 1, lines(errOut))
}
