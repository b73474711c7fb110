package postgres

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric/noop"

	"scalable-backend/services/backend"
)

// Credentials say where the database is and who may enter.
type Credentials struct {
	Host     string
	Port     uint16
	Database string
	User     string
	Password string
}

// CredentialProvider gives out credentials, from a cache where that is due. It is called concurrently.
type CredentialProvider interface {
	Credentials(ctx context.Context) (Credentials, error)
	// Invalidate says that the server refused these credentials: if they are still the cached ones, they are to be read again.
	Invalidate(refused Credentials)
}

// Between a new secret and the new password on the server lie moments in which either may be ahead, so a refused connection is
// tried again for a while, with growing pauses.
const (
	firstPause = 25 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// poolConfig turns options into the pool's configuration. The address in it is a placeholder when Credentials is set.
func (o Options) poolConfig() (*pgxpool.Config, error) {
	url := o.URL
	if url == "" {
		url = "postgres://placeholder@placeholder.invalid:5432/placeholder?sslmode=disable"
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("reading the database's URL: %w", err)
	}
	beforeConnect, err := o.beforeConnect()
	if err != nil {
		return nil, err
	}
	config.BeforeConnect = beforeConnect
	config.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		registerUUID(conn.TypeMap())
		return nil
	}
	if o.Tracer != nil {
		// The statements are constants of this package. Their parameters are not recorded: that is otelpgx's default.
		config.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithTracerProvider(o.Tracer), otelpgx.WithMeterProvider(noop.NewMeterProvider()))
	}
	config.MaxConns = int32(o.MaxConns)
	config.MaxConnLifetime = 30 * time.Minute
	config.MaxConnLifetimeJitter = 5 * time.Minute
	config.MaxConnIdleTime = 5 * time.Minute
	config.HealthCheckPeriod = 15 * time.Second
	// A connection that was idle for a second is asked for an answer before it is used; several may have to be given up within
	// AcquireTimeout.
	config.PingTimeout = min(time.Second, o.ConnectTimeout)
	config.ConnConfig.ConnectTimeout = o.ConnectTimeout
	params := config.ConnConfig.RuntimeParams
	params["application_name"] = "backend"
	params["timezone"] = "UTC"
	// Compiling a statement takes longer than any of these run. The server would do it for a plan that it thinks costly.
	params["jit"] = "off"
	params["statement_timeout"] = milliseconds(o.StatementTimeout)
	params["lock_timeout"] = milliseconds(o.LockTimeout)
	params["idle_in_transaction_session_timeout"] = milliseconds(2 * o.StatementTimeout)
	return config, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// beforeConnect fills in the credentials of the moment and insists on a verified server where CAFile says so.
func (o Options) beforeConnect() (func(context.Context, *pgx.ConnConfig) error, error) {
	var roots *x509.CertPool
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate authorities: %w", err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading the certificate authorities: no certificate in %s", o.CAFile)
		}
	}
	return func(ctx context.Context, config *pgx.ConnConfig) error {
		if o.Credentials != nil {
			c, err := o.Credentials.Credentials(ctx)
			if err != nil {
				return &backend.Error{
					Code: backend.Unavailable, Detail: "the database cannot be reached", RetryAfter: 2 * time.Second,
					Cause: fmt.Errorf("getting the database's credentials: %w", err),
				}
			}
			config.Host, config.Port, config.Database, config.User, config.Password = c.Host, c.Port, c.Database, c.User, c.Password
		}
		if roots != nil {
			config.TLSConfig = &tls.Config{RootCAs: roots, ServerName: config.Host, MinVersion: tls.VersionTLS12}
			config.Fallbacks = nil // without them there is no second try in plain text
		}
		return nil
	}, nil
}

// refused reports whether the server refused the password; if so, the provider is told.
func (c *core) refused(err error) bool {
	if c.Options.Credentials == nil || !hasCode(err, "28P01") {
		return false
	}
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		c.Options.Credentials.Invalidate(Credentials{
			Host: e.Config.Host, Port: e.Config.Port, Database: e.Config.Database, User: e.Config.User, Password: e.Config.Password,
		})
	}
	return true
}

// acquire takes a connection out of the pool, waiting no longer than AcquireTimeout.
func (c *core) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, c.AcquireTimeout)
	defer cancel()
	conn, err := accepted(bounded, c, c.pool.Acquire)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, &backend.Error{
			Code: backend.Unavailable, Detail: "the database is busy", RetryAfter: time.Second,
			Cause: fmt.Errorf("no connection within %s: %w", c.AcquireTimeout, err),
		}
	}
	return conn, mapError(err)
}

// connect makes a connection outside the pool.
func (c *core) connect(ctx context.Context) (*pgx.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, c.AcquireTimeout+c.ConnectTimeout)
	defer cancel()
	return accepted(bounded, c, func(ctx context.Context) (*pgx.Conn, error) {
		config, err := c.poolConfig()
		if err != nil {
			return nil, err
		}
		if err := config.BeforeConnect(ctx, config.ConnConfig); err != nil {
			return nil, err
		}
		return pgx.ConnectConfig(ctx, config.ConnConfig)
	})
}

// accepted connects until the server accepts the credentials or ctx ends, which a refusal then explains.
func accepted[T any](ctx context.Context, c *core, connect func(context.Context) (T, error)) (T, error) {
	var refusal error
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		conn, err := connect(ctx)
		if !c.refused(err) {
			if err != nil && ctx.Err() != nil {
				err = cmp.Or(refusal, err)
			}
			return conn, err
		}
		refusal = err
		select {
		case <-ctx.Done():
			return conn, err
		case <-time.After(pause):
		}
	}
}
