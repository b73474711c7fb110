package database

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// MaxReplicas bounds Args.Replicas.
const MaxReplicas = 2

// newReplica creates a read replica and its log groups. Replicas are numbered from 1.
func (b *builder) newReplica(
	number int, primary *rds.Instance, identifier pulumi.StringOutput, g groups, m monitoring,
) (*rds.Instance, []*cloudwatch.LogGroup, error) {
	suffix := fmt.Sprintf("replica-%d", number)
	name := pulumi.Sprintf("%s-%s", identifier, suffix)
	logs, err := b.newLogGroups(suffix+"-", name)
	if err != nil {
		return nil, nil, err
	}
	a := b.args
	args := &rds.InstanceArgs{
		Identifier:          name,
		ReplicateSourceDb:   primary.Identifier,
		InstanceClass:       pulumi.String(a.InstanceClass),
		Port:                pulumi.Int(port),
		ParameterGroupName:  g.replicas().Name,
		VpcSecurityGroupIds: pulumi.StringArray{a.SecurityGroupID},
		PubliclyAccessible:  pulumi.Bool(false),
		CaCertIdentifier:    pulumi.String(certificateAuthority),
		StorageType:         pulumi.String(storageType),
		// With the source's key: RDS takes no key for a replica in the source's own region.
		StorageEncrypted: pulumi.Bool(true),

		IamDatabaseAuthenticationEnabled: pulumi.Bool(true),
		EnabledCloudwatchLogsExports:     pulumi.ToStringArray(exports),
		CopyTagsToSnapshot:               pulumi.Bool(true),

		// A replica has nothing that its source does not have, so fewer Replicas take one update. RDS makes no final snapshot of
		// a replica.
		DeletionProtection: pulumi.Bool(false),
		SkipFinalSnapshot:  pulumi.Bool(true),

		ApplyImmediately:        pulumi.Bool(b.Stack.Disposable),
		AutoMinorVersionUpgrade: pulumi.Bool(true),
		MaintenanceWindow:       pulumi.String(maintenanceWindow),
		Tags:                    b.Tags(suffix),
	}
	b.setMaxStorage(args)
	ready := b.setMonitoring(args, logs, m)
	// A new source has a new name, and a replica cannot change its source.
	replica, err := rds.NewInstance(b.Ctx, b.Name(suffix), args,
		b.Options(pulumi.DependsOn(ready), pulumi.ReplaceOnChanges([]string{"replicateSourceDb"}))...)
	if err != nil {
		return nil, nil, fmt.Errorf("creating read replica %d: %w", number, err)
	}
	return replica, logs, nil
}

// setMaxStorage sets up to which size RDS enlarges the storage.
func (b *builder) setMaxStorage(args *rds.InstanceArgs) {
	if b.args.MaxAllocatedStorage > 0 {
		args.MaxAllocatedStorage = pulumi.Int(b.args.MaxAllocatedStorage)
	}
}

// setMonitoring sets what watches an instance when Enhanced, and returns what has to exist before the instance.
func (b *builder) setMonitoring(args *rds.InstanceArgs, logs []*cloudwatch.LogGroup, m monitoring) []pulumi.Resource {
	var ready []pulumi.Resource
	for _, group := range logs {
		ready = append(ready, group)
	}
	if !b.args.Enhanced {
		return ready
	}
	args.MonitoringInterval = pulumi.Int(60)
	args.MonitoringRoleArn = m.role.Arn
	args.PerformanceInsightsEnabled = pulumi.Bool(true)
	args.PerformanceInsightsKmsKeyId = b.args.DataKeyARN
	args.PerformanceInsightsRetentionPeriod = pulumi.Int(7) // the free tier
	return append(ready, m.attachment)
}
