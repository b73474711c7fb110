package monitoring

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One error names every problem with the expected value.
func TestEveryProblemIsNamed(t *testing.T) {
	require.EqualError(t, (*Args)(nil).validate(), "monitoring.Args: want a value, got nil")
	wrong := &Args{
		WAF: true, Agents: true, ServiceMetrics: true, MonthlyBudgetUSD: -1, QueueAgeLimitSeconds: -1, DatabaseReplicas: -1, NATGateways: -1,
	}
	require.EqualError(t, wrong.validate(), `monitoring.Args.TopicARN: want a value, got nil
monitoring.Args.LogsKeyARN: want a value, got nil
monitoring.Args.LoadBalancerARNSuffix: want a value, got nil
monitoring.Args.TargetGroupARNSuffix: want a value, got nil
monitoring.Args.GatewayLoadBalancerARNSuffix: want a value, got nil
monitoring.Args.GatewayTargetGroupARNSuffix: want a value, got nil
monitoring.Args.AutoScalingGroupName: want a value, got nil
monitoring.Args.DatabaseInstanceID: want a value, got nil
monitoring.Args.ClusterName: want a value, got nil
monitoring.Args.ServiceName: want a value, got nil
monitoring.Args.RestAPIName: want a value, got nil
monitoring.Args.APIStageName: want a value, got nil
monitoring.Args.BucketName: want a value, got nil
monitoring.Args.BackendLogGroupName: want a value, got nil
monitoring.Args.AgentLogGroupName: want a value, got nil
monitoring.Args.LoadBalancerARN: want a value, got nil
monitoring.Args.APIStageARN: want a value, got nil
monitoring.Args.OwnAddresses: want a value, got nil
monitoring.Args.BucketMetricsFilter: want a name, got ""
monitoring.Args.MetricsNamespace: want a name, got ""
monitoring.Args.Metrics.Backlog: want a name, got ""
monitoring.Args.Metrics.OldestAge: want a name, got ""
monitoring.Args.Metrics.Agents: want a name, got ""
monitoring.Args.Metrics.DeadJobs: want a name, got ""
monitoring.Args.Metrics.HostMemory: want a name, got ""
monitoring.Args.Metrics.HostDisk: want a name, got ""
monitoring.Args.Metrics.HostReleaseAge: want a name, got ""
monitoring.Args.LogRetentionDays: want at least 1, got 0
monitoring.Args.DatabaseMemoryGiB: want at least 1, got 0
monitoring.Args.DatabaseConnections: want at least 1, got 0
monitoring.Args.DatabaseStorageGiB: want at least 1, got 0
monitoring.Args.MonthlyBudgetUSD: want at least 0, got -1
monitoring.Args.QueueAgeLimitSeconds: want at least 0, got -1
monitoring.Args.DatabaseReplicas: want at least 0, got -1
monitoring.Args.NATGateways: want at least 0, got -1
monitoring.Args.MaxTasks: want at least 1, got 0
monitoring.Args.BacklogPerTask: want at least 1, got 0`)
}

func TestEveryProblemOfTheAlertsIsNamed(t *testing.T) {
	require.EqualError(t, (*AlertsArgs)(nil).validate(), "monitoring.AlertsArgs: want a value, got nil")
	wrong := &AlertsArgs{Emails: []string{"a@b.example", "a@b.example", "@b.example", "a@", "a"}}
	require.EqualError(t, wrong.validate(), `monitoring.AlertsArgs.Emails[1]: want each address once, got "a@b.example"
monitoring.AlertsArgs.Emails[2]: want an address, got "@b.example"
monitoring.AlertsArgs.Emails[3]: want an address, got "a@"
monitoring.AlertsArgs.Emails[4]: want an address, got "a"`)
}

func TestInputsAreNeededWithWhatUsesThem(t *testing.T) {
	args := testArgs()
	args.WAF, args.OwnAddresses = false, nil
	args.DatabaseReplicas, args.DatabaseReplicaIDs = 0, nil
	args.NATGateways, args.NATGatewayIDs = 0, nil
	require.NoError(t, args.validate())
	args.WAF, args.DatabaseReplicas, args.NATGateways = true, 1, 1
	require.EqualError(t, args.validate(), `monitoring.Args.DatabaseReplicaIDs: want a value, got nil
monitoring.Args.NATGatewayIDs: want a value, got nil
monitoring.Args.OwnAddresses: want a value, got nil`)
}

func TestNoBudgetWithoutAnAmount(t *testing.T) {
	args := testArgs()
	args.MonthlyBudgetUSD = 0
	record(t, args).RequireNone(t, budgetType)
	args.MonthlyBudgetUSD = 1
	record(t, args).Only(t, budgetType)
}
