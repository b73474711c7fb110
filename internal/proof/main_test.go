// Package proof holds what is proven of the whole program: tests over the resource graphs that it plans, each planned in this
// process. What they judge with is in the packages below.
package proof

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"

	"scalable-backend/internal/plan"
)

// root is the directory of the program, seen from here, where its tests run.
const root = "../.."

func TestMain(m *testing.M) {
	// The graphs of hundreds of plans pass through, some stay: at the default a tenth of the time goes into collecting them.
	debug.SetGCPercent(400)
	if err := plan.ForgetMachine(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
