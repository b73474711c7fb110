package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/internal/text"
	"scalable-backend/services/client"
)

// The exit codes.
const (
	ExitOK          = 0
	ExitFailure     = 1   // anything that is not below
	ExitUsage       = 2   // wrong arguments, flags or environment
	ExitDenied      = 3   // the API knows no such caller, or the caller may not do this
	ExitNotFound    = 4   // no such file or job
	ExitMismatch    = 5   // bytes are not what the catalogue says
	ExitInterrupted = 130 // by SIGINT or SIGTERM, except for run: it is meant to be stopped
)

const exitHelp = `Exit codes: 0 all right, 1 failure, 2 usage or configuration, 3 access denied, 4 not found,
5 bytes are not what the catalogue says, 130 interrupted. A command for several files goes on after one that failed, lists the
failures at the end, and exits with their code if it is the same for all of them, and with 1 otherwise.`

// usageError is a mistake of the caller's.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

var (
	errNotFound    = errors.New("not found")
	errMismatch    = errors.New("verification failed")
	errInterrupted = errors.New("interrupted")
)

func exitCode(ctx context.Context, err error) int {
	if several, ok := errors.AsType[*failures](err); ok {
		return several.exitCode(ctx)
	}
	status := client.StatusOf(err)
	switch {
	case errors.As(err, &usageError{}):
		return ExitUsage
	case ctx.Err() != nil:
		return ExitInterrupted
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ExitDenied
	case status == http.StatusNotFound, errors.Is(err, errNotFound), errors.Is(err, fs.ErrNotExist):
		return ExitNotFound
	case errors.Is(err, errMismatch), errors.Is(err, download.ErrDigest):
		return ExitMismatch
	}
	return ExitFailure
}

// fail writes an error for people, or as JSON. A reader of the output that has gone away needs no words.
func (a *app) fail(err error) {
	if errors.Is(err, syscall.EPIPE) {
		return
	}
	several, isSeveral := errors.AsType[*failures](err)
	if a.json {
		e := struct {
			Error    string    `json:"error"`
			Failures []failure `json:"failures,omitempty"`
		}{Error: err.Error()}
		if isSeveral {
			e.Error, e.Failures = several.summary(), several.list
		}
		_ = json.NewEncoder(text.JSON(a.errOut)).Encode(e)
		return
	}
	switch {
	case isSeveral:
		fmt.Fprintf(a.errOut, "agent: %s:\n", several.summary())
		for _, f := range several.list {
			fmt.Fprintf(a.errOut, "  %s: %s\n", text.Escape(f.What), text.Escape(f.Text))
		}
	case errors.As(err, &usageError{}):
		lines := strings.Split(err.Error(), "\n") // the environment's problems are a list
		for i, line := range lines {
			lines[i] = text.Escape(line)
		}
		fmt.Fprintf(a.errOut, "agent: %s\nSee agent --help.\n", strings.Join(lines, "\n"))
	default:
		fmt.Fprintln(a.errOut, "agent:", text.Escape(err.Error()))
	}
}

// failure is what went wrong with one of several files or jobs.
type failure struct {
	What string `json:"what"`
	Text string `json:"error"`
	err  error
}

// failures is the error of a command that went on after some of its files or jobs had failed.
type failures struct {
	mu    sync.Mutex
	total int // files or jobs, with those that did not fail
	list  []failure
}

func (f *failures) add(what string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, failure{what, strings.TrimPrefix(err.Error(), what+": "), err})
}

// orNil returns nil without a failure. A command for one file fails with that file's error.
func (f *failures) orNil() error {
	switch {
	case len(f.list) == 0:
		return nil
	case len(f.list) == 1 && f.total == 1:
		if strings.HasPrefix(f.list[0].err.Error(), f.list[0].What+": ") { // what is named is not named twice
			return f.list[0].err
		}
		return fmt.Errorf("%s: %w", f.list[0].What, f.list[0].err)
	}
	return f
}

func (f *failures) summary() string { return fmt.Sprintf("%d of %d failed", len(f.list), f.total) }

func (f *failures) Error() string {
	var b strings.Builder
	b.WriteString(f.summary())
	for _, one := range f.list {
		b.WriteString("; " + one.What + ": " + one.Text)
	}
	return b.String()
}

func (f *failures) exitCode(ctx context.Context) int {
	if ctx.Err() != nil {
		return ExitInterrupted
	}
	code := exitCode(ctx, f.list[0].err)
	for _, one := range f.list[1:] {
		if exitCode(ctx, one.err) != code {
			return ExitFailure
		}
	}
	return code
}

// batch does something for each of several files or jobs, some at once, and goes on after a failure.
type batch struct {
	ctx    context.Context // of the work; its cause is what ended it early
	cancel context.CancelCauseFunc
	group  errgroup.Group
	work   chan func() // for goroutines that have done one: with stacks that have grown already small files take a seventh less CPU
	failures
}

func newBatch(ctx context.Context, parallel int) *batch {
	b := &batch{work: make(chan func())}
	b.ctx, b.cancel = context.WithCancelCause(ctx)
	b.group.SetLimit(parallel)
	return b
}

// do does something for one of them. It waits as long as too many others are being done.
func (b *batch) do(what string, f func(context.Context) error) {
	b.total++
	one := func() { b.one(what, f) }
	select {
	case b.work <- one:
		return
	default: // none is idle
	}
	begun := b.group.TryGo(func() error {
		one()
		for next := range b.work {
			next()
		}
		return nil
	})
	if !begun {
		b.work <- one
	}
}

func (b *batch) one(what string, f func(context.Context) error) {
	if b.ctx.Err() != nil {
		return
	}
	err := f(b.ctx)
	switch {
	case err == nil || b.ctx.Err() != nil:
	case hopeless(err):
		b.cancel(err)
	default:
		b.add(what, err)
	}
}

// failed counts one that failed before it could be begun.
func (b *batch) failed(what string, err error) {
	b.total++
	b.add(what, err)
}

// hopeless reports whether an error would come again for all other files and jobs.
func hopeless(err error) bool {
	status := client.StatusOf(err)
	return status == http.StatusUnauthorized || status == http.StatusForbidden || errors.Is(err, client.ErrUnreachable)
}

// wait returns the failures, or what ended all of it early.
func (b *batch) wait() error {
	close(b.work)
	_ = b.group.Wait()
	defer b.cancel(nil)
	if b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	return b.orNil()
}
