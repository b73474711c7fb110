package infratest

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/plan"
)

// Inline makes a program that a plan runs in this process, hundreds of times if need be, like an inline program of the Automation API.
// It logs the program's error, like pulumi.Run.
func Inline(program pulumi.RunFunc) plan.Program {
	return func(ctx context.Context, start plan.Start) error {
		run := pulumi.RunInfo{
			Project: start.Project, Stack: start.Stack, Organization: start.Organization, RootDirectory: start.RootDirectory,
			Config: start.Config, ConfigSecretKeys: start.ConfigSecretKeys, DryRun: start.DryRun, Parallel: start.Parallel,
			MonitorAddr: start.Address, EngineAddr: start.Address,
		}
		connect(&run, start.Monitor)
		p, err := pulumi.NewContext(ctx, run)
		if err != nil {
			return fmt.Errorf("starting the program: %w", err)
		}
		defer p.Close() //nolint:errcheck // only connections to this process
		defer stopCallbacks(p)
		if err := pulumi.RunWithContext(p, program); err != nil {
			return p.Log.Error(err.Error(), nil)
		}
		return nil
	}
}
