package compute

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One error names every problem with the expected value.
func TestEveryProblemIsNamed(t *testing.T) {
	require.EqualError(t, (*Args)(nil).validate(), "compute.Args: want a value, got nil")
	require.EqualError(t, (&Args{MinSize: 3, DesiredCapacity: 2, MaxSize: 1}).validate(), `compute.Args.VPCID: want a value, got nil
compute.Args.PublicSubnetIDs: want a value, got nil
compute.Args.BackendSubnetIDs: want a value, got nil
compute.Args.LoadBalancerSecurityGroupID: want a value, got nil
compute.Args.GatewayLoadBalancerSecurityGroupID: want a value, got nil
compute.Args.BackendSecurityGroupID: want a value, got nil
compute.Args.Image: want a value, got nil
compute.Args.RepositoryARN: want a value, got nil
compute.Args.BucketName: want a value, got nil
compute.Args.BucketARN: want a value, got nil
compute.Args.DataKeyARN: want a value, got nil
compute.Args.LogBucketName: want a value, got nil
compute.Args.LogsKeyARN: want a value, got nil
compute.Args.DatabaseSecretARN: want a value, got nil
compute.Args.AlarmTopicARN: want a value, got nil
compute.Args.InstanceType: instance type "": want family and size, e.g. m7g.large
compute.Args.MinSize, DesiredCapacity, MaxSize: want 1 <= min <= desired <= max, got [3 2 1]
compute.Args.CPUTarget: want 10..90, got 0
compute.Args.RequestsPerTarget: want at least 1, got 0
compute.Args.StageName: want a name, got ""
compute.Args.MetricsNamespace: want a name, got ""
compute.Args.AccessLogPrefix: want a name, got ""
compute.Args.LogRetentionDays: want at least 1, got 0`)
}
