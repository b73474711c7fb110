package system

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/compute"
	"scalable-backend/config"
	backendconfig "scalable-backend/services/backend/config"
	"scalable-backend/storage"
)

// addCompute makes both load balancers and the group of instances behind them.
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
		CPUCredits:                         cpuCredits(s.cfg),
		MinSize:                            s.cfg.Compute.MinSize,
		DesiredCapacity:                    s.cfg.Compute.DesiredCapacity,
		MaxSize:                            s.cfg.Compute.MaxSize,
		Spot:                               s.cfg.Compute.Spot,
		CPUTarget:                          s.cfg.Compute.CPUTarget,
		RequestsPerTarget:                  s.cfg.Compute.RequestsPerTarget,
		DomainName:                         s.cfg.Compute.DomainName,
		HostedZoneID:                       s.cfg.Compute.HostedZoneID,
		CertificateARN:                     s.cfg.Compute.CertificateARN,
		AMIID:                              s.cfg.Compute.AMIID,
		Release:                            s.cfg.Compute.Release,
		IgnoreRollbackAlarms:               s.cfg.Compute.IgnoreRollbackAlarms,
		KeepObjects:                        s.cfg.Compute.KeepObjects,
		DeletionProtection:                 s.cfg.Database.DeletionProtection,
		DetailedMonitoring:                 s.cfg.Production,
		Notifications:                      s.cfg.Production,
		Program:                            s.cfg.Compute.Program,
		StageName:                          backendconfig.DefaultStage,
		MetricsNamespace:                   s.at.Deployment(),
		LogRetentionDays:                   s.cfg.Monitoring.LogRetentionDays,
		Image:                              s.images.Backend,
		RepositoryARN:                      s.images.BackendRepositoryARN,
		BucketName:                         s.storage.BucketName,
		BucketARN:                          s.storage.BucketARN,
		DataKeyARN:                         s.storage.DataKeyARN,
		LogBucketName:                      s.storage.LogBucketName,
		AccessLogPrefix:                    storage.LoadBalancerLogPrefix,
		LogsKeyARN:                         s.storage.LogsKeyARN,
		DatabaseSecretARN:                  s.database.SecretARN,
		AlarmTopicARN:                      s.alerts.TopicARN,
	})
	return err
}

// cpuCredits are standard outside production: what runs away there slows down in place of running up a bill.
func cpuCredits(cfg config.Config) string {
	if cfg.Compute.CPUCredits == "" && !cfg.Production {
		return compute.CreditsStandard
	}
	return cfg.Compute.CPUCredits
}
