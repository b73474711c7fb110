// Package config is the backend's configuration: one strict parser over the environment. It is a leaf, so that whoever starts
// the backend can check what it hands over.
package config

import (
	"log/slog"
	"time"

	"scalable-backend/services/internal/environ"
)

// Config is everything that the backend reads from its environment. A duration is a number with a unit: 500ms, 60s, 15m. The
// comments, with defaults and limits of the tags, are docs/variables.md.
type Config struct {
	// PublicAddr is the listener of the public door, host:port, for bearer tokens. Port 0 takes a free port; the log says which.
	PublicAddr string `env:"BACKEND_PUBLIC_ADDR" envDefault:":8080"`
	// GatewayAddr is the listener of the door behind API Gateway, host:port. Only API Gateway may reach it: it believes the caller
	// that the header X-Gateway-Caller names.
	GatewayAddr string `env:"BACKEND_GATEWAY_ADDR" envDefault:":8081"`

	// Stack is the name of the deployment, the dimension of all metrics.
	Stack string `env:"BACKEND_STACK" required:"true"`
	// Stage is API Gateway's stage: its name may stand before the path on the gateway door.
	Stage string `env:"BACKEND_STAGE" envDefault:"live"`
	// Region is the region of the bucket and of the secrets.
	Region string `env:"AWS_REGION" required:"true"`

	// Bucket is the bucket of the files; versioning must be on.
	Bucket string `env:"BACKEND_BUCKET" required:"true"`
	// S3Endpoint is the URL of another S3-compatible server, addressed path-style. Empty means AWS.
	S3Endpoint string `env:"BACKEND_S3_ENDPOINT"`

	// DatabaseSecretARN is the ARN of the secret with the database's address and credentials. Either it or BACKEND_DATABASE_URL.
	DatabaseSecretARN string `env:"BACKEND_DATABASE_SECRET_ARN"`
	// DatabaseURL is the database's postgres:// URL, for local use.
	DatabaseURL string `env:"BACKEND_DATABASE_URL"`
	// DatabaseCAFile is the file of the certificate authorities by which the database of the secret must prove itself.
	DatabaseCAFile string `env:"BACKEND_DATABASE_CA_FILE" envDefault:"/etc/ssl/rds/global-bundle.pem"`
	// DatabaseMaxConns is how many connections this process opens, at most.
	DatabaseMaxConns int `env:"BACKEND_DATABASE_MAX_CONNS" envDefault:"20" limits:"2 to 500"`

	// AdminTokenSecretARN is the ARN of the secret with the first admin token. Either it or BACKEND_ADMIN_TOKEN.
	AdminTokenSecretARN string `env:"BACKEND_ADMIN_TOKEN_SECRET_ARN"`
	// AdminToken is the first admin token itself, 16 to 256 characters, for local use.
	AdminToken string `env:"BACKEND_ADMIN_TOKEN"`

	// LeaseTTL is how long a lease lives without a heartbeat. Agents renew three times as often.
	LeaseTTL time.Duration `env:"BACKEND_LEASE_TTL" envDefault:"60s" limits:"1s to 1h"`
	// SweepInterval is the time between looks for expired leases.
	SweepInterval time.Duration `env:"BACKEND_SWEEP_INTERVAL" envDefault:"5s" limits:"50ms to 1m"`
	// RetainEnded is how long succeeded and cancelled jobs, their leases and events, and deleted files are kept; 0 keeps them for
	// ever. What the statistics count stays counted.
	RetainEnded time.Duration `env:"BACKEND_RETAIN_ENDED" envDefault:"720h" limits:"0 or 1h to 87600h"`
	// RetainDead is how long dead jobs, their leases and events are kept; 0 keeps them for ever.
	RetainDead time.Duration `env:"BACKEND_RETAIN_DEAD" envDefault:"2160h" limits:"0 or 1h to 87600h"`
	// BucketSweepInterval is the time between two pages, of 1000 objects, of the comparison of the bucket with the catalogue, which
	// deletes what belongs to no file; 0 means never. Set it to 0 before an older state of the database is restored: objects that
	// are newer than that state would be taken for left over.
	BucketSweepInterval time.Duration `env:"BACKEND_BUCKET_SWEEP_INTERVAL" envDefault:"1m" limits:"0 or 1s to 24h"`
	// URLTTL is how long presigned URLs live; less if the credentials that sign them end sooner.
	URLTTL time.Duration `env:"BACKEND_URL_TTL" envDefault:"15m" limits:"1s to 12h"`
	// RateLimit is how many requests a caller may make per second, twice as many at once; 0 means no limit.
	RateLimit int `env:"BACKEND_RATE_LIMIT" envDefault:"200" limits:"0 to 1000000"`

	// DrainTimeout is how long requests in flight may go on after SIGTERM; 0 means that they are cut.
	DrainTimeout time.Duration `env:"BACKEND_DRAIN_TIMEOUT" envDefault:"45s" limits:"0s to 10m"`
	// LogLevel is the least level that is logged: debug, info, warn or error.
	LogLevel slog.Level `env:"BACKEND_LOG_LEVEL" envDefault:"info"`
	// MetricsNamespace is the CloudWatch namespace of all metrics.
	MetricsNamespace string `env:"BACKEND_METRICS_NAMESPACE" envDefault:"ScalableBackend"`

	// TracesEndpoint is the full URL of a collector of OpenTelemetry traces (OTLP over HTTP), http://localhost:4318/v1/traces.
	// Empty means no traces. Of OpenTelemetry's other variables OTEL_RESOURCE_ATTRIBUTES and the exporter's headers, certificates
	// and compression count.
	TracesEndpoint string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`
	// TracesRatio is the part of the traces that begin here and are recorded.
	TracesRatio float64 `env:"OTEL_TRACES_SAMPLER_ARG" envDefault:"0.05" limits:"0 to 1"`
}

// Parse reads the configuration. Every problem is in the one error that it returns: keys beginning with BACKEND_ that it does
// not know, values that do not parse, and contradictions. A value that does not parse is never replaced by a default.
func Parse(values map[string]string) (Config, error) {
	return environ.Parse("backend", "BACKEND_", values, (*Config).validate)
}

// Keys returns the environment variables that Parse reads, sorted.
func Keys() []string { return environ.Keys[Config]() }
