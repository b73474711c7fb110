package compute

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"scalable-backend/internal/component"
	"scalable-backend/internal/container"
	backend "scalable-backend/services/backend/config"
)

// Program is what may differ between the backend of this repository and another program in its place. The zero value is neither:
// DefaultProgram is the first.
type Program struct {
	// Environment are variables besides those of the function Environment; nil for none.
	Environment map[string]string
	// Secrets are variables whose value is a key of a secret, "<secret's ARN>:<key>", read at each start; nil for none.
	Secrets map[string]string
	// Command is the program and its arguments; nil for the image's own.
	Command []string
	// Port is where it serves users, GatewayPort where it serves API Gateway; 1024 to 65535, and not the same: what comes through the
	// gateway door is trusted.
	Port, GatewayPort int
	// HealthPath answers a GET with 200 on both ports.
	HealthPath string
	// User is "uid:gid", in numbers.
	User string
	// WritablePaths are directories in memory, of WritableMiB each, at least 1; all else is read-only. nil for none.
	WritablePaths []string
	WritableMiB   int
	// MemoryMiB is the most memory of the container, at least 64; 0 for no limit but the instance's.
	MemoryMiB int
	// StopSeconds is the time from SIGTERM to SIGKILL, 60 to 140. Deregistration at the load balancers ends 30 seconds before, and
	// BACKEND_DRAIN_TIMEOUT 15 seconds.
	StopSeconds int
}

// The bounds of Program.StopSeconds. Deregistration takes at least half a minute, as API Gateway waits for an answer as long, and ends
// before a Spot instance is gone, two minutes after the notice.
const (
	MinStopSeconds = 60
	MaxStopSeconds = 140

	killMargin  = 15 // seconds from the drain's end to SIGKILL
	drainMargin = 30 // seconds from deregistration's end to SIGKILL
)

// The bounds of Program.Port and Program.GatewayPort: a user that is not root binds no lower one.
const (
	MinPort = 1024
	MaxPort = 65535
)

// MinMemoryMiB is the least limit of Program.MemoryMiB but 0.
const MinMemoryMiB = 64

// DefaultProgram is the backend of this repository.
func DefaultProgram() Program {
	return Program{
		Port: backend.PublicPort, GatewayPort: backend.GatewayPort, HealthPath: backend.HealthPath, User: "65532:65532",
		WritablePaths: []string{"/tmp"}, WritableMiB: 64, StopSeconds: 90,
	}
}

// drainSeconds is how long the backend finishes requests after SIGTERM, at most.
func (p *Program) drainSeconds() int { return p.StopSeconds - killMargin }

// deregistrationSeconds covers the longest request, which the backend ends after its WriteTimeout. It is shorter than the drain: an
// instance that is stopped when its deregistration begins serves until the deregistration is over.
func (p *Program) deregistrationSeconds() int { return p.StopSeconds - drainMargin }

// healthPath is what a load balancer can ask for.
var healthPath = regexp.MustCompile(`^/[A-Za-z0-9._~/-]{0,255}$`)

// ValidateHealthPath reports a path that no load balancer asks for as it stands.
func ValidateHealthPath(path string) error {
	if !healthPath.MatchString(path) {
		return fmt.Errorf("want a path of letters, digits and ._~/-, got %q", path)
	}
	return nil
}

// local are the variables of this repository's backend that hold a secret itself, with the one that Environment sets in its place. The
// backend starts with one of the two and refuses both.
var local = map[string]string{
	"BACKEND_DATABASE_URL": "BACKEND_DATABASE_SECRET_ARN", "BACKEND_ADMIN_TOKEN": "BACKEND_ADMIN_TOKEN_SECRET_ARN",
}

// ValidateVariable reports a name that Environment sets itself or in another form, or that no variable can have.
func ValidateVariable(name string) error {
	if instead, set := local[name]; set {
		return fmt.Errorf("the infrastructure sets %s in its place", instead)
	}
	if _, set := Environment(Settings{KeepObjects: true})[name]; set {
		return fmt.Errorf("the infrastructure sets %s itself", name)
	}
	return container.ValidateName(name)
}

// dockerReads are variables that docker's own command obeys, through whose environment secrets pass.
var dockerReads = regexp.MustCompile(`^(PATH|HOME|TMPDIR|GO[A-Z]*|(LD|DOCKER|PYTHON|AWS)_.*|PYTHON.*)$`)

