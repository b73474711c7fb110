package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/agent/internal/fakeapi"
	"scalable-backend/services/api"
)

func TestFilesByPatternPrefixAndID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var ids []string
	for _, name := range []string{"logs/a.txt", "logs/b.txt", "logs/sub/c.txt", "logs/a.txt", "x[1]"} {
		ids = append(ids, b.server.AddFile(name, []byte(name), 5*mib).Id)
	}
	for what, want := range map[string]int{"logs/": 3, "logs/*.txt": 2, "logs/?.txt": 2, "*": 1, "logs/[ab].txt": 2, "x[1]": 1,
		ids[2][:9]: 1} {
		dir := filepath.Join(b.dir, strings.NewReplacer("/", "_", "*", "star", "?", "any").Replace(what))
		require.Equal(t, want, lines(b.ok("fetch", what, "-o", dir)), what)
	}
	code, _, errOut := b.run("fetch", "nothing/*", "-o", b.dir)
	require.Equal(t, ExitNotFound, code)
	require.Contains(t, errOut, `no ready file matches "nothing/*"`)
	code, _, errOut = b.run("fetch", "a[", "-o", b.dir)
	require.Equal(t, ExitNotFound, code, "it may have been a name")
	require.Contains(t, errOut, `no ready file "a[", and it is no pattern either`)
	require.Equal(t, 3, lines(b.ok("submit", "logs/")))

	code, _, errOut = b.run("delete", "logs/")
	require.Equal(t, ExitUsage, code)
	require.Contains(t, errOut, "this would delete 3 files: add --yes")
	code, _, errOut = b.run("delete", "logs/", "--yes")
	require.Equal(t, ExitFailure, code)
	require.Contains(t, errOut, "3 of 3 failed", "their jobs are queued")
	require.Equal(t, 3, lines(b.ok("cancel", "--all")))
	require.Equal(t, 3, lines(b.ok("delete", "logs/", "--yes")))
	require.Len(t, b.server.Files, 2, "the older one of two names stays")
}

func TestCancelRetryShow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.server.AddFile("f", []byte("x"), 5*mib)
	g := b.server.AddFile("g", []byte("y"), 5*mib)
	queued, leased := b.server.AddJob(f, "in/queued"), b.server.AddJob(f, "in/leased")
	dead, other := b.server.AddJob(g, "in/dead"), b.server.AddJob(f, "other/dead")
	leased.State, dead.State, other.State = api.JobStateLeased, api.JobStateDead, api.JobStateDead
	detail := "no space left"
	dead.Problem, dead.Failures, dead.Grants = &api.JobProblem{Title: "It failed", Detail: &detail}, 5, 6

	out := b.ok("show", dead.Id[:12])
	for _, want := range []string{"destination     in/dead\n", "state           dead\n", "failures        5 of 5\n",
		"last problem    It failed: no space left\n"} {
		require.Contains(t, out, want)
	}
	require.Contains(t, b.ok("show", "g"), "sha256          "+g.Sha256)
	require.Contains(t, b.ok("cancel", leased.Id[:8]), "leased, cancellation requested")
	require.Contains(t, b.ok("cancel", queued.Id), "cancelled")
	code, _, errOut := b.run("cancel", queued.Id, dead.Id)
	require.Equal(t, ExitFailure, code)
	require.Contains(t, errOut, "1 of 2 failed")
	require.Contains(t, b.ok("retry", queued.Id), "queued")

	require.Equal(t, 1, lines(b.ok("retry", "--all", "--dest", "other/")))
	require.Equal(t, api.JobStateQueued, other.State)
	require.Equal(t, 1, lines(b.ok("retry", "--all", "--file", "g")))
	require.Equal(t, api.JobStateQueued, dead.State)
	require.Zero(t, dead.Failures)
	require.Equal(t, 2, lines(b.ok("cancel", "--all", "--dest", "in/*ed")), "queued and leased, by pattern")

	for _, args := range [][]string{{"cancel"}, {"retry", "x"}, {"retry", "--dest", "x"}, {"cancel", queued.Id, "--all"},
		{"retry", "--all", "--dest", "["}} {
		code, _, errOut := b.run(args...)
		require.Equal(t, ExitUsage, code, "%v: %s", args, errOut)
	}
	code, _, _ = b.run("cancel", "00000000")
	require.Equal(t, ExitNotFound, code)
}

