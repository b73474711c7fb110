package fargate

import (
	"errors"
	"fmt"
	"strings"

	"scalable-backend/internal/component"
	"scalable-backend/internal/container"
)

// Program is what may differ between the agent of this repository and another program in its place. The zero value is neither:
// DefaultProgram is the first.
type Program struct {
	// Environment are variables besides those of the function Environment; nil for none.
	Environment map[string]string
	// Secrets are variables whose value is a key of a secret, "<secret's ARN>:<key>", read when a task starts; nil for none.
	Secrets map[string]string
	// Command is the program and its arguments; nil for the image's own.
	Command []string
	// HealthCommand is a program and its arguments that ends with 0 in a healthy task; nil for no health check.
	HealthCommand []string
	// User is "uid:gid", in numbers.
	User string
	// WritablePaths are directories on the task's disk, besides the data directory; all else is read-only. nil for none.
	WritablePaths []string
	// StopSeconds is the time from SIGTERM to SIGKILL, 30 to 120. AGENT_STOP_TIMEOUT is 15 seconds less.
	StopSeconds int
}

// The bounds of Program.StopSeconds: the largest is Fargate's.
const (
	MinStopSeconds = 30
	MaxStopSeconds = 120

	killMargin = 15 // seconds from the agent's end to SIGKILL
)

// DefaultProgram is the agent of this repository.
func DefaultProgram() Program {
	return Program{
		Command: []string{"/agent", "run"}, HealthCommand: []string{"/agent", "healthcheck"}, User: "65532:65532",
		WritablePaths: []string{tempDir}, StopSeconds: MaxStopSeconds,
	}
}

// ValidateVariable reports a name that Environment sets itself or in another form, or that no variable can have.
func ValidateVariable(name string) error {
	if name == "AGENT_TOKEN" { // the agent of this repository refuses it beside AGENT_AUTH=sigv4
		return errors.New("the infrastructure sets AGENT_AUTH in its place: calls are signed by the role")
	}
	if _, set := Environment(Settings{})[name]; set {
		return fmt.Errorf("the infrastructure sets %s itself", name)
	}
	return container.ValidateName(name)
}

// ValidatePath reports a path that cannot be a writable directory beside the data directory.
func ValidatePath(path string) error {
	if path == dataDir {
		return fmt.Errorf("%s is writable always", dataDir)
	}
	return container.ValidatePath(path)
}

func (p *Program) validate(check *component.Check) {
	check.Variables(p.Environment, p.Secrets, ValidateVariable, ValidateVariable)
	for _, c := range []struct {
		field string
		words []string
	}{{"Program.Command", p.Command}, {"Program.HealthCommand", p.HealthCommand}} {
		for i, word := range c.words {
			check.NoError(fmt.Sprintf("%s[%d]", c.field, i), container.ValidateValue(word))
		}
		check.That(len(c.words) == 0 || strings.Join(c.words[:1], "") != "", c.field+"[0]", "a program", "")
	}
	_, _, err := container.ParseUser(p.User)
	check.NoError("Program.User", err)
	for i, path := range p.WritablePaths {
		check.NoError(fmt.Sprintf("Program.WritablePaths[%d]", i), ValidatePath(path))
	}
	check.Between("Program.StopSeconds", MinStopSeconds, MaxStopSeconds, p.StopSeconds)
}

// volumeName is the name of the volume of WritablePaths[i]. A volume's name has no slash.
func (p *Program) volumeName(i int) string {
	if p.WritablePaths[i] == tempDir {
		return tempVolume
	}
	return fmt.Sprintf("writable-%d", i+1)
}

// stateDir is where the agent keeps what only this task needs.
func (p *Program) stateDir() string {
	if len(p.WritablePaths) == 0 {
		return dataDir
	}
	return p.WritablePaths[0]
}
