package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"

	"scalable-backend/internal/plan"
	"scalable-backend/internal/proof"
)

func TestMain(m *testing.M) {
	// The graphs of hundreds of plans pass through, some stay: at the default a tenth of the time goes into collecting them.
	debug.SetGCPercent(400)
	if err := plan.ForgetMachine(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// What is proven of the whole program.
func TestProof(t *testing.T) { proof.Run(t, program) }
