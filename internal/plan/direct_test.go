package plan

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan/shape"
)

// Fails if a new version of the SDK lacks the setting that connect uses: plans would only become slower.
func TestConnectReplacesTheSDKsClient(t *testing.T) {
	t.Parallel()
	var run pulumi.RunInfo
	connect(&run, newMonitor(shape.NewEnv("program", "dev", "eu-west-1"), false))
	require.NotEqual(t, pulumi.RunInfo{}, run, "the SDK has no field wrapResourceMonitorClient any more: see connect")
}
