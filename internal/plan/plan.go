// Package plan runs a Pulumi program without the Pulumi CLI, a provider, credentials or a network, and returns the
// resources that it registers. It is a small engine: it serves the ResourceMonitor and Engine protocols on a loopback port
// and starts the unmodified program as the CLI would, as a preview; or, for a program that runs hundreds of times in tests,
// calls it as the Automation API calls an inline program. Outputs that AWS would decide are made up from
// names (internal/plan/shape), or left unknown as in the preview of a new stack.
package plan

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/plan/shape"
)

// Options says what to run and how.
type Options struct {
	// Dir holds Pulumi.yaml and the program; empty means the current directory.
	Dir string
	// Program runs in this process, in place of the one in Dir. It sees this process's environment: see ForgetMachine.
	Program pulumi.RunFunc
	// Stack names the stack; its configuration is Pulumi.<stack>.yaml in Dir.
	Stack string
	// StackFile is read in place of Pulumi.<stack>.yaml.
	StackFile string
	// Project replaces the project's name in Pulumi.yaml, as `pulumi new` does with the name that one chooses.
	Project string
	// ConfigOverrides are set on top of the stack's configuration as `pulumi config set --path` sets them:
	// {"compute.maxSize": "7", "aws:region": "eu-west-1"}.
	ConfigOverrides map[string]string
	// Unknown leaves every output that is not an input unknown, as the preview of a new stack does.
	Unknown bool
	// Update tells the program that this is an update, not a preview. Nothing is created in either.
	Update bool
	// Changed holds resources, by type::name, that an update has changed. Their outputs that AWS decides get new values; Compare
	// sets it, to find indirect changes.
	Changed map[string]shape.Change
	// Stderr receives the program's own output; nil discards it.
	Stderr io.Writer
}

// Run runs the program and returns its graph. An error of the program carries the program's own message.
func Run(ctx context.Context, o Options) (*Graph, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("finding the project: %w", err)
	}
	settings, err := load(dir, o)
	if err != nil {
		return nil, err
	}
	env := shape.NewEnv(settings.project, o.Stack, settings.values["aws:region"])
	if account := settings.account(); account != "" {
		env.AccountID = account
	}
	env.Changed = o.Changed
	m := newMonitor(env, o.Unknown)
	address, stop, err := serve(m)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := execute(ctx, o, settings, runInfo(dir, address, o, settings), m); err != nil {
		return nil, err
	}
	graph := m.graph()
	graph.Warnings = append(settings.warnings, graph.Warnings...)
	return graph, nil
}
