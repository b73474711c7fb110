package plan

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// inline calls the program and logs its error, like pulumi.Run.
func inline(ctx context.Context, program pulumi.RunFunc, run pulumi.RunInfo) error {
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
