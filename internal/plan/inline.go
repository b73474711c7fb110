package plan

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// inline calls the program, and logs its error as it would itself.
func inline(ctx context.Context, program pulumi.RunFunc, told pulumi.RunInfo) error {
	p, err := pulumi.NewContext(ctx, told)
	if err != nil {
		return fmt.Errorf("starting the program: %w", err)
	}
	defer p.Close() //nolint:errcheck // its connections to this process
	if err := pulumi.RunWithContext(p, program); err != nil {
		return p.Log.Error(err.Error(), nil)
	}
	return nil
}

// ForgetMachine takes the variables from this process's environment that make a plan differ from one machine to the next.
// A program that is started never sees them; one that runs in this process would.
func ForgetMachine() error {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if !ofTheMachine(entry) {
			continue
		}
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("forgetting %s: %w", name, err)
		}
	}
	return nil
}
