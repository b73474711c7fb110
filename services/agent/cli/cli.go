// Package cli is the agent's command line: the agent itself (run) and the client that a person uses.
package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/agent/config"
	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/runner"
	"scalable-backend/services/client"
	"scalable-backend/services/internal/build"
)

// app is one invocation.
type app struct {
	env         map[string]string
	in          io.Reader
	out, errOut io.Writer

	apiURL, token, profile string
	json                   bool
	interrupted            <-chan struct{}
	handler                runner.Handler         // of run; nil keeps the files
	restore                atomic.Pointer[func()] // of the terminal; nil when it is as it was
	running                atomic.Bool            // the command is run, which takes its time to stop
}

// Run runs one command and returns its exit code. env has the form of os.Environ. The command run gives each published file to
// handler; nil keeps the files and does nothing with them.
func Run(ctx context.Context, args, env []string, handler runner.Handler) int {
	return run(ctx, args, env, handler, os.Stdin, os.Stdout, os.Stderr)
}

// grace is how long a command may take to end after it was interrupted. run has its own, which is longer.
const grace = 800 * time.Millisecond

func run(
	ctx context.Context, args, env []string, handler runner.Handler, in io.Reader, out, errOut io.Writer,
) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stdout := &sink{w: out, failed: cancel} // nobody reads on: the command may end
	a := &app{env: map[string]string{}, in: in, out: stdout, errOut: errOut, interrupted: ctx.Done(), handler: handler}
	for _, e := range env {
		if k, v, ok := strings.Cut(e, "="); ok {
			a.env[k] = v
		}
	}
	root := a.root()
	root.SetArgs(append([]string{}, args...)) // for nil it would take those of the process
	root.SetOut(stdout)
	root.SetErr(errOut)
	err := a.execute(ctx, root)
	if restore := a.restore.Load(); restore != nil {
		(*restore)()
	}
	if failed := stdout.error(); failed != nil {
		a.fail(failed)
		return ExitFailure
	}
	if err == nil {
		return ExitOK
	}
	code := exitCode(ctx, err)
	if code == ExitInterrupted {
		err = errInterrupted
	}
	a.fail(err)
	return code
}

// execute runs the command. A command of a person's that hangs in a system call when it is interrupted is left alone: the process
// ends anyway.
func (a *app) execute(ctx context.Context, root *cobra.Command) error {
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	if a.running.Load() {
		return <-ended
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		return errInterrupted
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "agent",
		Short: "Download agent and command-line client of the backend",
		Long: `agent run is the download agent: it leases jobs, downloads their files, verifies every byte and publishes the files.
The other commands are for people.

` + exitHelp + `

Environment: AGENT_API_URL and AGENT_TOKEN (or AGENT_AUTH=sigv4 with AWS_REGION and AWS credentials) for all commands, or what
agent login has stored, when AGENT_API_URL is not set; HTTPS_PROXY and NO_PROXY, for calls and bytes;
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
	flags.StringVar(&a.profile, "profile", defaultProfile, "the profile that agent login wrote")
	flags.StringVar(&a.apiURL, "api-url", "", "base URL of the API (AGENT_API_URL)")
	flags.StringVar(&a.token, "token", "", "bearer token (AGENT_TOKEN; better there: flags are seen by other users of the machine)")
	flags.BoolVar(&a.json, "json", false, "print JSON, one object a line")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(a.fetchCommand(), a.listCommand(), a.showCommand(), a.submitCommand(),
		a.cancelCommand(), a.retryCommand(), a.deleteCommand(), a.statsCommand(), a.agentsCommand(), a.tokensCommand(), a.loginCommand(),
		a.runCommand(), a.healthcheckCommand(), a.versionCommand())
	completeFlag(root, "profile", a.completeProfiles)
	noFiles(root.Commands())
	root.AddCommand(a.uploadCommand(), a.verifyCommand(), manCommand()) // these take files of this machine
	root.SetHelpCommand(helpCommand(root))
	root.InitDefaultVersionFlag()
	return root
}

func unknownCommand(args []string) error {
	if len(args) > 0 {
		return usagef("no such command: %s", args[0])
	}
	return nil
}

// helpCommand is cobra's, which takes help for an unknown command for a success.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			if c, rest, err := root.Find(args); err == nil && len(rest) == 0 {
				for _, sub := range c.Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, sub.Name()+"\t"+sub.Short)
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("no such command: %s", strings.Join(args, " "))
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
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
	c, err := parse(a.flagged())
	if err != nil {
		return c, usageError{err}
	}
	return c, nil
}

func (a *app) flagged() map[string]string {
	env := maps.Clone(a.env)
	if a.apiURL != "" {
		env["AGENT_API_URL"] = a.apiURL
	}
	if a.token != "" {
		env["AGENT_TOKEN"] = a.token
	}
	return env
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
	env, err := a.withProfile(a.flagged())
	if err != nil {
		return config.Config{}, nil, err
	}
	c, err := config.ParseClient(env)
	if err != nil {
		return c, nil, usageError{err}
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
