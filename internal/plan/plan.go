// Package plan runs a Pulumi program without the Pulumi CLI, a provider, credentials or a network, and returns the resources
// that it registers. It is a small engine: it serves the ResourceMonitor and Engine protocols on a loopback port and starts the
// unmodified program like the CLI does for a preview. Tests that run a program hundreds of times call it in their own process,
// like an inline program of the Automation API. Outputs that AWS would decide are made up from names (internal/plan/shape), or
// unknown as in the preview of a new stack.
package plan

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan/shape"
)

// Options says what to run and how.
type Options struct {
	// Dir holds Pulumi.yaml and the program; empty means the current directory.
	Dir string
	// Program runs in this process instead of the one in Dir. It sees this process's environment: see ForgetMachine.
	Program Program
	// Stack names the stack; its configuration is Pulumi.<stack>.yaml in Dir.
	Stack string
	// StackFile is read instead of Pulumi.<stack>.yaml.
	StackFile string
	// Project replaces the project's name in Pulumi.yaml, as `pulumi new` does.
	Project string
	// ConfigOverrides are set in addition to the stack's configuration, like `pulumi config set --path`:
	// {"compute.maxSize": "7", "aws:region": "eu-west-1"}.
	ConfigOverrides map[string]string
	// Unknown makes every output that is not an input unknown, as in the preview of a new stack.
	Unknown bool
	// Update tells the program that this is an update, not a preview. Neither creates anything.
	Update bool
	// Changed holds the resources, by type::name, that an update has changed: their outputs that AWS decides get new values.
	// Compare sets it to find indirect changes.
	Changed map[string]shape.Change
	// Stderr receives the program's own output; nil discards it.
	Stderr io.Writer
}

// Run runs the program and returns its graph. If the program fails, the error contains the program's message; for a stack that takes
// values from environments it is an *UnseenError.
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
	if err := execute(ctx, o, settings, newStart(dir, address, o, settings, m), m); err != nil {
		return nil, explained(err, settings.unseen)
	}
	graph := m.graph()
	graph.Unseen = settings.unseen
	graph.Warnings = append(settings.warnings, graph.Warnings...)
	return graph, nil
}

type (
	// Graph is what Run returns.
	Graph = graph.Graph
	// Resource is one registration in it.
	Resource = graph.Resource
)
