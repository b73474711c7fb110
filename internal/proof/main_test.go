package proof

import (
	"os"
	"runtime/debug"
	"testing"
)

// The graphs of hundreds of plans pass through, some stay: at the default a tenth of the time goes into collecting them.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