// ValidateSecretName is ValidateVariable for a variable whose value is a secret.
func ValidateSecretName(name string) error {
	if dockerReads.MatchString(name) {
		return fmt.Errorf("%s would change how the container is started", name)
	}
	return ValidateVariable(name)
}

func (p *Program) validate(check *component.Check) {
	check.Variables(p.Environment, p.Secrets, ValidateVariable, ValidateSecretName)
	for i, word := range p.Command {
		check.NoError(fmt.Sprintf("Program.Command[%d]", i), container.ValidateValue(word))
	}
	check.That(len(p.Command) == 0 || strings.Join(p.Command[:1], "") != "", "Program.Command[0]", "a program", "")
	check.Between("Program.Port", MinPort, MaxPort, p.Port)
	check.Between("Program.GatewayPort", MinPort, MaxPort, p.GatewayPort)
	check.That(p.Port != p.GatewayPort, "Program.GatewayPort", "another port than Port", p.GatewayPort)
	check.NoError("Program.HealthPath", ValidateHealthPath(p.HealthPath))
	_, _, err := container.ParseUser(p.User)
	check.NoError("Program.User", err)
	for i, path := range p.WritablePaths {
		check.NoError(fmt.Sprintf("Program.WritablePaths[%d]", i), container.ValidatePath(path))
	}
	check.AtLeast("Program.WritableMiB", 1, p.WritableMiB)
	check.That(p.MemoryMiB == 0 || p.MemoryMiB >= MinMemoryMiB, "Program.MemoryMiB", fmt.Sprintf("0 or at least %d", MinMemoryMiB),
		p.MemoryMiB)
	check.Between("Program.StopSeconds", MinStopSeconds, MaxStopSeconds, p.StopSeconds)
}

// secretsJSON is Secrets as the script reads it: names to ARN and key.
func (p *Program) secretsJSON() (string, error) {
	table := map[string][2]string{}
	for name, text := range p.Secrets {
		s, err := container.ParseSecret(text)
		if err != nil {
			return "", err
		}
		table[name] = [2]string{s.ARN, s.Key}
	}
	text, err := json.Marshal(table)
	return string(text), err
}

// dockerFlags are the flags of `docker run` that differ from program to program, one a line of the unit, and the words after the image.
func (p *Program) dockerFlags() (flags, arguments []string) {
	flags = append(flags, "--user "+p.User)
	flags = append(flags, "--read-only")
	for _, path := range p.WritablePaths {
		flags = append(flags, fmt.Sprintf("--tmpfs %s:rw,noexec,nosuid,nodev,size=%dm", path, p.WritableMiB))
	}
	if p.MemoryMiB > 0 {
		flags = append(flags, fmt.Sprintf("--memory %dm", p.MemoryMiB))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Secrets)) {
		flags = append(flags, "--env "+name)
	}
	if len(p.Command) > 0 {
		flags = append(flags, "--entrypoint "+unitWord(p.Command[0]))
		for _, word := range p.Command[1:] {
			arguments = append(arguments, unitWord(word))
		}
	}
	return flags, arguments
}

// unitWord quotes a word for a command line in a unit of systemd, where $ and % have a meaning too (systemd.service, "Command lines").
func unitWord(word string) string {
	if plainValue.MatchString(word) {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `$$`, `%`, `%%`).Replace(word) + `"`
}

// Excess is how many bytes too many the program adds to the user data, or 0: measured with values of the greatest length in all that
// only AWS knows.
func (p *Program) Excess() int {
	long := func(prefix string, n int) string { return prefix + strings.Repeat("x", n-len(prefix)) }
	boot := Boot{
		Settings: Settings{
			Stack: long("", 100), Stage: "live", Region: long("", 16), Bucket: long("", 63),
			DatabaseSecretARN: long("", 600), AdminTokenSecretARN: long("", 600), MetricsNamespace: long("", 255), Program: *p,
		},
		Image: long("", 300) + ".amazonaws.com/x@sha256:" + strings.Repeat("0", 64), LogGroup: long("", 512),
	}
	script, err := render(boot)
	if err != nil {
		return 0 // another check says it
	}
	return max(0, len(script)-userDataLimit)
}
