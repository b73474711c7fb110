// Package database is the tier of PostgreSQL on Amazon RDS: the instance and its read replicas, their logs, and the credentials
// in Secrets Manager.
package database

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/stack"
)

// Token is the component's type.
const Token = "scalable-backend:database:Database"

// What the services find inside the instance. `admin`, the obvious name for the master user, is reserved in PostgreSQL on
// RDS: creating the instance would fail.
const (
	engine   = "postgres"
	port     = 5432
	dbName   = "backend"
	username = "backend"
)

// Args are the inputs of the tier.
type Args struct {
	// Stack is where the tier is deployed.
	Stack stack.Info
	// SubnetIDs are the subnets of the database layer, in at least two zones.
	SubnetIDs pulumi.StringArrayInput
	// SecurityGroupID is the group of the instance and its replicas.
	SecurityGroupID pulumi.StringInput
	// DataKeyARN is the KMS key that encrypts storage, snapshots, performance data and the secret. Another key replaces the
	// instance.
	DataKeyARN pulumi.StringInput
	// LogsKeyARN is the KMS key that encrypts the log groups.
	LogsKeyARN pulumi.StringInput
	// AlarmTopicARN is notified of events (failover, failure, maintenance); needed when Enhanced.
	AlarmTopicARN pulumi.StringInput

	// InstanceClass is the class of the instance and its replicas, e.g. "db.t4g.micro".
	InstanceClass string
	// EngineVersion is a major version of PostgreSQL, e.g. "17". Minor upgrades are automatic.
	EngineVersion string
	// PreviousVersion is the major version that the replicas still run while an upgrade to EngineVersion waits for its maintenance
	// window, older than EngineVersion; empty when none waits. RDS upgrades them together with the instance, and until then takes no
	// parameters of the new version for them.
	PreviousVersion string
	// MultiAZ keeps a standby instance in a second zone.
	MultiAZ bool
	// AllocatedStorage is the initial size of the storage in GiB, MinStorage to MaxStorage.
	AllocatedStorage int
	// MaxAllocatedStorage is up to which size in GiB RDS enlarges the storage by itself: MinStorageLimit to MaxStorage, or 0 for
	// never.
	MaxAllocatedStorage int
	// BackupRetentionDays is how long automated backups are kept, 1 to 35 days.
	BackupRetentionDays int
	// DeletionProtection makes RDS refuse to delete the instance; impossible in a disposable stack.
	DeletionProtection bool
	// Replicas is the number of read replicas, 0 to MaxReplicas.
	Replicas int
	// Enhanced adds enhanced monitoring, Performance Insights, statement logging and notifications of events.
	Enhanced bool
	// PasswordVersion is 1 or more. A change of it rotates the password, and nothing else does.
	PasswordVersion int
	// LogRetentionDays is how long logs are kept; at least 1.
	LogRetentionDays int
}

// Database is the component.
type Database struct {
	pulumi.ResourceState

	Endpoint           pulumi.StringOutput // host:port
	Address            pulumi.StringOutput // host
	SecretARN          pulumi.StringOutput // known when the secret has its value
	InstanceID         pulumi.StringOutput // the identifier, which is the dimension of its metrics
	ParameterGroupName pulumi.StringOutput
	SubnetGroupName    pulumi.StringOutput
	ReplicaIDs         pulumi.StringArrayOutput // Args.Replicas of them
	ReplicaEndpoints   pulumi.StringArrayOutput // host:port
	LogGroupNames      pulumi.StringArrayOutput
}

// builder creates the children of the component.
type builder struct {
	*component.Builder
	args *Args
}

