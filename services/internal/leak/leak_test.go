package leak

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { Main(m) }

// A goroutine that ends late is no leak.
func TestFindWaits(t *testing.T) {
	before := goleak.IgnoreCurrent()
	go time.Sleep(time.Second)
	require.Error(t, goleak.Find(before), "goleak has not the patience")
	require.NoError(t, Find(before))
}
