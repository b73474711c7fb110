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

// Config is everything that the agent reads from its environment. A duration is a number with a unit: 500ms, 60s, 24h.
type Config struct {
	// APIURL is the base of the API, with the stage of an API Gateway if it has one.
	APIURL string `env:"AGENT_API_URL"`
	// Auth is how requests are authenticated: token (a bearer token, Token) or sigv4 (AWS credentials, Region).
	Auth   string `env:"AGENT_AUTH" envDefault:"token"`
	Token  string `env:"AGENT_TOKEN"`
	Region string `env:"AWS_REGION"`

	// Stack names the deployment and Name this agent, in logs and for people who look at the backend. An empty Name means the
	// host's name.
	Stack string `env:"AGENT_STACK"`
	Name  string `env:"AGENT_NAME"`

	// DataDir is the agent's own directory; OutputDir is the root of the published files, DataDir/files when empty.
	DataDir   string `env:"AGENT_DATA_DIR" envDefault:"/data"`
	OutputDir string `env:"AGENT_OUTPUT_DIR"`
	// Retain is how long `run` keeps a file that it published, up to 8760h; 0 keeps files for ever. When the disk runs full, the
	// oldest of them are removed earlier.
	Retain time.Duration `env:"AGENT_RETAIN" envDefault:"24h"`

	// SourceHosts are the hosts from which bytes may be fetched: a comma list of names and of *.suffix. Required by `run`
	// unless InsecureSources is set; commands run by a person take any public host when it is empty.
	SourceHosts []string `env:"AGENT_SOURCE_HOSTS"`
	// InsecureSources lets http and loopback sources in: for tests and demonstrations. Link-local addresses never are.
	InsecureSources bool `env:"AGENT_INSECURE_SOURCES" envDefault:"false"`

	// MaxLeases is how many jobs are worked on at once, 1 to 16; Connections how many connections one file may use, 1 to 16.
	MaxLeases   int `env:"AGENT_MAX_LEASES" envDefault:"4"`
	Connections int `env:"AGENT_CONNECTIONS" envDefault:"8"`

	// StopTimeout is how long the process may live after SIGTERM, 1s to 10m: less than what its supervisor grants.
	StopTimeout time.Duration `env:"AGENT_STOP_TIMEOUT" envDefault:"105s"`
	// HealthFile is the file that `run` writes every few seconds, and whose age `healthcheck` looks at.
	HealthFile string `env:"AGENT_HEALTH_FILE" envDefault:"/tmp/agent-health"`
	// LogLevel is debug, info, warn or error.
	LogLevel slog.Level `env:"AGENT_LOG_LEVEL" envDefault:"info"`

	// TracesEndpoint, of `run` alone, is the full URL of a collector of OpenTelemetry traces (OTLP over HTTP),
	// http://localhost:4318/v1/traces. Empty means no traces. TracesRatio is the part of the traces that begin here and are
	// recorded, 0 to 1. Of OpenTelemetry's other variables OTEL_RESOURCE_ATTRIBUTES and the exporter's headers, certificates and
	// compression count.
	TracesEndpoint string  `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`
	TracesRatio    float64 `env:"OTEL_TRACES_SAMPLER_ARG" envDefault:"0.05"`
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

// clientKeys are the settings of the commands that a person runs.
var clientKeys = []string{
	"AGENT_API_URL", "AGENT_AUTH", "AGENT_TOKEN", "AWS_REGION", "AGENT_SOURCE_HOSTS", "AGENT_INSECURE_SOURCES", "AGENT_CONNECTIONS",
}

// ParseClient reads the configuration of the commands that a person runs. The settings of `run` alone have their defaults,
// whatever the environment says: AGENT_NAME may be another program's.
func ParseClient(values map[string]string) (Config, error) {
	own := map[string]string{}
	for _, key := range clientKeys {
		if value, ok := values[key]; ok {
			own[key] = value
		}
	}
	return environ.ParseShared("agent", "AGENT_", own, (*Config).validate)
}

// Keys returns the environment variables that Parse reads, sorted.
func Keys() []string { return environ.Keys[Config]() }