func TestShowTellsOfAttempts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	j := b.server.AddJob(b.server.AddFile("f", nil, 5*mib), "in/f")
	require.NotContains(t, b.ok("show", j.Id), "ATTEMPT", "there is none")
	require.Contains(t, b.ok("--json", "show", j.Id), `"attempts":[]`)
	begun, name, detail := time.Now().Add(-time.Minute), "agent-7", "no \x1b[31mspace"
	ended := begun.Add(1500 * time.Millisecond)
	failed := api.AttemptEndFailed
	b.server.Attempts = map[string][]api.Attempt{j.Id: {
		{Attempt: 2, LeaseId: uuid.NewString(), AgentId: uuid.NewString(), GrantedAt: begun},
		{Attempt: 1, LeaseId: uuid.NewString(), AgentId: uuid.NewString(), AgentName: &name, GrantedAt: begun, EndedAt: &ended, End: &failed,
			Problem: &api.JobProblem{Title: "It failed", Detail: &detail}},
	}}
	out := b.ok("show", j.Id)
	require.Regexp(t, `\n\nATTEMPT +END +BEGUN +TOOK +AGENT +PROBLEM +LEASE\n2 +under way +`, out)
	require.Regexp(t, `\n1 +failed +.*  1.5s +agent-7 +It failed: no \\x1b\[31mspace +`+b.server.Attempts[j.Id][1].LeaseId, out)
	var shown struct {
		ID       string
		Attempts []api.Attempt
	}
	require.NoError(t, json.Unmarshal([]byte(b.ok("--json", "show", j.Id)), &shown))
	require.Equal(t, j.Id, shown.ID)
	require.Len(t, shown.Attempts, 2)
	b.server.Hook = func(op string, w http.ResponseWriter, _ *http.Request) bool {
		if strings.HasSuffix(op, "/attempts") {
			http.NotFound(w, nil)
		}
		return strings.HasSuffix(op, "/attempts")
	}
	require.Contains(t, b.ok("show", j.Id), j.Id, "a backend that does not know attempts yet")
}

func TestAgents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	name, version := "agent-7", "0.1.0+abc"
	b.server.Agents = []api.Agent{
		{Id: uuid.NewString(), Name: &name, Version: &version, Caller: "token:x", LastSeenAt: time.Now(), Leases: 3, BytesDone: 5 << 20},
		{Id: uuid.NewString(), Caller: "token:y", LastSeenAt: time.Now().Add(-time.Hour)},
	}
	out := b.ok("agents")
	require.Regexp(t, `^ID +LEASES +DONE +HEARD OF +NAME +VERSION +CALLER\n`+b.server.Agents[0].Id+
		` +3 +5.0 MiB +.* agent-7 +0.1.0\+abc +token:x\n`, out)
	require.Equal(t, 3, lines(out))
	require.Equal(t, 2, strings.Count(b.ok("--json", "agents"), `"last_seen_at"`))
	for _, args := range [][]string{{"agents", "x"}, {"agents", "--limit", "0"}, {"agents", "--limit", "1001"}} {
		code, _, _ := b.run(args...)
		require.Equal(t, ExitUsage, code, "%v", args)
	}
}

