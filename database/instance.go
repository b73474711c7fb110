package database

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/policy"
	"scalable-backend/internal/role"
)

// exports are the logs that RDS writes to CloudWatch.
var exports = []string{"postgresql", "upgrade"}

const (
	storageType          = "gp3" // 3,000 IOPS and 125 MiB/s; below 400 GiB AWS refuses any iops or throughput input
	certificateAuthority = "rds-ca-rsa2048-g1"
	maintenanceWindow    = "sun:03:30-sun:04:30"
)

// newLogGroups creates the log groups of the instance with an identifier, before the instance itself: RDS would create them
// without retention and encryption. prefix begins their names in Pulumi.
func (b *builder) newLogGroups(prefix string, identifier pulumi.StringOutput) ([]*cloudwatch.LogGroup, error) {
	var groups []*cloudwatch.LogGroup
	for _, export := range exports {
		group, err := b.NewLogGroup(prefix+"logs-"+export, component.LogGroup{
			Name:          pulumi.Sprintf("/aws/rds/instance/%s/%s", identifier, export),
			RetentionDays: b.args.LogRetentionDays,
			KeyARN:        b.args.LogsKeyARN,
		})
		if err != nil {
			return nil, err
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// monitoring is the role of enhanced monitoring and its permissions; both are nil unless Enhanced.
type monitoring struct {
	role       *iam.Role
	attachment *iam.RolePolicyAttachment
}

// newMonitoringRole creates the role of enhanced monitoring, when Enhanced.
func (b *builder) newMonitoringRole() (monitoring, error) {
	var m monitoring
	if !b.args.Enhanced {
		return m, nil
	}
	var err error
	m.role, err = role.New(b.Builder, "monitoring-role", role.Args{
		Service:     "monitoring.rds.amazonaws.com",
		Description: "Lets RDS write enhanced monitoring to CloudWatch",
		Trust:       []policy.Condition{policy.SourceAccount(b.Stack.AccountID)},
	})
	if err != nil {
		return m, err
	}
	managed := b.Stack.ManagedPolicyARN("service-role/AmazonRDSEnhancedMonitoringRole")
	m.attachment, err = role.NewAttachment(b.Builder, "monitoring-policy", m.role, pulumi.String(managed))
	return m, err
}

// newInstance creates the instance that takes writes.
func (b *builder) newInstance(
	identifier pulumi.StringOutput, password *random.RandomPassword, g groups, m monitoring, logs []*cloudwatch.LogGroup,
) (*rds.Instance, error) {
	const suffix = "instance"
	a := b.args
	args := &rds.InstanceArgs{
		Identifier:          identifier,
		Engine:              pulumi.String(engine),
		EngineVersion:       pulumi.String(a.EngineVersion),
		InstanceClass:       pulumi.String(a.InstanceClass),
		DbName:              pulumi.String(dbName),
		Username:            pulumi.String(username),
		Password:            password.Result,
		Port:                pulumi.Int(port),
		DbSubnetGroupName:   g.subnets.Name,
		ParameterGroupName:  g.parameters.Name,
		VpcSecurityGroupIds: pulumi.StringArray{a.SecurityGroupID},
		PubliclyAccessible:  pulumi.Bool(false),
		MultiAz:             pulumi.Bool(a.MultiAZ),
		CaCertIdentifier:    pulumi.String(certificateAuthority),

		StorageType:      pulumi.String(storageType),
		AllocatedStorage: pulumi.Int(a.AllocatedStorage),
		StorageEncrypted: pulumi.Bool(true),
		KmsKeyId:         a.DataKeyARN,

		IamDatabaseAuthenticationEnabled: pulumi.Bool(true),
		EnabledCloudwatchLogsExports:     pulumi.ToStringArray(exports),

		BackupRetentionPeriod:  pulumi.Int(a.BackupRetentionDays),
		BackupWindow:           pulumi.String("02:00-03:00"),
		DeleteAutomatedBackups: pulumi.Bool(b.Stack.Disposable),
		CopyTagsToSnapshot:     pulumi.Bool(true),
		DeletionProtection:     pulumi.Bool(a.DeletionProtection),
		SkipFinalSnapshot:      pulumi.Bool(b.Stack.Disposable),

		// Outside a disposable stack a new class or major version waits for the maintenance window.
		ApplyImmediately:        pulumi.Bool(b.Stack.Disposable),
		AutoMinorVersionUpgrade: pulumi.Bool(true),
		// EngineVersion is a major version: whoever changes it means to upgrade, and without this RDS refuses.
		AllowMajorVersionUpgrade: pulumi.Bool(true),
		MaintenanceWindow:        pulumi.String(maintenanceWindow),
		Tags:                     b.Tags(suffix),
	}
	b.setMaxStorage(args)
	if !b.Stack.Disposable {
		args.FinalSnapshotIdentifier = identifier.ApplyT(func(id string) string { return id + "-final" }).(pulumi.StringOutput)
	}
	ready := b.setMonitoring(args, logs, m)
	instance, err := rds.NewInstance(b.Ctx, b.Name(suffix), args, b.Options(pulumi.DependsOn(ready), b.Protect())...)
	if err != nil {
		return nil, fmt.Errorf("creating database instance: %w", err)
	}
	return instance, nil
}

// newEventSubscriptions reports what alarms on metrics cannot: failovers, failures, maintenance and parameter changes.
func (b *builder) newEventSubscriptions(instances, parameters pulumi.StringArray) error {
	if !b.args.Enhanced {
		return nil
	}
	for _, s := range []struct {
		suffix, sourceType string
		sources            pulumi.StringArray
		categories         []string
	}{
		{
			"instance-events", "db-instance", instances,
			[]string{"availability", "configuration change", "failover", "failure", "low storage", "maintenance", "recovery"},
		},
		{"parameter-events", "db-parameter-group", parameters, []string{"configuration change"}},
	} {
		if _, err := rds.NewEventSubscription(b.Ctx, b.Name(s.suffix), &rds.EventSubscriptionArgs{
			SnsTopic:        b.args.AlarmTopicARN,
			SourceType:      pulumi.String(s.sourceType),
			SourceIds:       s.sources,
			EventCategories: pulumi.ToStringArray(s.categories),
			Tags:            b.Tags(s.suffix),
		}, b.Options()...); err != nil {
			return fmt.Errorf("creating event subscription of %s: %w", s.sourceType, err)
		}
	}
	return nil
}
