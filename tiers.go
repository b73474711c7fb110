package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	apitier "scalable-backend/api"
	"scalable-backend/compute"
	"scalable-backend/database"
	"scalable-backend/fargate"
	"scalable-backend/images"
	"scalable-backend/monitoring"
	"scalable-backend/network"
	"scalable-backend/services/backend/metrics"
	"scalable-backend/storage"
)

// addAlerts makes the topic first: other tiers send their alarms there.
func (s *system) addAlerts(ctx *pulumi.Context) (err error) {
	s.alerts, err = monitoring.NewAlerts(ctx, "alerts", &monitoring.AlertsArgs{
		Stack:  s.at,
		Emails: s.cfg.Monitoring.AlertEmails,
		// GuardDuty's findings come to the topic by EventBridge.
		EventBridge: s.cfg.Monitoring.GuardDuty,
	})
	return err
}

// addStorage makes the buckets and the keys.
func (s *system) addStorage(ctx *pulumi.Context) (err error) {
	s.storage, err = storage.New(ctx, "storage", &storage.Args{
		Stack:            s.at,
		LogRetentionDays: s.cfg.Monitoring.LogRetentionDays,
	})
	return err
}

// addNetwork makes the network and, from the one table of flows, every security-group rule.
func (s *system) addNetwork(ctx *pulumi.Context) (err error) {
	s.network, err = network.New(ctx, "network", &network.Args{
		Stack:              s.at,
		CIDR:               s.cfg.Network.CIDR,
		Zones:              s.zones,
		NAT:                network.NAT(s.cfg.Network.NAT),
		InterfaceEndpoints: s.cfg.Network.InterfaceEndpoints,
		FlowLogs:           s.cfg.Network.FlowLogs,
		LogRetentionDays:   s.cfg.Monitoring.LogRetentionDays,
		LogsKeyARN:         s.storage.LogsKeyARN,
		AlarmTopicARN:      s.alerts.TopicARN,
		AllowedCIDRs:       s.cfg.Compute.AllowedCIDRs,
		HTTPS:              s.cfg.HTTPS(),
		PersistentStorage:  s.cfg.Fargate.PersistentStorage,
		BucketARNs:         []pulumi.StringInput{s.storage.BucketARN},
	})
	return err
}

// addDatabase makes the database and its credentials.
func (s *system) addDatabase(ctx *pulumi.Context) (err error) {
	s.database, err = database.New(ctx, "database", &database.Args{
		Stack:               s.at,
		SubnetIDs:           s.network.DatabaseSubnetIDs,
		SecurityGroupID:     s.network.SecurityGroups.Database,
		DataKeyARN:          s.storage.DataKeyARN,
		LogsKeyARN:          s.storage.LogsKeyARN,
		AlarmTopicARN:       s.alerts.TopicARN,
		InstanceClass:       s.cfg.Database.InstanceClass,
		EngineVersion:       s.cfg.Database.EngineVersion,
		MultiAZ:             s.cfg.Database.MultiAZ,
		AllocatedStorage:    s.cfg.Database.AllocatedStorage,
		MaxAllocatedStorage: s.cfg.Database.MaxAllocatedStorage,
		BackupRetentionDays: s.cfg.Database.BackupRetentionDays,
		DeletionProtection:  s.cfg.Database.DeletionProtection,
		Enhanced:            s.cfg.Production,
		Replicas:            s.cfg.Database.Replicas,
		PasswordVersion:     s.cfg.Database.PasswordVersion,
		LogRetentionDays:    s.cfg.Monitoring.LogRetentionDays,
	})
	return err
}

// addImages builds and pushes the images of backend and agent, or takes the given ones.
func (s *system) addImages(ctx *pulumi.Context) (err error) {
	s.images, err = images.New(ctx, "images", &images.Args{
		Stack:        s.at,
		Architecture: s.cfg.Compute.Architecture,
		DataKeyARN:   s.storage.DataKeyARN,
		Backend:      s.cfg.Images.Backend,
		Agent:        s.cfg.Images.Agent,
	})
	return err
}

