// Package leak fails tests that leave goroutines behind.
package leak

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines get to end once nobody needs them. goleak alone waits for half a second, which a loaded machine may
// need to run them once.
const patience = time.Minute

// Main runs the tests and ends the process, with an error if a goroutine stays. Call it from TestMain.
func Main(m *testing.M) { os.Exit(Check(m.Run())) }

// Check returns the exit code of tests that ended with code: another one than 0 if they left goroutines behind.
func Check(code int) int {
	if code != 0 {
		return code
	}
	if err := Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Find waits until no goroutine is left but those of the tests themselves; its error names what does not end.
func Find(options ...goleak.Option) error {
	for begun := time.Now(); ; {
		err := goleak.Find(options...)
		if err == nil || time.Since(begun) > patience {
			return err
		}
	}
}
