// Package infratest runs a tier's constructor with Pulumi's mocks and records the resources that it registers. In addition to
// the mocks, every output has a value that shows to which resource it belongs, secret outputs are secret, and a run fails if a
// type::name is registered twice, an ARN is empty, or a component does not assign or register an output. Mocks have no unknown
// values and no warnings: for those, Inline passes a program to internal/plan.
package infratest

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/plan/shape"
	"scalable-backend/internal/stack"
)

// The project and stack names of every recorded program.
const (
	Project = "scalable-backend"
	StackID = "test"
	Region  = "eu-central-1"
)

// Stack is the stack that tests pass to a tier.
func Stack() stack.Info {
	return stack.Info{Project: Project, Stack: StackID, Region: Region, AccountID: "123456789012", Partition: "aws"}
}

// Run runs the program and returns the resources that it registered. The test fails on an error of the program and on every
// mistake in the package comment.
func Run(t testing.TB, program func(*pulumi.Context) error) *Graph {
	t.Helper()
	graph, problems, err := run(program)
	if err != nil {
		t.Fatalf("the program failed: %v", err)
	}
	if len(problems) > 0 {
		t.Fatalf("mistakes in what the program registered:\n  %s", strings.Join(problems, "\n  "))
	}
	return graph
}

// RunError runs a program that must fail and returns its error.
func RunError(t testing.TB, program func(*pulumi.Context) error) error {
	t.Helper()
	_, _, err := run(program)
	if err == nil {
		t.Fatalf("the program succeeded, want an error")
	}
	return err
}

// run runs the program with a new recorder and returns the graph, its problems, and the program's error.
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
