// Package infratest runs a tier's constructor against Pulumi's mocks and records what it registers. It adds what
// mocks leave out: every output has a value that shows which resource it belongs to, secret outputs are secret, and a run fails
// when a type::name is registered twice, when an ARN is empty, when a component leaves an output unassigned or does not register
// its outputs. Mocks have no unknown values and no warnings: use internal/plan for those.
package infratest

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/plan/shape"
	"scalable-backend/internal/stack"
)

// The names that every recorded program runs under.
const (
	Project = "scalable-backend"
	StackID = "test"
	Region  = "eu-central-1"
)

// Stack is the stack that tests pass to a tier.
func Stack() stack.Info {
	return stack.Info{Project: Project, Stack: StackID, Region: Region, AccountID: "123456789012", Partition: "aws"}
}

// Run runs the program and returns what it registered. The test fails on an error of the program and on every fault that the
// package's comment lists.
func Run(t testing.TB, program func(*pulumi.Context) error) *Graph {
	t.Helper()
	graph, problems, err := run(program)
	if err != nil {
		t.Fatalf("the program failed: %v", err)
	}
	if len(problems) > 0 {
		t.Fatalf("the program registered something wrong:\n  %s", strings.Join(problems, "\n  "))
	}
	return graph
}

// RunError runs a program that has to fail and returns its error.
func RunError(t testing.TB, program func(*pulumi.Context) error) error {
	t.Helper()
	_, _, err := run(program)
	if err == nil {
		t.Fatalf("the program succeeded, want an error")
	}
	return err
}

// run runs the program on a fresh recorder and returns the graph, what is wrong with it, and the program's own error.
func run(program func(*pulumi.Context) error) (*Graph, []string, error) {
	r := &recorder{
		env:      shape.NewEnv(Project, StackID, Region),
		objects:  map[string]pulumi.Resource{},
		standIns: map[string]bool{},
		graph:    &Graph{outputs: map[string]map[string]any{}},
		seen:     map[string]bool{},
	}
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		r.ctx = ctx
		if err := ctx.RegisterStackTransformation(r.remember); err != nil {
			return err
		}
		if err := program(ctx); err != nil {
			return err
		}
		r.watchComponents()
		return nil
	}, pulumi.WithMocks(Project, StackID, r), func(info *pulumi.RunInfo) {
		info.Config = map[string]string{"aws:region": Region}
	})
	if err != nil {
		return nil, nil, err
	}
	return r.graph, r.check(), nil
}
