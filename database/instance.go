package database

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

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

// logGroups exist before the instance of the identifier: RDS would create them itself, without retention and encryption.
func (b *builder) logGroups(prefix string, identifier pulumi.StringOutput) ([]*cloudwatch.LogGroup, error) {
	var groups []*cloudwatch.LogGroup
	for _, export := range exports {
		child := b.child(prefix + "logs-" + export)
		group, err := cloudwatch.NewLogGroup(b.ctx, child, &cloudwatch.LogGroupArgs{
			Name:            identifier.ApplyT(func(id string) string { return "/aws/rds/instance/" + id + "/" + export }).(pulumi.StringOutput),
			RetentionInDays: pulumi.Int(b.args.LogRetentionDays),
			KmsKeyId:        b.args.LogsKeyARN,
			Tags:            b.tags(child),
		}, b.parent)
		if err != nil {
			return nil, fmt.Errorf("creating log group of %s: %w", export, err)
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// monitoring is the role of enhanced monitoring and what must stand before it is used; both are nil when not Enhanced.
type monitoring struct {
	role       *iam.Role
	attachment *iam.RolePolicyAttachment
}

func (b *builder) monitoringRole() (monitoring, error) {
	var m monitoring
	if !b.args.Enhanced {
		return m, nil
	}
	var err error
	m.role, err = role.New(b.ctx, b.child("monitoring-role"), role.Args{
		Stack: b.args.Stack, Tier: "database", Service: "monitoring.rds.amazonaws.com",
		Description: "Lets RDS write enhanced monitoring to CloudWatch",
		Trust:       []policy.Condition{policy.SourceAccount(b.args.Stack.AccountID)},
	}, b.parent)
	if err != nil {
		return m, err
	}
	m.attachment, err = iam.NewRolePolicyAttachment(b.ctx, b.child("monitoring-policy"), &iam.RolePolicyAttachmentArgs{
		Role:      m.role.Name,
		PolicyArn: pulumi.String(b.args.Stack.ManagedPolicyARN("service-role/AmazonRDSEnhancedMonitoringRole")),
	}, b.parent)
	if err != nil {
		return m, fmt.Errorf("attaching monitoring policy: %w", err)
	}
	return m, nil
}

func (b *builder) instance(
	identifier pulumi.StringOutput, password *random.RandomPassword, g groups, m monitoring, logs []*cloudwatch.LogGroup,
) (*rds.Instance, error) {
	a := b.args
	child := b.child("instance")
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
		DeleteAutomatedBackups: pulumi.Bool(a.Stack.Disposable),
		CopyTagsToSnapshot:     pulumi.Bool(true),
		DeletionProtection:     pulumi.Bool(a.DeletionProtection),
		SkipFinalSnapshot:      pulumi.Bool(a.Stack.Disposable),

		// Outside a disposable stack a new class or major version waits for the maintenance window.
		ApplyImmediately:        pulumi.Bool(a.Stack.Disposable),
		AutoMinorVersionUpgrade: pulumi.Bool(true),
		// The version in the configuration is a major one: whoever changes it means to upgrade, and RDS asks for this besides.
		AllowMajorVersionUpgrade: pulumi.Bool(true),
		MaintenanceWindow:        pulumi.String(maintenanceWindow),
		Tags:                     b.tags(child),
	}
	b.grow(args)
	if !a.Stack.Disposable {
		args.FinalSnapshotIdentifier = identifier.ApplyT(func(id string) string { return id + "-final" }).(pulumi.StringOutput)
	}
	ready := b.observe(args, logs, m)
	instance, err := rds.NewInstance(b.ctx, child, args, b.parent, pulumi.DependsOn(ready), pulumi.Protect(!a.Stack.Disposable))
	if err != nil {
		return nil, fmt.Errorf("creating database instance: %w", err)
	}
	return instance, nil
}

// eventSubscriptions report what alarms on metrics cannot: failovers, failures, maintenance and parameter changes.
func (b *builder) eventSubscriptions(instances pulumi.StringArray, parameters *rds.ParameterGroup) error {
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
		{"parameter-events", "db-parameter-group", pulumi.StringArray{parameters.Name}, []string{"configuration change"}},
	} {
		child := b.child(s.suffix)
		if _, err := rds.NewEventSubscription(b.ctx, child, &rds.EventSubscriptionArgs{
			SnsTopic:        b.args.AlarmTopicARN,
			SourceType:      pulumi.String(s.sourceType),
			SourceIds:       s.sources,
			EventCategories: pulumi.ToStringArray(s.categories),
			Tags:            b.tags(child),
		}, b.parent); err != nil {
			return fmt.Errorf("creating event subscription of %s: %w", s.sourceType, err)
		}
	}
	return nil
}
