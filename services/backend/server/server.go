// Package server is the backend as a process: it puts the parts together, serves both doors and stops in good order.
package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/config"
	"scalable-backend/services/backend/httpapi"
	"scalable-backend/services/backend/metrics"
	"scalable-backend/services/backend/objectstore"
	"scalable-backend/services/backend/postgres"
	"scalable-backend/services/internal/build"
	"scalable-backend/services/internal/tracing"
)

// adminTokenID is the id of the first token, the same in every deployment.
var adminTokenID = uuid.MustParse("00000000-0000-4000-8000-000000000001")

// Run runs the backend until ctx ends, then drains it. environ is as [os.Environ] has it; logs and metrics go to stdout.
func Run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	return run(ctx, args, environ, stdout, func(*postgres.Options) {})
}

// run is Run with changes of what the store is opened with, which tests make.
func run(ctx context.Context, args, environ []string, stdout io.Writer, change func(*postgres.Options)) error {
	flags := flag.NewFlagSet("backend", flag.ContinueOnError)
	showVersion := flags.Bool("version", false, "print the build and exit")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() > 0:
		return fmt.Errorf("no arguments are known, got %q", flags.Args())
	case *showVersion:
		_, err := fmt.Fprintln(stdout, build.Version())
		return err
	}
	variables := map[string]string{}
	for _, entry := range environ {
		key, value, _ := strings.Cut(entry, "=")
		variables[key] = value
	}
	c, err := config.Parse(variables)
	if err != nil {
		return err
	}
	out := &lines{w: stdout}
	logger := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: c.LogLevel})).With("service", "backend", "stack", c.Stack)
	s := &server{
		config: c, log: logger, requests: &metrics.RequestMetrics{}, change: change,
		emitter: metrics.NewEmitter(out, c.MetricsNamespace, c.Stack),
	}
	logger.Info("starting", "version", build.Version())
	tracer, stopTraces := tracing.Start(tracing.Options{
		Service: "backend", Version: build.Version(), Stack: c.Stack, Endpoint: c.TracesEndpoint, Ratio: c.TracesRatio, Logger: logger,
	})
	s.tracer = tracer
	defer func() {
		if err := stopTraces(context.WithoutCancel(ctx)); err != nil {
			logger.Warn("spans were lost", "error", err)
		}
	}()
	if err := s.open(ctx, variables); err != nil {
		return err
	}
	defer s.close()
	return s.run(ctx)
}

// server is one running backend.
type server struct {
	config   config.Config
	log      *slog.Logger
	emitter  *metrics.Emitter
	requests *metrics.RequestMetrics
	tracer   trace.TracerProvider // nil without traces
	change   func(*postgres.Options)

	store   *postgres.Store
	objects *objectstore.Store
	service *backend.Service
	api     *httpapi.API
}

// open makes everything that must stand before the ports open: secrets read, database migrated, admin token stored.
func (s *server) open(ctx context.Context, variables map[string]string) error {
	c := s.config
	cloud, err := loadCloud(ctx, c, variables)
	if err != nil {
		return err
	}
	token, err := cloud.adminToken(ctx)
	if err != nil {
		return err
	}
	if s.objects, err = objectstore.New(objectstore.Config{
		Bucket: c.Bucket, Region: c.Region, Credentials: cloud.aws.Credentials, Endpoint: c.S3Endpoint, URLTTL: c.URLTTL,
	}); err != nil {
		return err
	}
	if s.store, err = s.openStore(ctx, cloud, token); err != nil {
		s.objects.Close()
		return err
	}
	if err := s.makeAPI(token); err != nil {
		s.close()
		return err
	}
	return nil
}

func (s *server) makeAPI(token string) (err error) {
	s.service = backend.NewService(s.store, s.objects, backend.ServiceConfig{LeaseTTL: s.config.LeaseTTL, Wake: s.store.Wake, Logger: s.log})
	s.api, err = httpapi.New(httpapi.Config{
		// All backends of a deployment know the admin token, so its hash-derived keys are theirs in common.
		Service: s.service, Secret: []byte(token), Stage: s.config.Stage, RateLimit: s.config.RateLimit,
		Version: build.Version(), Observe: s.requests.Observe, Tracer: s.tracer, Logger: s.log,
	})
	return err
}

// prepare brings the database to where this process can work with it.
func prepare(ctx context.Context, store *postgres.Store, token string) error {
	if err := store.Migrate(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	admin := backend.Token{
		ID:     adminTokenID,
		Name:   "admin",
		Scopes: []backend.Scope{backend.Admin, backend.FilesRead, backend.FilesWrite, backend.Jobs},
	}
	if err := store.EnsureToken(ctx, admin, sha256.Sum256([]byte(token))); err != nil {
		return fmt.Errorf("storing the admin token: %w", err)
	}
	return nil
}

// openStore waits for the database as long as it takes, also when it goes away while it is prepared: nothing can be served
// without it.
func (s *server) openStore(ctx context.Context, cloud *cloud, token string) (*postgres.Store, error) {
	c := s.config
	options := postgres.Options{
		URL: c.DatabaseURL, MaxConns: c.DatabaseMaxConns, LeaseTTL: c.LeaseTTL, SweepInterval: c.SweepInterval, Tracer: s.tracer, Logger: s.log,
	}
	if c.DatabaseSecretARN != "" {
		options.Credentials, options.CAFile = cloud.databaseSecret(), c.DatabaseCAFile
	}
	s.change(&options)
	return backoff.Retry(ctx, func() (*postgres.Store, error) {
		store, err := postgres.Open(ctx, options)
		if err == nil {
			if err = prepare(ctx, store, token); err != nil {
				store.Close()
			}
		}
		if err != nil && backend.CodeOf(err) != backend.Unavailable {
			err = backoff.Permanent(err)
		}
		return store, err
	}, backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: 100 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 1.5, MaxInterval: 5 * time.Second,
	}), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, wait time.Duration) {
		s.log.Warn("the database cannot be reached yet", "error", err, "wait", wait.Round(time.Millisecond).String())
	}))
}

func (s *server) close() {
	s.store.Close()
	s.objects.Close()
}

// lines keeps the log's lines and those of the metrics apart.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
