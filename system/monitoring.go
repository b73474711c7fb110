package system

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	apitier "scalable-backend/api"
	"scalable-backend/compute"
	"scalable-backend/database"
	"scalable-backend/monitoring"
	"scalable-backend/network"
	"scalable-backend/services/backend/metrics"
	"scalable-backend/storage"
)

// addMonitoring makes the alarms that no tier made for itself, the dashboard, the budget and the account's guards.
func (s *system) addMonitoring(ctx *pulumi.Context) error {
	memory, err := database.MemoryGiB(s.cfg.Database.InstanceClass)
	if err != nil {
		return err
	}
	args := &monitoring.Args{
		Stack:                        s.at,
		TopicARN:                     s.alerts.TopicARN,
		LogsKeyARN:                   s.storage.LogsKeyARN,
		LogRetentionDays:             s.cfg.Monitoring.LogRetentionDays,
		GuardARNs:                    []pulumi.StringArrayInput{s.compute.GuardARNs},
		LoadBalancerARNSuffix:        s.compute.LoadBalancerARNSuffix,
		TargetGroupARNSuffix:         s.compute.TargetGroupARNSuffix,
		GatewayLoadBalancerARNSuffix: s.compute.GatewayLoadBalancerARNSuffix,
		GatewayTargetGroupARNSuffix:  s.compute.GatewayTargetGroupARNSuffix,
		AutoScalingGroupName:         s.compute.AutoScalingGroupName,
		DatabaseInstanceID:           s.database.InstanceID,
		DatabaseReplicaIDs:           s.database.ReplicaIDs,
		DatabaseReplicas:             s.cfg.Database.Replicas,
		RestAPIName:                  s.api.RestAPIName,
		APIStageName:                 s.api.StageName,
		BucketName:                   s.storage.BucketName,
		BucketMetricsFilter:          storage.RequestMetrics,
		BackendLogGroupName:          s.compute.LogGroupName,
		NATGatewayIDs:                s.network.NATGatewayIDs,
		NATGateways:                  network.NAT(s.cfg.Network.NAT).Gateways(len(s.zones)),
		DatabaseMemoryGiB:            memory,
		DatabaseConnections:          database.MaxConnections(memory),
		DatabaseStorageGiB:           s.cfg.Database.AllocatedStorage,
		Agents:                       s.cfg.Fargate.Enabled,
		MaxTasks:                     s.cfg.Fargate.MaxTasks,
		BacklogPerTask:               s.cfg.Fargate.BacklogPerTask,
		LatencyMethods:               quickMethods(s.document),
		MetricsNamespace:             s.at.Deployment(),
		ServiceMetrics:               s.cfg.Monitoring.ServiceMetrics,
		Metrics: monitoring.Metrics{
			Backlog:        metrics.QueueBacklog,
			OldestAge:      metrics.QueueOldestAgeSeconds,
			Agents:         metrics.AgentsSeen,
			DeadJobs:       metrics.JobsDead,
			RequestLatency: metrics.RequestLatencyMs,
			RequestErrors:  metrics.RequestErrors,
			Requests:       metrics.Requests,
			HostMemory:     compute.HostMemory,
			HostDisk:       compute.HostDisk,
			HostReleaseAge: compute.HostReleaseAge,
		},
		MonthlyBudgetUSD: s.cfg.Budget(),
		WAF:              s.cfg.Monitoring.WAF,
		OwnAddresses:     s.network.NATAddresses,
		GuardDuty:        s.cfg.Monitoring.GuardDuty,
		Config:           s.cfg.Monitoring.AWSConfig,
		Inspector:        s.cfg.Monitoring.Inspector,
		LoadBalancerARN:  s.compute.LoadBalancerARN,
		APIStageARN:      s.api.StageARN,
	}
	if s.cfg.Fargate.Enabled {
		args.GuardARNs = append(args.GuardARNs, s.fargate.GuardARNs)
		args.ClusterName, args.ServiceName, args.AgentLogGroupName = s.fargate.ClusterName, s.fargate.ServiceName, s.fargate.LogGroupName
	}
	s.monitoring, err = monitoring.New(ctx, "monitoring", args)
	return err
}

// quickMethods are the methods whose latency an alarm watches: those that agents call and that answer at once, so not the
// long poll for leases.
func quickMethods(document *apitier.Document) (quick []monitoring.Method) {
	for _, o := range document.Operations() {
		if o.Agents() && !o.LongPoll {
			quick = append(quick, monitoring.Method{ID: o.ID, Method: o.Method, Path: o.Path})
		}
	}
	return quick
}
