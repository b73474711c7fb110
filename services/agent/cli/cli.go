// Package cli is the agent's command line: the agent itself (run) and the client that a person uses.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/agent/config"
	"scalable-backend/services/agent/download"
	"scalable-backend/services/client"
	"scalable-backend/services/internal/build"
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
5 bytes are not what the catalogue says, 130 interrupted.`

// usageError is a mistake of the caller's.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

var (
	errNotFound = errors.New("not found")
	errMismatch = errors.New("verification failed")
)

// app is one invocation.
type app struct {
	env         map[string]string
	out, errOut io.Writer

	apiURL, token string
	json          bool
}

// Run runs one command and returns its exit code. env has the form of os.Environ.
func Run(ctx context.Context, args, env []string) int {
	return run(ctx, args, env, os.Stdout, os.Stderr)
}

func run(ctx context.Context, args, env []string, out, errOut io.Writer) int {
	a := &app{env: map[string]string{}, out: out, errOut: errOut}
	for _, e := range env {
		if k, v, ok := strings.Cut(e, "="); ok {
			a.env[k] = v
		}
	}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	code := exitCode(ctx, err)
	if code == ExitInterrupted {
		err = errors.New("interrupted")
	}
	a.fail(err)
	return code
}

func (a *app) fail(err error) {
	if a.json {
		_ = json.NewEncoder(a.errOut).Encode(map[string]string{"error": err.Error()})
		return
	}
	fmt.Fprintln(a.errOut, "agent:", err)
	if errors.As(err, &usageError{}) {
		fmt.Fprintln(a.errOut, "See agent --help.")
	}
}

func exitCode(ctx context.Context, err error) int {
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

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "agent",
		Short: "Download agent and command-line client of the backend",
		Long: `agent run is the download agent: it leases jobs, downloads their files, verifies every byte and publishes the files.
The other commands are for people.

` + exitHelp + `

Environment: AGENT_API_URL and AGENT_TOKEN (or AGENT_AUTH=sigv4 with AWS_REGION and AWS credentials) for all commands;
AGENT_SOURCE_HOSTS, AGENT_INSECURE_SOURCES and AGENT_CONNECTIONS for those that move bytes; run reads all of AGENT_*,
and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and OTEL_TRACES_SAMPLER_ARG.`,
		Version:       build.Version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          func(_ *cobra.Command, args []string) error { return unknownCommand(args) },
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetVersionTemplate("agent {{.Version}}\n")
	flags := root.PersistentFlags()
	flags.StringVar(&a.apiURL, "api-url", "", "base URL of the API (AGENT_API_URL)")
	flags.StringVar(&a.token, "token", "", "bearer token (AGENT_TOKEN; better there: flags are seen by other users of the machine)")
	flags.BoolVar(&a.json, "json", false, "print JSON, one object a line")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(a.runCommand(), a.fetchCommand(), a.submitCommand(), a.uploadCommand(), a.listCommand(),
		a.verifyCommand(), a.healthcheckCommand(), a.versionCommand())
	return root
}

func unknownCommand(args []string) error {
	if len(args) > 0 {
		return usagef("no such command: %s", args[0])
	}
	return nil
}

func atLeast(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return usagef("want %s", what)
		}
		return nil
	}
}

func none(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("want no argument, got %q", args[0])
	}
	return nil
}

// settings reads the environment as the flags change it.
func (a *app) settings(parse func(map[string]string) (config.Config, error)) (config.Config, error) {
	env := maps.Clone(a.env)
	if a.apiURL != "" {
		env["AGENT_API_URL"] = a.apiURL
	}
	if a.token != "" {
		env["AGENT_TOKEN"] = a.token
	}
	c, err := parse(env)
	if err != nil {
		return c, usageError{err}
	}
	return c, nil
}

// connect returns the API that the settings name. A nil tracer makes no spans.
func connect(ctx context.Context, c config.Config, tracer trace.TracerProvider) (*client.API, error) {
	o := client.Options{URL: c.APIURL, UserAgent: userAgent(), Tracer: tracer}
	switch c.Auth {
	case config.AuthToken:
		o.Auth = client.Bearer(c.Token)
	case config.AuthSigV4:
		aws, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(c.Region))
		if err != nil {
			return nil, fmt.Errorf("reading the AWS configuration: %w", err)
		}
		o.Auth = client.NewSigV4(aws.Credentials, c.Region)
	}
	return client.New(o)
}

// session is what a command of a person works with.
func (a *app) session(ctx context.Context) (config.Config, *client.API, error) {
	c, err := a.settings(config.ParseClient)
	if err != nil {
		return c, nil, err
	}
	api, err := connect(ctx, c, nil)
	return c, api, err
}

func userAgent() string { return "scalable-backend-agent/" + build.Version() }

func hosts(c config.Config) download.HostPolicy {
	return download.HostPolicy{Allow: c.SourceHosts, Insecure: c.InsecureSources}
}

// cacheDir is where unfinished uploads are remembered; "" is nowhere.
func (a *app) cacheDir() string {
	if d := a.env["XDG_CACHE_HOME"]; filepath.IsAbs(d) {
		return filepath.Join(d, "scalable-backend", "uploads")
	}
	if d := a.env["HOME"]; filepath.IsAbs(d) {
		return filepath.Join(d, ".cache", "scalable-backend", "uploads")
	}
	return ""
}
