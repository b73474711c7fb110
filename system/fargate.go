package system

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/config"
	"scalable-backend/fargate"
	"scalable-backend/services/backend/metrics"
)

// addFargate makes the service of agents.
func (s *system) addFargate(ctx *pulumi.Context) (err error) {
	if !s.cfg.Fargate.Enabled {
		return nil
	}
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
		ServiceMetrics:            s.cfg.Monitoring.ServiceMetrics,
		CPUTarget:                 s.cfg.Fargate.CPUTarget,
		EphemeralStorage:          s.cfg.Fargate.EphemeralStorage,
		PersistentStorage:         s.cfg.Fargate.PersistentStorage,
		RetainHours:               s.cfg.Fargate.RetainHours,
		Program:                   s.cfg.Fargate.Program,
		Image:                     s.images.Agent,
		RepositoryARN:             s.images.AgentRepositoryARN,
		Architecture:              s.cfg.Compute.Architecture,
		APIURL:                    s.api.URL,
		MethodARNs:                s.api.AgentMethodARNs,
		BucketName:                s.storage.BucketName,
		DataKeyARN:                s.storage.DataKeyARN,
		LogsKeyARN:                s.storage.LogsKeyARN,
		AlarmTopicARN:             s.alerts.TopicARN,
		MetricsNamespace:          s.at.Deployment(),
		BacklogMetric:             metrics.QueueBacklog,
		AgentsMetric:              metrics.AgentsSeen,
		LogRetentionDays:          s.cfg.Monitoring.LogRetentionDays,
		ContainerInsights:         s.cfg.Production,
	})
	return err
}

// onDemandBase is how many agents never run on Spot: Fargate Spot does not fall back to on-demand capacity, so production
// keeps one (aws/containers-roadmap#773).
func onDemandBase(cfg config.Config) int {
	if cfg.Production {
		return 1
	}
	return 0
}
