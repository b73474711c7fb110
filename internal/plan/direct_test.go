package plan

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan/shape"
)

// A change of the SDK that makes every plan slower is seen here, and not only felt.
func TestConnectReplacesTheSDKsClient(t *testing.T) {
	t.Parallel()
	var run pulumi.RunInfo
	connect(&run, newMonitor(shape.NewEnv("program", "dev", "eu-west-1"), false))
	require.NotEqual(t, pulumi.RunInfo{}, run, "the SDK has no field wrapResourceMonitorClient any more: see connect")
}