// New creates the tier.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Database, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	d := &Database{}
	base, err := component.Register(ctx, Token, name, d, args.Stack, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{base, args}

	groups, err := b.newGroups()
	if err != nil {
		return nil, err
	}
	identifier, err := b.newIdentifier()
	if err != nil {
		return nil, err
	}
	logs, err := b.newLogGroups("", identifier)
	if err != nil {
		return nil, err
	}
	monitoring, err := b.newMonitoringRole()
	if err != nil {
		return nil, err
	}
	password, err := b.newPassword()
	if err != nil {
		return nil, err
	}
	instance, err := b.newInstance(identifier, password, groups, monitoring, logs)
	if err != nil {
		return nil, err
	}
	secretARN, err := b.newCredentials(instance, password)
	if err != nil {
		return nil, err
	}
	instances := pulumi.StringArray{instance.Identifier}
	replicaIDs, replicaEndpoints := pulumi.StringArray{}, pulumi.StringArray{}
	for number := 1; number <= args.Replicas; number++ {
		replica, replicaLogs, err := b.newReplica(number, instance, identifier, groups, monitoring)
		if err != nil {
			return nil, err
		}
		replicaIDs, replicaEndpoints = append(replicaIDs, replica.Identifier), append(replicaEndpoints, replica.Endpoint)
		logs, instances = append(logs, replicaLogs...), append(instances, replica.Identifier)
	}
	if err := b.newEventSubscriptions(instances, groups.all()); err != nil {
		return nil, err
	}

	d.Endpoint = instance.Endpoint
	d.Address = instance.Address
	d.SecretARN = secretARN
	d.InstanceID = instance.Identifier
	d.ParameterGroupName, d.SubnetGroupName = groups.parameters.Name, groups.subnets.Name
	d.ReplicaIDs, d.ReplicaEndpoints = replicaIDs.ToStringArrayOutput(), replicaEndpoints.ToStringArrayOutput()
	var names pulumi.StringArray
	for _, g := range logs {
		names = append(names, g.Name)
	}
	d.LogGroupNames = names.ToStringArrayOutput()
	if err := b.RegisterOutputs(pulumi.Map{
		"endpoint":           d.Endpoint,
		"address":            d.Address,
		"secretArn":          d.SecretARN,
		"instanceId":         d.InstanceID,
		"parameterGroupName": d.ParameterGroupName,
		"subnetGroupName":    d.SubnetGroupName,
		"replicaIds":         d.ReplicaIDs,
		"replicaEndpoints":   d.ReplicaEndpoints,
		"logGroupNames":      d.LogGroupNames,
	}); err != nil {
		return nil, err
	}
	return d, nil
}

type groups struct {
	subnets    *rds.SubnetGroup
	parameters *rds.ParameterGroup // of EngineVersion
	previous   *rds.ParameterGroup // of PreviousVersion; nil without one
}

// replicas is the parameter group of the replicas: that of the version that they run.
func (g groups) replicas() *rds.ParameterGroup {
	if g.previous != nil {
		return g.previous
	}
	return g.parameters
}

// all are the names of the parameter groups.
func (g groups) all() pulumi.StringArray {
	names := pulumi.StringArray{g.parameters.Name}
	if g.previous != nil {
		names = append(names, g.previous.Name)
	}
	return names
}

// newGroups creates the subnet group and a parameter group for each major version in use. A group that an instance still uses cannot
// be deleted, so the one of the previous version stays as it is while an upgrade waits.
func (b *builder) newGroups() (groups, error) {
	var g groups
	var err error
	g.subnets, err = rds.NewSubnetGroup(b.Ctx, b.Name("subnets"), &rds.SubnetGroupArgs{
		Description: pulumi.String("Isolated subnets of the database"),
		SubnetIds:   b.args.SubnetIDs,
		Tags:        b.Tags("subnets"),
	}, b.Options()...)
	if err != nil {
		return g, fmt.Errorf("creating subnet group: %w", err)
	}
	if g.parameters, err = b.newParameters(b.args.EngineVersion, b.args.PreviousVersion == ""); err != nil {
		return g, err
	}
	if b.args.PreviousVersion != "" {
		g.previous, err = b.newParameters(b.args.PreviousVersion, true)
	}
	return g, err
}

// newParameters creates the parameter group of a major version, called after it. oldest is the group that was there first: up to 0.1.0
// the one group was called without a version.
func (b *builder) newParameters(version string, oldest bool) (*rds.ParameterGroup, error) {
	suffix := "parameters-" + version
	opts := b.Options()
	if oldest {
		opts = append(opts, pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String(b.Name("parameters"))}}))
	}
	group, err := rds.NewParameterGroup(b.Ctx, b.Name(suffix), &rds.ParameterGroupArgs{
		Description: pulumi.String("TLS only; statement logging where enhanced"),
		Family:      pulumi.String(engine + version),
		Parameters:  parameters(b.args.Enhanced),
		Tags:        b.Tags(suffix),
	}, opts...)
	if err != nil {
		return nil, fmt.Errorf("creating parameter group of version %s: %w", version, err)
	}
	return group, nil
}

// parameters are all dynamic in PostgreSQL on RDS: they apply without a restart. rds.force_ssl is RDS's own default from
// PostgreSQL 15 on, for which RDS answers "pending-reboot" whatever it is asked: "immediate" would be a difference in every
// preview (terraform-provider-aws issue 39252). log_statement stays at ddl: `all` would write passwords into the log.
func parameters(enhanced bool) rds.ParameterGroupParameterArray {
	values := [][3]string{{"rds.force_ssl", "1", "pending-reboot"}}
	if enhanced {
		values = append(values, [3]string{"log_min_duration_statement", "1000", "immediate"}, [3]string{"log_statement", "ddl", "immediate"})
	}
	var array rds.ParameterGroupParameterArray
	for _, v := range values {
		array = append(array, rds.ParameterGroupParameterArgs{
			Name: pulumi.String(v[0]), Value: pulumi.String(v[1]), ApplyMethod: pulumi.String(v[2]),
		})
	}
	return array
}
