// Package proof tests the resource graphs of the whole program, each planned in this process. The packages below it evaluate
// graphs.
package proof

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"

	"scalable-backend/internal/plan"
)

// root is the directory of the program, relative to this one, where the tests run.
const root = "../.."

func TestMain(m *testing.M) {
	// The tests allocate hundreds of graphs: at the default setting a tenth of the time goes into garbage collection.
	debug.SetGCPercent(400)
	if err := plan.ForgetMachine(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
