package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/term"
)

// Env is all that a command gets from outside. A test replaces what it wants to.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Width is the number of columns of the terminal that Stdout is; 0: it is none, and progress is one line for each change.
	Width func() int
	// Getenv reads a variable of the environment.
	Getenv func(string) string
	// Program runs another program, such as pulumi or docker.
	Program Runner
	// Attached runs a program that has this one's terminal, such as psql or `pulumi up`, which asks.
	Attached func(ctx context.Context, p Attached) error
	// AWS makes the SDK's configuration; an empty profile means the environment's.
	AWS func(ctx context.Context, region, profile string) (aws.Config, error)
	// HTTP sends the requests that are no calls of AWS's SDK. It checks certificates.
	HTTP http.RoundTripper
	// Now is the time, and Sleep waits, or returns the context's error.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

// Runner runs a program in a directory and returns what it printed to stdout. If it fails, the error names the program and has what it
// printed to stderr; it is ErrMissing when there is no such program.
type Runner func(ctx context.Context, dir, name string, args ...string) ([]byte, error)

// ErrMissing means that a program is not installed.
var ErrMissing = errors.New("is not installed")

// System is the real environment.
func System() *Env {
	return &Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Width: width, Getenv: os.Getenv, Program: run, Attached: attach, AWS: loadAWS,
		HTTP: http.DefaultTransport, Now: time.Now, Sleep: sleep,
	}
}

func width() int {
	if os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(os.Stdout.Fd())) {
		return 0
	}
	columns, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || columns <= 0 {
		return 80
	}
	return columns
}

func run(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Stdout, c.Stderr = dir, &stdout, &stderr
	c.WaitDelay = 5 * time.Second
	err := c.Run()
	switch {
	case err == nil:
		return stdout.Bytes(), nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("%s %w", name, ErrMissing)
	}
	line := strings.Join(append([]string{name}, args...), " ")
	return stdout.Bytes(), fmt.Errorf("%s: %w: %s", line, err, strings.TrimSpace(stderr.String()))
}

func loadAWS(ctx context.Context, region, profile string) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithRegion(region), config.WithRetryMode(aws.RetryModeStandard), config.WithRetryMaxAttempts(5),
	}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	// The SDK's own warnings would stand between the lines of a command, which says itself what went wrong.
	options = append(options, config.WithLogger(logging.Nop{}))
	return config.LoadDefaultConfig(ctx, options...)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ReadFile reads a file that a flag names; "-" is stdin.
func ReadFile(env *Env, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(env.Stdin)
	}
	return os.ReadFile(name)
}
