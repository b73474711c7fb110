package cli

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/agent/config"
	"scalable-backend/services/agent/download"
	"scalable-backend/services/agent/internal/text"
	"scalable-backend/services/agent/runner"
	"scalable-backend/services/internal/build"
	"scalable-backend/services/internal/tracing"
)

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Lease jobs and download their files until stopped",
		Long: `Lease jobs and download their files until SIGTERM or SIGINT; then finish what ends soon, give the rest back, and exit 0.

All settings come from the environment; every problem with it is reported at once. Logs are JSON on standard error.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			a.running.Store(true)
			return a.run(c.Context())
		},
	}
}

func (a *app) run(ctx context.Context) error {
	c, err := a.settings(config.Parse)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(text.JSON(a.errOut), &slog.HandlerOptions{Level: c.LogLevel}))
	if c.Stack != "" {
		log = log.With("stack", c.Stack)
	}
	tracer, stopTraces := tracing.Start(tracing.Options{
		Service: "agent", Version: build.Version(), Stack: c.Stack, Endpoint: c.TracesEndpoint, Ratio: c.TracesRatio, Logger: log,
	})
	defer func() {
		if err := stopTraces(context.WithoutCancel(ctx)); err != nil {
			log.Warn("spans were lost", "error", err)
		}
	}()
	host, _ := os.Hostname()
	r, closeAll, err := newRunner(ctx, c, a.handler, cmp.Or(c.Name, host), log, tracer)
	if err != nil {
		return err
	}
	defer closeAll()
	return r.Run(ctx)
}

func newRunner(
	ctx context.Context, c config.Config, handler runner.Handler, name string, log *slog.Logger, tracer trace.TracerProvider,
) (*runner.Runner, func(), error) {
	api, err := connect(ctx, c, tracer)
	if err != nil {
		return nil, nil, err
	}
	engine := download.New(download.Options{
		Connections: c.Connections, Hosts: hosts(c), StopGrace: min(15*time.Second, c.StopTimeout/3),
		UserAgent: userAgent(), Log: log,
	})
	r, err := runner.New(runner.Options{
		API: api, Engine: engine, Dir: c.OutputDir, Handler: handler, Log: log, Tracer: tracer,
		Name: name, Version: build.Version(), HealthFile: c.HealthFile,
		MaxLeases: c.MaxLeases, StopTimeout: c.StopTimeout, Retain: c.Retain,
	})
	return r, func() { engine.Close(); api.Close() }, err
}

func (a *app) healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Exit 0 if the agent in this container is alive",
		Long:  "Exit 0 if the agent that writes AGENT_HEALTH_FILE has shown a sign of life within the last 30 seconds.",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			return runner.Healthy(cmp.Or(a.env["AGENT_HEALTH_FILE"], config.DefaultHealthFile))
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			p := a.printer()
			defer p.close()
			p.result(map[string]string{"version": build.Version()}, "agent %s", build.Version())
			return nil
		},
	}
}
