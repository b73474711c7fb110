// Package postgres keeps the catalogue, the queue and the tokens in PostgreSQL 15 or later.
//
// Time is the database's clock alone. A lease changes only under the lock of its job's row, and rows of several jobs are locked
// in the order of their ids, so statements that touch the same work queue up instead of deadlocking.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/backend"
)

// Options say where the database is and how the store treats it. Zero fields take their defaults; either URL or Credentials is
// needed.
type Options struct {
	// URL is a connection string. Its sslmode decides about TLS unless CAFile is set.
	URL string
	// Credentials is asked before every new connection, instead of URL.
	Credentials CredentialProvider
	// CAFile holds the roots that the server's certificate must descend from; the host's name is verified too (verify-full).
	CAFile string
	// Plaintext lets Credentials be used without CAFile: for servers on this machine.
	Plaintext bool

	MaxConns int // in the pool; default 20. Listen and Migrate use one more each.

	LeaseTTL      time.Duration // default 60 s
	SweepInterval time.Duration // how often Sweep is called; default 5 s
	RetryBase     time.Duration // the longest wait after the first failure, doubled by each further one; default 2 s
	RetryCap      time.Duration // the longest wait of all; default 5 min

	// CallTimeout bounds one call of the store, from the wait for a connection to the last answer, repeats included; default 4 s, so
	// that a request is answered within 5 s whatever the database does. Sweep, Retain and Migrate may take longer.
	CallTimeout      time.Duration
	StatementTimeout time.Duration // by the server's clock; default 3.5 s, so that a slow statement does not cost its connection
	LockTimeout      time.Duration // by the server's clock; default 3 s
	AcquireTimeout   time.Duration // wait for a free connection; default 3 s
	ConnectTimeout   time.Duration // default 3 s

	// OnWake is called, and must not block, after this process committed work that can be leased at once. Wake tells the same.
	OnWake func()
	// Tracer makes spans of statements, of connecting and of waiting for a connection, below the span of whoever asks; what
	// runs outside of a request, as sweeping and listening do, makes no span. Nil makes none at all.
	Tracer trace.TracerProvider
	// Logger hears of what no caller does: reconnects of Listen. Default slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.MaxConns = cmp.Or(o.MaxConns, 20)
	o.LeaseTTL = cmp.Or(o.LeaseTTL, time.Minute)
	o.SweepInterval = cmp.Or(o.SweepInterval, 5*time.Second)
	o.RetryBase = cmp.Or(o.RetryBase, 2*time.Second)
	o.RetryCap = cmp.Or(o.RetryCap, 5*time.Minute)
	o.CallTimeout = cmp.Or(o.CallTimeout, 4*time.Second)
	o.StatementTimeout = cmp.Or(o.StatementTimeout, 3500*time.Millisecond)
	o.LockTimeout = cmp.Or(o.LockTimeout, 3*time.Second)
	o.AcquireTimeout = cmp.Or(o.AcquireTimeout, 3*time.Second)
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 3*time.Second)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

func (o Options) validate() error {
	var problems []error
	bad := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("postgres.Options."+format, args...))
	}
	if (o.URL == "") == (o.Credentials == nil) {
		bad("URL, Credentials: want exactly one of them")
	}
	if o.Credentials != nil && o.CAFile == "" && !o.Plaintext {
		bad("CAFile: want the file of the certificate authorities, or Plaintext")
	}
	if o.CAFile != "" && o.Plaintext {
		bad("Plaintext: contradicts CAFile")
	}
	if o.MaxConns < 1 || o.MaxConns > 1000 {
		bad("MaxConns: want 1..1000, got %d", o.MaxConns)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"LeaseTTL", o.LeaseTTL}, {"SweepInterval", o.SweepInterval}, {"RetryBase", o.RetryBase}, {"RetryCap", o.RetryCap},
		{"CallTimeout", o.CallTimeout}, {"StatementTimeout", o.StatementTimeout}, {"LockTimeout", o.LockTimeout}, {"AcquireTimeout",
			o.AcquireTimeout},
		{"ConnectTimeout", o.ConnectTimeout},
	} {
		if d.value < time.Millisecond {
			bad("%s: want at least 1ms, got %s", d.name, d.value)
		}
	}
	return errors.Join(problems...)
}

// Store implements backend.Store. It is safe for concurrent use; the one that Once hands to its function is not, and lives no
// longer than the function.
type Store struct {
	*core
	tx    querier // the transaction of Once; nil otherwise
	awake bool    // in a transaction: tell the waiters once it is committed
}

var _ backend.Store = (*Store)(nil)

// core is what a Store and the Stores of its transactions share.
type core struct {
	Options
	id    string // tells this process's notifications from those of others
	pool  *pgxpool.Pool
	wake  broadcast
	quiet time.Duration // how long Listen trusts a silent connection

	claims  *group[backend.Claim, []backend.Lease]
	reports *group[report, backend.Job]
	files   *group[*uuid.UUID, backend.File]

	filePages *shared[backend.File]
	jobPages  *shared[backend.Job]

	answered atomic.Int64 // when a call was answered last, or all connections were closed, in Unix nanoseconds
}

// Open connects to the database. It returns an error with code backend.Unavailable while the database cannot be reached: try
// again. The caller closes the store.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	config, err := o.poolConfig()
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("making the pool of connections: %w", err)
	}
	s := &Store{core: &core{Options: o, id: uuid.NewString(), pool: pool, quiet: listenCheck}}
	s.claims, s.reports, s.files = s.newClaims(), s.newReports(), s.newFiles()
	s.filePages, s.jobPages = newShared(scanFileSummary), newShared(scanJob)
	if err := s.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// Close waits for the connections in use and closes all.
func (s *Store) Close() {
	s.claims.wait()
	s.reports.wait()
	s.files.wait()
	s.filePages.wait()
	s.jobPages.wait()
	s.pool.Close()
}

// Ping implements backend.Store.
func (s *Store) Ping(ctx context.Context) error {
	return s.do(ctx, func(q querier) error {
		_, err := q.Exec(ctx, "SELECT 1")
		return err
	})
}
