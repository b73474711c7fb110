package system

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// export names the stack's outputs.
func (s *system) export(ctx *pulumi.Context) {
	ctx.Export("loadBalancerUrl", s.compute.LoadBalancerURL)
	if name := s.cfg.Compute.DomainName; name != "" && s.cfg.Compute.HostedZoneID == "" {
		// What the owner has to make where the name is kept.
		ctx.Export("domainRecord", pulumi.Sprintf("%s. CNAME %s.", name, s.compute.LoadBalancerDNSName))
	}
	ctx.Export("apiUrl", s.api.URL)
	ctx.Export("bucketName", s.storage.BucketName)
	ctx.Export("databaseEndpoint", s.database.Endpoint)
	ctx.Export("databaseSecretArn", s.database.SecretARN)
	ctx.Export("adminTokenSecretArn", s.compute.AdminTokenSecretARN)
	ctx.Export("autoScalingGroupName", s.compute.AutoScalingGroupName)
	ctx.Export("machineImage", s.compute.MachineImage)
	ctx.Export("backendRepositoryUrl", s.images.BackendRepositoryURL)
	ctx.Export("agentRepositoryUrl", s.images.AgentRepositoryURL)
	ctx.Export("dashboardUrl", s.monitoring.DashboardURL)
	if s.cfg.Database.Replicas > 0 {
		ctx.Export("databaseReplicaEndpoints", s.database.ReplicaEndpoints)
	}
	groups := pulumi.StringMap{
		"backend": s.compute.LogGroupName,
		"api":     s.api.LogGroupName,
	}
	if s.cfg.Network.FlowLogs {
		groups["flowLogs"] = s.network.FlowLogGroupName
	}
	if s.cfg.Fargate.Enabled {
		ctx.Export("clusterName", s.fargate.ClusterName)
		ctx.Export("serviceName", s.fargate.ServiceName)
		groups["agents"] = s.fargate.LogGroupName
	}
	ctx.Export("logGroups", groups)
	if s.cfg.Fargate.Enabled && s.cfg.Fargate.PersistentStorage {
		ctx.Export("fileSystemId", s.fargate.FileSystemID)
		ctx.Export("accessPointId", s.fargate.AccessPointID)
	}
}
