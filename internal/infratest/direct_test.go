package infratest

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"
)

// Fails if a new version of the SDK lacks the setting that connect uses: plans would only become slower.
func TestConnectReplacesTheSDKsClient(t *testing.T) {
	t.Parallel()
	var run pulumi.RunInfo
	connect(&run, pulumirpc.UnimplementedResourceMonitorServer{})
	require.NotEqual(t, pulumi.RunInfo{}, run, "the SDK has no field wrapResourceMonitorClient any more: see connect")
}
