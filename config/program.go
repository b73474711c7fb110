package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"scalable-backend/compute"
	"scalable-backend/internal/container"
)

// validVariable checks a variable of a container.
func validVariable(validName func(string) error) func(name, value string) error {
	return func(name, value string) error { return errors.Join(validName(name), container.ValidateValue(value)) }
}

// validSecret checks a variable whose value is a secret.
func validSecret(validName func(string) error) func(name, value string) error {
	return func(name, value string) error {
		_, err := container.ParseSecret(value)
		return errors.Join(validName(name), err)
	}
}

func validUser(text string) error {
	_, _, err := container.ParseUser(text)
	return err
}

func paths(key string, target *[]string, def []string, example string, valid func(string) error) *setting {
	return listOf(key, target, def, false, takesPaths, example, valid)
}

// optionalInteger takes 0 for none, which is the default.
func optionalInteger(key string, target *int, low, high int) *setting {
	s := integer(key, target, 0, low, high)
	s.allowed, s.example = "0, or "+s.allowed, fmt.Sprint(low)
	s.values = distinct(0, low, high)
	inRange := s.decode
	s.decode = func(raw any) []fault {
		if n, ok, fits := readInteger(raw); ok && fits && n == 0 {
			*target = 0
			return nil
		}
		return inRange(raw)
	}
	return s
}

// maxTaskBytes leaves a quarter of a task definition's 64 KiB (Amazon ECS Developer Guide, "Amazon ECS service quotas") for the rest.
const maxTaskBytes = 48 << 10

func bytesIn(table map[string]string) (n int) {
	for name, value := range table {
		n += len(name) + len(value)
	}
	return n
}

// checkPrograms: what does not fit together in the keys about the programs.
func checkPrograms(c *Config, r *report) {
	co, f := &c.Compute.Program, &c.Fargate.Program
	for _, service := range []struct {
		tier                 string
		environment, secrets map[string]string
	}{{"compute", co.Environment, co.Secrets}, {"fargate", f.Environment, f.Secrets}} {
		key := service.tier + ".secrets"
		for _, name := range slices.Sorted(maps.Keys(service.secrets)) {
			place := fmt.Sprintf("%s[%q]", key, name)
			if _, twice := service.environment[name]; twice && r.clean(place, service.tier+".environment") {
				r.addCommand(place, service.secrets[name], "it is in "+service.tier+".environment too; remove one of the two",
					r.remove(fmt.Sprintf("%s.environment[%q]", service.tier, name)))
				continue
			}
			checkSecret(c, r, place, service.secrets[name])
		}
	}
	if co.Port == co.GatewayPort && r.clean("compute.port", "compute.gatewayPort") {
		other := compute.DefaultProgram().GatewayPort
		if co.Port == other {
			other++
		}
		r.add("compute.gatewayPort", co.GatewayPort, "want another port than compute.port: what comes through the gateway door is trusted",
			fmt.Sprint(other))
	}
	for _, command := range []struct {
		key   string
		words []string
	}{{"compute.command", co.Command}, {"fargate.command", f.Command}, {"fargate.healthCommand", f.HealthCommand}} {
		if len(command.words) > 0 && command.words[0] == "" && r.clean(command.key) {
			r.add(command.key+"[0]", "", "want a program", "/app")
		}
	}
	if co.MemoryMiB > 0 && len(co.WritablePaths) > 0 && co.WritableMiB > co.MemoryMiB && r.clean("compute.memory", "compute.writableMiB") {
		r.add("compute.writableMiB", co.WritableMiB, fmt.Sprintf("want at most compute.memory, which is %d: files in memory count towards it, "+
			"and the program would be killed before a directory is full", co.MemoryMiB), fmt.Sprint(max(1, co.MemoryMiB/8)))
	}
	if c.Fargate.PersistentStorage && len(f.HealthCommand) > 0 && len(f.WritablePaths) == 0 &&
		r.clean("fargate.writablePaths", "fargate.persistentStorage", "fargate.healthCommand") {
		const key = "fargate.writablePaths"
		r.addCommand(key, []string{}, "want a directory of the task's own with fargate.persistentStorage: all agents share /data, and the "+
			"health file of one there would speak for all", r.remove(key)+" && "+r.set(key+"[0]", "/tmp"))
	}
	if r.clean("compute.environment", "compute.secrets", "compute.command", "compute.writablePaths") {
		if over := co.Excess(); over > 0 {
			r.addCommand("compute.environment", fmt.Sprintf("%d variables", len(co.Environment)), fmt.Sprintf("want %d bytes less in "+
				"compute.environment, compute.secrets and compute.command together: an instance's user data has no more room", over),
				r.remove(`compute.environment["<name>"]`))
		}
	}
	if over := bytesIn(f.Environment) + bytesIn(f.Secrets) - maxTaskBytes; over > 0 && r.clean("fargate.environment", "fargate.secrets") {
		r.addCommand("fargate.environment", fmt.Sprintf("%d variables", len(f.Environment)), fmt.Sprintf("want %d bytes less in "+
			"fargate.environment and fargate.secrets together: a task definition has no more room", over),
			r.remove(`fargate.environment["<name>"]`))
	}
	if c.Fargate.Enabled && c.Fargate.MinTasks == 0 && !c.Monitoring.ServiceMetrics &&
		r.clean("fargate.minTasks", "monitoring.serviceMetrics") {
		r.add("fargate.minTasks", 0, "want at least 1 with monitoring.serviceMetrics false: scaling on CPU starts no first agent", "1")
	}
}

// checkSecret: a role of the stack reads secrets of its own account, and only in its region are they near.
func checkSecret(c *Config, r *report, place, text string) {
	s, err := container.ParseSecret(text)
	if err != nil || s.Account == documentationAccount || !r.clean(place, regionKey, accountsKey) {
		return
	}
	_, rest, _ := strings.Cut(text, ":secret:")
	example := "arn:" + c.Partition() + ":secretsmanager:" + c.Region + ":" + append(c.accounts(), documentationAccount)[0] + ":secret:" + rest
	if s.Region != c.Region || s.Partition != c.Partition() {
		r.add(place, text, "want a secret of "+c.Region+", the stack's region", example)
		return
	}
	if accounts := c.accounts(); len(accounts) > 0 && !slices.Contains(accounts, s.Account) {
		r.add(place, text, "want a secret of an account in "+accountsKey+", "+strings.Join(accounts, " or "), example)
	}
}