func TestTokensAndStats(t *testing.T) {
	t.Parallel()
	b := setup(t)
	out := b.ok("tokens", "create", "ci", "--scope", "jobs,files:read", "--expires-in", "24h")
	require.Contains(t, out, "token    secret-of-ci\n")
	require.Contains(t, out, "scopes   jobs,files:read\n")
	var made api.CreatedToken
	require.NoError(t, json.Unmarshal([]byte(b.ok("--json", "tokens", "create", "x", "--scope", "admin")), &made))
	list := b.ok("tokens", "list")
	require.Equal(t, 3, lines(list))
	require.NotContains(t, list, "secret-of", "the secret is shown once")
	require.Contains(t, b.ok("tokens", "revoke", made.Info.Id[:8]), "revoked")
	require.Contains(t, b.ok("tokens", "list"), "revoked")
	for _, args := range [][]string{
		{"tokens", "create", "x"}, {"tokens", "create", "x", "--scope", "root"}, {"tokens", "create", "--scope", "jobs"}, {"tokens", "nosuch"},
		{"tokens", "create", "x", "--scope", "jobs", "--expires-in", "-1h"}, {"tokens", "create", "x", "--scope", "jobs", "--expires-in", "0s"},
		{"tokens", "revoke"}, {"tokens", "revoke", "x"},
	} {
		code, _, _ := b.run(args...)
		require.Equal(t, ExitUsage, code, "%v", args)
	}
	require.Contains(t, b.ok("stats"), "jobs queued            0\n")
	require.Contains(t, b.ok("stats", "--json"), `"files_ready":0`)
}

func TestLogin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.AddFile("f", nil, 5*mib)
	home := "HOME=" + filepath.Join(b.dir, "home")
	file := filepath.Join(b.dir, "home/.config/scalable-backend/profiles.json")
	withToken := []string{home, "AGENT_TOKEN=" + fakeapi.Token}
	b.env = withToken
	require.Contains(t, b.ok("login", b.server.URL), "logged in as token:test")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	b.env = []string{home, "AGENT_TOKEN=of another API"}
	require.Equal(t, 2, lines(b.ok("list")), "the profile's URL goes with the profile's token")
	b.env = []string{home, "AGENT_API_URL=" + b.server.URL}
	code, _, errOut := b.run("list")
	require.Equal(t, ExitUsage, code, "a stored token is not sent to a URL of the environment")
	require.Contains(t, errOut, "AGENT_TOKEN: required")

	b.env = withToken
	b.ok("login", b.server.URL, "--profile", "second")
	b.env = []string{home, "AGENT_API_URL=http://127.0.0.1:1", "AGENT_TOKEN=x"}
	require.Equal(t, 2, lines(b.ok("list", "--profile", "second")), "a profile that is named wins")
	code, _, errOut = b.run("list", "--profile", "third")
	require.Equal(t, ExitUsage, code)
	require.Contains(t, errOut, `no profile "third"`)

	b.env, b.in = []string{home}, fakeapi.Token+"\n"
	b.ok("login", b.server.URL, "--profile", "from-standard-input")
	b.env = []string{home, "AGENT_TOKEN=wrong"}
	code, _, errOut = b.run("login", b.server.URL)
	require.Equal(t, ExitDenied, code)
	require.Contains(t, errOut, "trying the token")
	require.NoError(t, os.Chmod(file, 0o644))
	code, _, errOut = b.run("list")
	require.Equal(t, ExitUsage, code)
	require.Contains(t, errOut, "other users may read it: chmod 600")
}

