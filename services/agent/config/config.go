// Package config is the agent's configuration: one strict parser over the environment. It is a leaf, so that whoever starts
// the agent can check what it hands over.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Config is everything that the agent reads from its environment. A duration is a number with a unit: 500ms, 60s, 24h.
type Config struct {
	// APIURL is the base of the API, with the stage of an API Gateway if it has one.
	APIURL string `env:"AGENT_API_URL"`
	// Auth is how the agent proves who it is: token (a bearer token, Token) or sigv4 (AWS credentials, Region).
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
	// Retain is how long a published file is kept, sooner removed when the disk runs full, up to 8760h; 0 keeps files for ever.
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
	// HealthFile is what `run` touches while it is alive and `healthcheck` looks at.
	HealthFile string `env:"AGENT_HEALTH_FILE" envDefault:"/tmp/agent-health"`
	// LogLevel is debug, info, warn or error.
	LogLevel slog.Level `env:"AGENT_LOG_LEVEL" envDefault:"info"`
}

// The values of Auth.
const (
	AuthToken = "token"
	AuthSigV4 = "sigv4"
)

// DefaultHealthFile is HealthFile's default, for healthcheck: it must answer whatever else is wrong with the environment.
const DefaultHealthFile = "/tmp/agent-health"

// Parse reads the configuration of `run`. Every problem is in the one error that it returns: keys beginning with AGENT_ that
// it does not know, values that do not parse, and contradictions. A value that does not parse is never replaced by a default.
func Parse(environ map[string]string) (Config, error) {
	return parse(environ, func(c Config, k *check) { c.validateRun(k) })
}

// ParseClient reads the configuration of the commands that a person runs: as strict, but a command needs less.
func ParseClient(environ map[string]string) (Config, error) {
	return parse(environ, nil)
}

// Keys returns the environment variables that Parse reads, sorted.
func Keys() []string {
	var keys []string
	for field := range reflect.TypeFor[Config]().Fields() {
		keys = append(keys, field.Tag.Get("env"))
	}
	slices.Sort(keys)
	return keys
}

func parse(environ map[string]string, more func(Config, *check)) (Config, error) {
	var c Config
	problems := unknown(environ)
	malformed, err := decode(&c, environ)
	if err != nil {
		return Config{}, err
	}
	for _, key := range slices.Sorted(maps.Keys(malformed)) {
		problems = append(problems, key+": "+malformed[key])
	}
	c.OutputDir = cmp.Or(c.OutputDir, filepath.Join(c.DataDir, "files"))
	k := &check{malformed: malformed}
	c.validate(k)
	if more != nil {
		more(c, k)
	}
	problems = append(problems, k.problems...)
	if len(problems) == 0 {
		return c, nil
	}
	return Config{}, fmt.Errorf("the agent's environment has %d problem(s):\n  - %s", len(problems), strings.Join(problems, "\n  - "))
}

// unknown also reports keys that are set to nothing although they have a default: the decoder would take the default.
func unknown(environ map[string]string) []string {
	known := map[string]string{}
	for field := range reflect.TypeFor[Config]().Fields() {
		known[field.Tag.Get("env")] = field.Tag.Get("envDefault")
	}
	var problems []string
	for key, value := range environ {
		fallback, ok := known[key]
		switch {
		case !ok && strings.HasPrefix(key, "AGENT_"):
			problems = append(problems, key+": no such setting")
		case ok && value == "" && fallback != "":
			problems = append(problems, key+": set, but empty; leave it out for "+fallback)
		}
	}
	slices.Sort(problems)
	return problems
}

// decode fills c and returns what did not parse, by key.
func decode(c *Config, environ map[string]string) (map[string]string, error) {
	err := env.ParseWithOptions(c, env.Options{Environment: environ})
	if err == nil {
		return nil, nil
	}
	aggregate, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return nil, err
	}
	malformed := map[string]string{}
	for _, e := range aggregate.Errors {
		problem, ok := errors.AsType[env.ParseError](e)
		if !ok {
			return nil, err
		}
		field, _ := reflect.TypeFor[Config]().FieldByName(problem.Name)
		malformed[field.Tag.Get("env")] = problem.Err.Error()
	}
	return malformed, nil
}
