package network

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One error names every problem with the expected value.
func TestEveryProblemIsNamed(t *testing.T) {
	require.EqualError(t, (*Args)(nil).validate(), "network.Args: want a value, got nil")
	wrong := &Args{NAT: NATByInstance, FlowLogs: true, PersistentStorage: true}
	require.EqualError(t, wrong.validate(), `network.Args.LogsKeyARN: want a value, got nil
network.Args.AlarmTopicARN: want a value, got nil
network.Args.CIDR: "" is not a CIDR range, want one such as 10.20.0.0/16
network.Args.Zones: want 2..4, got 0
network.Args.PersistentStorage: want no file system without Agents, got true
network.Args.BackendPort: want 1..65535, got 0
network.Args.GatewayPort: want 1..65535, got 0
network.Args.LogRetentionDays: want at least 1, got 0
network.Args.BucketARNs: want at least 1, got 0`)
}

func TestInputsAreNeededWithWhatUsesThem(t *testing.T) {
	args := development()
	args.FlowLogs, args.LogRetentionDays, args.LogsKeyARN = false, 0, nil
	args.NAT, args.AlarmTopicARN = NATSingle, nil
	require.NoError(t, args.validate())
}