func TestHelpAndVersionFlags(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, b.ok("version"), b.ok("--version"))
	require.Equal(t, b.ok("list", "--help"), b.ok("help", "list"))
	require.Equal(t, b.ok("--help"), b.ok("help"))
	require.Contains(t, b.ok("help", "tokens", "create"), "--expires-in")
	for _, args := range [][]string{{"help", "nosuch"}, {"help", "list", "nosuch"}, {"help", "tokens", "nosuch"}} {
		code, out, errOut := b.run(args...)
		require.Equal(t, ExitUsage, code, "%v", args)
		require.Empty(t, out)
		require.Contains(t, errOut, "no such command")
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.server.AddFile("dir/f", nil, 5*mib)
	j := b.server.AddJob(f, "dest")
	complete := func(args ...string) string {
		_, out, _ := b.run(append([]string{"__complete"}, args...)...)
		return out
	}
	require.Contains(t, complete("fetch", ""), "dir/f\t"+f.Id)
	require.Contains(t, complete("cancel", ""), j.Id+"\tdest, queued")
	require.NotContains(t, complete("retry", ""), j.Id)
	require.Contains(t, complete("list", "--state", ""), "succeeded")
	require.Contains(t, complete("list", ""), "jobs")
	require.Contains(t, complete("show", ""), j.Id+"\tdest, queued")
	require.Contains(t, complete("show", ""), "dir/f\t"+f.Id)
	for _, flag := range [][]string{
		{"list", "jobs", "--name"}, {"retry", "--all", "--file"}, {"cancel", "--all", "--file"}, {"verify", "--file"},
	} {
		require.Contains(t, complete(append(flag, "")...), "dir/f\t"+f.Id, "%v", flag)
	}
	var token api.CreatedToken
	require.NoError(t, json.Unmarshal([]byte(b.ok("--json", "tokens", "create", "ci", "--scope", "jobs")), &token))
	require.Contains(t, complete("tokens", "revoke", ""), token.Info.Id+"\tci")
	b.ok("tokens", "revoke", token.Info.Id)
	require.NotContains(t, complete("tokens", "revoke", ""), token.Info.Id)
	b.ok("login", b.server.URL, "--profile", "second")
	require.Contains(t, complete("list", "--profile", ""), "second\n")
	require.Contains(t, complete("help", "tokens", ""), "revoke\t")
	require.Contains(t, complete("agents", ""), ":4", "no files of this directory")
	require.Contains(t, complete("upload", ""), ":0", "files of this directory")
	b.env = nil
	require.Contains(t, complete("fetch", ""), ":4", "without settings there are no hints, and no error")
}

func TestManualPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok("man", filepath.Join(b.dir, "man1"))
	for _, page := range []string{"agent.1", "agent-fetch.1", "agent-tokens-create.1", "agent-agents.1"} {
		text, err := os.ReadFile(filepath.Join(b.dir, "man1", page))
		require.NoError(t, err)
		require.Contains(t, string(text), ".SH SYNOPSIS")
	}
}

// On a terminal of 80 columns each row fits into its line, whatever one name does.
func TestTableFitsTheTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{out: &out}
	long := strings.Repeat("very/long/", 30) + "文件.txt"
	for width, whole := range map[int]bool{80: false, 200: false, 0: true} {
		out.Reset()
		table := a.table(false, 0, column{name: "ID", id: true}, column{name: "STATE"}, column{name: "CREATED"},
			column{name: "NAME", long: true}, column{name: "PROBLEM", wide: true})
		table.width = width
		id := "01a206ee-4717-7b3b-8905-ab15495e5502"
		table.row(nil, id, "ready", at(time.Now()), long, "none")
		table.row(nil, id, "ready", at(time.Now()), "short", "none")
		require.NoError(t, table.flush())
		for line := range strings.Lines(out.String()) {
			if width > 0 {
				require.LessOrEqual(t, runewidth.StringWidth(strings.TrimRight(line, "\n")), width, line)
			}
		}
		require.Equal(t, whole, strings.Contains(out.String(), long))
		require.Equal(t, whole, strings.Contains(out.String(), "PROBLEM"))
		require.Equal(t, whole, strings.Contains(out.String(), id))
		require.Contains(t, out.String(), "文件.txt")
		require.Contains(t, out.String(), "  short")
	}
}

func TestTimesHaveAZone(t *testing.T) {
	t.Parallel()
	moment := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	_, offset := moment.Local().Zone() // in summer it may be another one
	want := moment.Add(time.Duration(offset) * time.Second).Format("2006-01-02 15:04:05 ")
	require.True(t, strings.HasPrefix(at(moment), want), at(moment))
	require.Regexp(t, ` \S+$`, at(moment))
}
