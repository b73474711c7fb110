package fargate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One error names every problem with the expected value.
func TestEveryProblemIsNamed(t *testing.T) {
	require.EqualError(t, (*Args)(nil).validate(), "fargate.Args: want a value, got nil")
	wrong := &Args{PersistentStorage: true, SpotWeight: -1, OnDemandBase: -1, MinTasks: 3, DesiredTasks: 2, MaxTasks: 1}
	require.EqualError(t, wrong.validate(), `fargate.Args.SubnetIDs: want a value, got nil
fargate.Args.SecurityGroupID: want a value, got nil
fargate.Args.FileSystemSecurityGroupID: want a value, got nil
fargate.Args.Image: want a value, got nil
fargate.Args.RepositoryARN: want a value, got nil
fargate.Args.APIURL: want a value, got nil
fargate.Args.MethodARNs: want a value, got nil
fargate.Args.BucketName: want a value, got nil
fargate.Args.DataKeyARN: want a value, got nil
fargate.Args.LogsKeyARN: want a value, got nil
fargate.Args.AlarmTopicARN: want a value, got nil
fargate.Args.CPU, Memory: cpu: want one of 256, 512, 1024, 2048, 4096, 8192, 16384, got 0
fargate.Args.MinTasks, DesiredTasks, MaxTasks: want 1 <= min <= desired <= max, got [3 2 1]
fargate.Args.SpotWeight: want 0..1000, got -1
fargate.Args.OnDemandBase: want 0..1, got -1
fargate.Args.BacklogPerTask: want at least 1, got 0
fargate.Args.EphemeralStorage: want 21..200, got 0
fargate.Args.RetainHours: want at least 1, got 0
fargate.Args.ZoneCount: want at least 1, got 0
fargate.Args.Architecture: want arm64 or x86_64, got ""
fargate.Args.MetricsNamespace: want a name, got ""
fargate.Args.BacklogMetric: want a name, got ""
fargate.Args.AgentsMetric: want a name, got ""
fargate.Args.LogRetentionDays: want at least 1, got 0`)
}
