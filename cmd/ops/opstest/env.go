package opstest

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
)

var update = flag.Bool("update", false, "write the golden files again")

// Clock is a time that only Sleep moves.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Sleep moves it at once.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return ctx.Err()
}

// Bench is an environment for one call of a command.
type Bench struct {
	*command.Env
	Out, Err  *bytes.Buffer     // what it printed
	Clock     *Clock            // begins on 2026-02-03 at 04:05:06 UTC
	Variables map[string]string // its environment; empty at first
	// Programs are the answers of other programs by command line ("pulumi stack --show-name"); any other is not installed.
	Programs map[string]string
	Ran      []string // the command lines, in order
}

// NewBench is an environment without a terminal, whose AWS is a's.
func NewBench(t testing.TB, a *AWS) *Bench {
	t.Helper()
	b := &Bench{
		Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Variables: map[string]string{}, Programs: map[string]string{},
		Clock: &Clock{at: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)},
	}
	b.Env = &command.Env{
		Stdin: &bytes.Buffer{}, Stdout: b.Out, Stderr: b.Err,
		Width: func() int { return 0 }, Getenv: func(name string) string { return b.Variables[name] },
		Program: b.run, Attached: b.attached, AWS: a.Config, HTTP: http.DefaultTransport, Now: b.Clock.Now, Sleep: b.Clock.Sleep,
	}
	return b
}

func (b *Bench) run(ctx context.Context, _, name string, args ...string) ([]byte, error) {
	line := name
	for _, arg := range args {
		line += " " + arg
	}
	b.Ran = append(b.Ran, line)
	if text, ok := b.Programs[line]; ok {
		return []byte(text), ctx.Err()
	}
	return nil, fmt.Errorf("%s %w", name, command.ErrMissing)
}

// attached runs nothing: a program whose command line is in Programs succeeds, and prints that.
func (b *Bench) attached(ctx context.Context, p command.Attached) error {
	text, err := b.run(ctx, p.Dir, p.Name, p.Args...)
	fmt.Fprint(b.Out, string(text))
	return err
}

// Golden compares a text with a file of testdata; `go test -update` writes it.
func Golden(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "go test -update writes it")
	require.Equal(t, string(want), got, "%s; if it is meant: make golden", file)
}

// Project makes a project's directory with the files of its two arguments' kind: names and contents in turn.
func Project(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600))
	}
	return dir
}