// addCompute makes both doors and the group of instances behind them.
func (s *system) addCompute(ctx *pulumi.Context) (err error) {
	s.compute, err = compute.New(ctx, "compute", &compute.Args{
		Stack:                              s.at,
		VPCID:                              s.network.VPCID,
		PublicSubnetIDs:                    s.network.PublicSubnetIDs,
		BackendSubnetIDs:                   s.network.BackendSubnetIDs,
		LoadBalancerSecurityGroupID:        s.network.SecurityGroups.LoadBalancer,
		GatewayLoadBalancerSecurityGroupID: s.network.SecurityGroups.GatewayLoadBalancer,
		BackendSecurityGroupID:             s.network.SecurityGroups.Backend,
		InstanceType:                       s.cfg.Compute.InstanceType,
		MinSize:                            s.cfg.Compute.MinSize,
		DesiredCapacity:                    s.cfg.Compute.DesiredCapacity,
		MaxSize:                            s.cfg.Compute.MaxSize,
		Spot:                               s.cfg.Compute.Spot,
		CPUTarget:                          s.cfg.Compute.CPUTarget,
		RequestsPerTarget:                  s.cfg.Compute.RequestsPerTarget,
		CertificateARN:                     s.cfg.Compute.CertificateARN,
		AMIID:                              s.cfg.Compute.AMIID,
		IgnoreRollbackAlarms:               s.cfg.Compute.IgnoreRollbackAlarms,
		DeletionProtection:                 s.cfg.Database.DeletionProtection,
		DetailedMonitoring:                 s.cfg.Production,
		Notifications:                      s.cfg.Production,
		StageName:                          stageName,
		MetricsNamespace:                   metrics.DefaultNamespace,
		LogRetentionDays:                   s.cfg.Monitoring.LogRetentionDays,
		Image:                              s.images.Backend,
		RepositoryARN:                      s.images.BackendRepositoryARN,
		BucketName:                         s.storage.BucketName,
		BucketARN:                          s.storage.BucketARN,
		DataKeyARN:                         s.storage.DataKeyARN,
		LogBucketName:                      s.storage.LogBucketName,
		LogsKeyARN:                         s.storage.LogsKeyARN,
		DatabaseSecretARN:                  s.database.SecretARN,
		AlarmTopicARN:                      s.alerts.TopicARN,
	})
	return err
}

// addAPI makes the REST API in front of the gateway door.
func (s *system) addAPI(ctx *pulumi.Context) (err error) {
	s.api, err = apitier.New(ctx, "api", &apitier.Args{
		Stack:                s.at,
		Document:             s.document,
		StageName:            stageName,
		LoadBalancerARN:      s.compute.GatewayLoadBalancerARN,
		LoadBalancerDNSName:  s.compute.GatewayLoadBalancerDNSName,
		Port:                 gatewayPort,
		ThrottleRate:         s.cfg.API.ThrottleRate,
		ThrottleBurst:        s.cfg.API.ThrottleBurst,
		ManageAccountLogging: s.cfg.API.ManageAccountLogging,
		Tracing:              s.cfg.Production,
		LogRetentionDays:     s.cfg.Monitoring.LogRetentionDays,
		LogsKeyARN:           s.storage.LogsKeyARN,
	})
	return err
}

// addFargate makes the service of agents.
func (s *system) addFargate(ctx *pulumi.Context) (err error) {
	s.fargate, err = fargate.New(ctx, "fargate", &fargate.Args{
		Stack:                     s.at,
		SubnetIDs:                 s.network.ClientSubnetIDs,
		SecurityGroupID:           s.network.SecurityGroups.Agents,
		FileSystemSecurityGroupID: s.network.SecurityGroups.FileSystem,
		ZoneCount:                 len(s.zones),
		CPU:                       s.cfg.Fargate.CPU,
		Memory:                    s.cfg.Fargate.Memory,
		MinTasks:                  s.cfg.Fargate.MinTasks,
		DesiredTasks:              s.cfg.Fargate.DesiredTasks,
		MaxTasks:                  s.cfg.Fargate.MaxTasks,
		SpotWeight:                s.cfg.Fargate.SpotWeight,
		OnDemandBase:              onDemandBase(s.cfg),
		BacklogPerTask:            s.cfg.Fargate.BacklogPerTask,
		EphemeralStorage:          s.cfg.Fargate.EphemeralStorage,
		PersistentStorage:         s.cfg.Fargate.PersistentStorage,
		RetainHours:               s.cfg.Fargate.RetainHours,
		Image:                     s.images.Agent,
		RepositoryARN:             s.images.AgentRepositoryARN,
		Architecture:              s.cfg.Compute.Architecture,
		APIURL:                    s.api.URL,
		MethodARNs:                s.api.AgentMethodARNs,
		BucketName:                s.storage.BucketName,
		DataKeyARN:                s.storage.DataKeyARN,
		LogsKeyARN:                s.storage.LogsKeyARN,
		AlarmTopicARN:             s.alerts.TopicARN,
		MetricsNamespace:          metrics.DefaultNamespace,
		BacklogMetric:             metrics.QueueBacklog,
		AgentsMetric:              metrics.AgentsSeen,
		LogRetentionDays:          s.cfg.Monitoring.LogRetentionDays,
		ContainerInsights:         s.cfg.Production,
	})
	return err
}

