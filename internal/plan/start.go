package plan

import (
	"context"
	"fmt"
	"os"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Program is a Pulumi program that runs in this process. infratest.Inline makes one of a pulumi.RunFunc; without it nothing here needs
// that package of the SDK, which takes longer to link than all else of cmd/plan.
type Program func(ctx context.Context, start Start) error

// Start is what the CLI passes to a program: a program in its own process gets it in its environment.
type Start struct {
	Project, Stack, Organization string
	RootDirectory                string // of the project, absolute
	Config                       map[string]string
	ConfigSecretKeys             []string
	DryRun                       bool
	Parallel                     int32
	Address                      string                          // of the engine's two services
	Monitor                      pulumirpc.ResourceMonitorServer // the one at Address
}

func newStart(dir, address string, o Options, s *settings, m *monitor) Start {
	return Start{
		Project: s.project, Stack: o.Stack, Organization: "organization", RootDirectory: dir,
		Config: s.values, ConfigSecretKeys: s.secrets, DryRun: !o.Update, Parallel: 16, Address: address, Monitor: m,
	}
}

// ForgetMachine removes the variables that could change a plan (PULUMI_..., AWS_...) from this process's environment. It is needed
// for programs that run in this process (Options.Program); a program in its own process does not get these variables.
func ForgetMachine() error {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if !changesPlan(entry) {
			continue
		}
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("unsetting %s: %w", name, err)
		}
	}
	return nil
}
