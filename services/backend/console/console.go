// Package console is the pages on which people see and run the queue: made on the server, of use without JavaScript, with one style
// sheet and one script that stand in each page, so that nothing is loaded from anywhere.
package console

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/backend"
)

// Host is what the console needs of the API that it is a part of: who a caller is, and how a request is told of.
type Host interface {
	// SignIn checks a token that a person entered, Caller one of a cookie: Unauthorized for a wrong one, TooMany once an address has
	// shown too many of these.
	SignIn(r *http.Request, token string) (backend.Caller, error)
	Caller(r *http.Request, token string) (backend.Caller, error)
	// Lately returns the caller of a token that was right in the last hour, for when the database cannot be asked.
	Lately(token string) (backend.Caller, bool)
	// Allow holds a caller to its rate.
	Allow(caller backend.Caller) error
	// Note names the route and the caller of a request for log and metrics, and its error if there is one.
	Note(ctx context.Context, route string, caller backend.Caller, err error)
	// TraceID is the name of a request in the log.
	TraceID(ctx context.Context) string
	// Status maps an error to what a person may see of it.
	Status(err error) Problem
	// MakeToken makes a bearer token; secret is not stored. RevokeToken revokes one.
	MakeToken(ctx context.Context, token backend.Token) (secret string, made backend.Token, err error)
	RevokeToken(ctx context.Context, id uuid.UUID) error
}

// Problem is what a page shows of an error.
type Problem struct {
	Status     int
	Title      string
	Detail     string
	Fields     []backend.FieldError
	RetryAfter time.Duration // zero when it is not known
}

// Config is what the console needs. Service, Host and a Secret of at least 16 bytes are required.
type Config struct {
	Service *backend.Service
	Host    Host
	// Secret is what the backends of a deployment have in common: the forms that one makes are good at the others.
	Secret []byte
	// Version is the build, for the foot of each page.
	Version string
	// Logger hears of pages that cannot be made. Nil means slog's default.
	Logger *slog.Logger
}

// Console serves the pages.
type Console struct {
	Config
	templates map[string]*template.Template
	policy    string // the Content-Security-Policy of all pages
	formKey   []byte
	origin    *http.CrossOriginProtection
	last      atomic.Pointer[overview] // the latest numbers that the database gave
}

// New makes a console.
func New(c Config) (*Console, error) {
	if c.Service == nil || c.Host == nil || len(c.Secret) < 16 {
		return nil, errors.New("console.Config: Service, Host and a Secret of at least 16 bytes are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	key, err := hkdf.Key(sha256.New, c.Secret, nil, "console-form/1", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the forms' key: %w", err)
	}
	templates, err := parseTemplates()
	if err != nil {
		return nil, err
	}
	return &Console{
		Config: c, templates: templates, policy: contentPolicy(), formKey: key, origin: http.NewCrossOriginProtection(),
	}, nil
}

// Register adds the console's routes to the public door's.
func (c *Console) Register(mux *http.ServeMux) {
	for _, r := range c.routes() {
		mux.Handle(r.pattern, c.handler(r))
	}
}