// addMonitoring makes the alarms that no tier made for itself, the dashboard, the budget and the account's guards.
func (s *system) addMonitoring(ctx *pulumi.Context) error {
	memory, err := database.MemoryGiB(s.cfg.Database.InstanceClass)
	if err != nil {
		return err
	}
	s.monitoring, err = monitoring.New(ctx, "monitoring", &monitoring.Args{
		Stack:                        s.at,
		TopicARN:                     s.alerts.TopicARN,
		LogsKeyARN:                   s.storage.LogsKeyARN,
		LogRetentionDays:             s.cfg.Monitoring.LogRetentionDays,
		GuardARNs:                    []pulumi.StringArrayInput{s.compute.GuardARNs, s.fargate.GuardARNs},
		LoadBalancerARNSuffix:        s.compute.LoadBalancerARNSuffix,
		TargetGroupARNSuffix:         s.compute.TargetGroupARNSuffix,
		GatewayLoadBalancerARNSuffix: s.compute.GatewayLoadBalancerARNSuffix,
		GatewayTargetGroupARNSuffix:  s.compute.GatewayTargetGroupARNSuffix,
		AutoScalingGroupName:         s.compute.AutoScalingGroupName,
		DatabaseInstanceID:           s.database.InstanceID,
		DatabaseReplicaIDs:           s.database.ReplicaIDs,
		DatabaseReplicas:             s.cfg.Database.Replicas,
		ClusterName:                  s.fargate.ClusterName,
		ServiceName:                  s.fargate.ServiceName,
		RestAPIName:                  s.api.RestAPIName,
		APIStageName:                 s.api.StageName,
		BucketName:                   s.storage.BucketName,
		BucketMetricsFilter:          storage.RequestMetrics,
		BackendLogGroupName:          s.compute.LogGroupName,
		AgentLogGroupName:            s.fargate.LogGroupName,
		NATGatewayIDs:                s.network.NATGatewayIDs,
		NATGateways:                  network.NAT(s.cfg.Network.NAT).Gateways(len(s.zones)),
		DatabaseMemoryGiB:            memory,
		DatabaseStorageGiB:           s.cfg.Database.AllocatedStorage,
		MaxTasks:                     s.cfg.Fargate.MaxTasks,
		BacklogPerTask:               s.cfg.Fargate.BacklogPerTask,
		LatencyMethods:               quickMethods(s.document),
		MetricsNamespace:             metrics.DefaultNamespace,
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
		},
		MonthlyBudgetUSD: s.cfg.Monitoring.MonthlyBudgetUSD,
		WAF:              s.cfg.Monitoring.WAF,
		OwnAddresses:     s.network.NATAddresses,
		GuardDuty:        s.cfg.Monitoring.GuardDuty,
		Config:           s.cfg.Monitoring.AWSConfig,
		Inspector:        s.cfg.Monitoring.Inspector,
		LoadBalancerARN:  s.compute.LoadBalancerARN,
		APIStageARN:      s.api.StageARN,
	})
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

// onDemandBase is how many agents never run on Spot: Fargate Spot does not fall back to on-demand capacity, so production
// keeps one (aws/containers-roadmap#773).
func onDemandBase(cfg Config) int {
	if cfg.Production {
		return 1
	}
	return 0
}
