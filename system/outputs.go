package system

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// export names the stack's outputs: what users and agents connect to, and every value that a procedure of the runbook takes.
func (s *system) export(ctx *pulumi.Context) {
	ctx.Export("loadBalancerUrl", s.compute.LoadBalancerURL)
	if name := s.cfg.Compute.DomainName; name != "" && s.cfg.Compute.HostedZoneID == "" {
		// What the owner has to make where the name is kept.
		ctx.Export("domainRecord", pulumi.Sprintf("%s. CNAME %s.", name, s.compute.LoadBalancerDNSName))
	}
	ctx.Export("apiUrl", s.api.URL)
	ctx.Export("adminTokenSecretArn", s.compute.AdminTokenSecretARN)
	ctx.Export("autoScalingGroupName", s.compute.AutoScalingGroupName)
	ctx.Export("machineImage", s.compute.MachineImage)
	ctx.Export("loadBalancerArn", s.compute.LoadBalancerARN)
	ctx.Export("gatewayLoadBalancerArn", s.compute.GatewayLoadBalancerARN)
	ctx.Export("backendRepositoryUrl", s.images.BackendRepositoryURL)
	ctx.Export("agentRepositoryUrl", s.images.AgentRepositoryURL)
	ctx.Export("backendImage", s.images.Backend)
	ctx.Export("dashboardUrl", s.monitoring.DashboardURL)
	s.exportData(ctx)
	groups := pulumi.StringMap{
		"backend":      s.compute.LogGroupName,
		"api":          s.api.LogGroupName,
		"apiExecution": pulumi.Sprintf("API-Gateway-Execution-Logs_%s/%s", s.api.RestAPIID, s.api.StageName), // named by AWS
		"database":     s.database.LogGroupNames.Index(pulumi.Int(0)),
	}
	if s.cfg.Network.FlowLogs {
		groups["flowLogs"] = s.network.FlowLogGroupName
	}
	if s.cfg.Fargate.Enabled {
		ctx.Export("agentImage", s.images.Agent)
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

// exportData names the outputs of what keeps data.
func (s *system) exportData(ctx *pulumi.Context) {
	ctx.Export("bucketName", s.storage.BucketName)
	ctx.Export("logBucketName", s.storage.LogBucketName)
	ctx.Export("dataKeyArn", s.storage.DataKeyARN)
	ctx.Export("databaseEndpoint", s.database.Endpoint)
	ctx.Export("databaseSecretArn", s.database.SecretARN)
	ctx.Export("databaseInstanceId", s.database.InstanceID)
	ctx.Export("databaseSubnetGroup", s.database.SubnetGroupName)
	ctx.Export("databaseSecurityGroupId", s.network.SecurityGroups.Database)
	ctx.Export("databaseParameterGroup", s.database.ParameterGroupName)
	if s.cfg.Database.Replicas > 0 {
		ctx.Export("databaseReplicaEndpoints", s.database.ReplicaEndpoints)
	}
}
