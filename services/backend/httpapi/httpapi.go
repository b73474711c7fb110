package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/console"
)

// Config is what the API needs. Service and Secret are required.
type Config struct {
	Service *backend.Service
	// Secret seals page tokens. All backends of a deployment share it, so that any of them can go on with a list.
	Secret []byte
	// Stage is API Gateway's stage, which may stand before the path on the gateway door. Empty means none.
	Stage string
	// RateLimit is how many requests a caller may make per second, twice as many at once. Zero means no limit.
	RateLimit int
	// Version is the build, for /healthz and the console.
	Version string
	// Observe is called after every request. Nil means that nothing is.
	Observe func(route string, status int, took time.Duration)
	// Tracer makes a span of each request. Nil makes none.
	Tracer trace.TracerProvider
	// Logger is for what callers are not told. Nil means slog's default.
	Logger *slog.Logger
}

// API serves both doors.
type API struct {
	config   Config
	service  *backend.Service
	document *document
	tokens   *tokenCache
	limiter  *limiter
	seal     *sealer
	console  *console.Console
	wrong    *limiter // tokens that are none, by address
	signIns  *limiter // the same at the sign-in form
}

// New makes an API. An operation of the document that it cannot route is an error.
func New(c Config) (*API, error) {
	if c.Service == nil || len(c.Secret) < 16 {
		return nil, errors.New("httpapi.Config: Service and a Secret of at least 16 bytes are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Observe == nil {
		c.Observe = func(string, int, time.Duration) {}
	}
	doc, err := loadDocument()
	if err != nil {
		return nil, err
	}
	seal, err := newSealer(c.Secret)
	if err != nil {
		return nil, err
	}
	limit := rate.Limit(c.RateLimit)
	if c.RateLimit == 0 {
		limit = rate.Inf
	}
	a := &API{
		config:   c,
		service:  c.Service,
		document: doc,
		seal:     seal,
		tokens:   newTokenCache(c.Service),
		limiter:  newLimiter(limit, 2*c.RateLimit),
	}
	a.wrong, a.signIns = newLimiter(wrongRate, wrongBurst), newLimiter(signInRate, signInBurst)
	a.console, err = console.New(console.Config{
		Service: c.Service, Host: host{a}, Secret: c.Secret, Version: c.Version, Logger: c.Logger,
	})
	return a, err
}

// Public is the load balancer's door: bearer tokens, and the console.
func (a *API) Public() http.Handler {
	d := a.newDoor(backend.PublicDoor)
	a.console.Register(d.mux)
	return d.observed()
}

// Gateway is API Gateway's door: the caller's identity stands in a header that API Gateway sets.
func (a *API) Gateway() http.Handler {
	return a.newDoor(backend.GatewayDoor).observed()
}

// Remember reads the numbers that the console shows while the database does not answer. Call it now and then.
func (a *API) Remember(ctx context.Context) error { return a.console.Remember(ctx) }

// handlers implements StrictServerInterface for one door.
type handlers struct {
	*API
	prefix string // of all paths, as a client sees them
}

var _ StrictServerInterface = (*handlers)(nil)

type contextKey int

const requestKey contextKey = iota

// callerOf returns who makes the request. The pipeline put it there for every operation that is not anonymous.
func callerOf(ctx context.Context) backend.Caller { return backend.CallerOf(ctx) }
