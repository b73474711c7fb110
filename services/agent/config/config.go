// Package config reads the agent's configuration from environment variables, strictly. It imports nothing of the agent, so that
// programs which start agents (the infrastructure's tests, the demo) can check the variables that they set.
package config

import (
	"cmp"
	"log/slog"
	"path/filepath"
	"time"

	"scalable-backend/services/internal/environ"
)

// Config is everything that the agent reads from its environment. A duration is a number with a unit: 500ms, 60s, 24h. The
// comments, with defaults and limits of the tags, are docs/variables.md. Fields without the tag client are for `run` alone.
type Config struct {
	// APIURL is the base of the API, with the stage of an API Gateway if it has one.
	APIURL string `env:"AGENT_API_URL" required:"true" client:"true"`
	// Auth is how requests are authenticated: token (a bearer token, AGENT_TOKEN) or sigv4 (AWS credentials, AWS_REGION).
	Auth string `env:"AGENT_AUTH" envDefault:"token" client:"true"`
	// Token is the bearer token. Required with AGENT_AUTH=token.
	Token string `env:"AGENT_TOKEN" client:"true"`
	// Region is the region for which requests are signed. Required with AGENT_AUTH=sigv4.
	Region string `env:"AWS_REGION" client:"true"`

	// Stack is the name of the deployment, in each line of the log.
	Stack string `env:"AGENT_STACK"`
	// Name is the name of this agent, for people who look at the backend, up to 128 characters. Empty means the host's name.
	Name string `env:"AGENT_NAME"`

	// DataDir is the agent's own directory.
	DataDir string `env:"AGENT_DATA_DIR" envDefault:"/data"`
	// OutputDir is the root of the published files. Empty means the directory files below AGENT_DATA_DIR.
	OutputDir string `env:"AGENT_OUTPUT_DIR"`
	// Retain is how long a published file is kept; 0 keeps files for ever. When the disk runs full, the oldest of them are removed
	// earlier.
	Retain time.Duration `env:"AGENT_RETAIN" envDefault:"24h" limits:"0s to 8760h"`

	// SourceHosts is the list of the hosts from which bytes may be fetched, with commas: names, addresses and *.suffix. Required unless
	// AGENT_INSECURE_SOURCES is set; the commands of a person take any public host when it is empty.
	SourceHosts []string `env:"AGENT_SOURCE_HOSTS" client:"true"`
	// InsecureSources is true where http and loopback sources may be used: for tests and demonstrations. Link-local addresses never
	// are.
	InsecureSources bool `env:"AGENT_INSECURE_SOURCES" envDefault:"false" client:"true"`

	// MaxLeases is how many jobs are worked on at once.
	MaxLeases int `env:"AGENT_MAX_LEASES" envDefault:"4" limits:"1 to 16"`
	// Connections is how many connections one file may use.
	Connections int `env:"AGENT_CONNECTIONS" envDefault:"8" limits:"1 to 16" client:"true"`

	// StopTimeout is how long the process may live after SIGTERM: less than what its supervisor grants.
	StopTimeout time.Duration `env:"AGENT_STOP_TIMEOUT" envDefault:"105s" limits:"1s to 10m"`
	// HealthFile is the file that is written every few seconds, and whose age the command healthcheck looks at.
	HealthFile string `env:"AGENT_HEALTH_FILE" envDefault:"/tmp/agent-health"`
	// LogLevel is the least level that is logged: debug, info, warn or error.
	LogLevel slog.Level `env:"AGENT_LOG_LEVEL" envDefault:"info"`

	// TracesEndpoint is the full URL of a collector of OpenTelemetry traces (OTLP over HTTP), http://localhost:4318/v1/traces.
	// Empty means no traces. Of OpenTelemetry's other variables OTEL_RESOURCE_ATTRIBUTES and the exporter's headers, certificates
	// and compression count.
	TracesEndpoint string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`
	// TracesRatio is the part of the traces that begin here and are recorded.
	TracesRatio float64 `env:"OTEL_TRACES_SAMPLER_ARG" envDefault:"0.05" limits:"0 to 1"`
}

// The values of Auth.
const (
	AuthToken = "token"
	AuthSigV4 = "sigv4"
)

// DefaultHealthFile is HealthFile's default, for healthcheck: it must answer whatever else is wrong with the environment.
const DefaultHealthFile = "/tmp/agent-health"

// Parse reads the configuration of `run`. Every problem is in the one error that it returns: keys that look like a misspelt
// setting, values that do not parse, and contradictions. A value that does not parse is never replaced by a default. Other keys
// that begin with AGENT_ are ignored: CI systems set AGENT_ID, AGENT_BUILDDIRECTORY and more for themselves.
func Parse(values map[string]string) (Config, error) {
	return environ.ParseShared("agent", "AGENT_", values, func(c *Config, k *environ.Check) {
		c.OutputDir = cmp.Or(c.OutputDir, filepath.Join(c.DataDir, "files"))
		c.validate(k)
		c.validateRun(k)
	})
}

// ParseClient reads the configuration of the commands that a person runs. The settings of `run` alone have their defaults,
// whatever the environment says: AGENT_NAME may be another program's.
func ParseClient(values map[string]string) (Config, error) {
	own := map[string]string{}
	for _, field := range environ.Fields[Config]() {
		if value, ok := values[field.Variable]; ok && field.Client {
			own[field.Variable] = value
		}
	}
	return environ.ParseShared("agent", "AGENT_", own, (*Config).validate)
}

// Keys returns the environment variables that Parse reads, sorted.
func Keys() []string { return environ.Keys[Config]() }
