// Package database is the PostgreSQL tier: the RDS instance, its credentials in Secrets Manager and its logs.
package database

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

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
	Stack stack.Info
	// SubnetIDs are the isolated subnets, in two zones at least.
	SubnetIDs       pulumi.StringArrayInput
	SecurityGroupID pulumi.StringInput
	// DataKeyARN encrypts storage, snapshots, performance data and the secret; LogsKeyARN the log groups.
	DataKeyARN, LogsKeyARN pulumi.StringInput
	// AlarmTopicARN receives the instance's events (failover, failure, maintenance) when Enhanced.
	AlarmTopicARN pulumi.StringInput

	InstanceClass string // e.g. "db.t4g.micro"
	EngineVersion string // major version only, e.g. "17": minor upgrades are automatic
	MultiAZ       bool
	// AllocatedStorage is the initial size in GiB; RDS grows it up to MaxAllocatedStorage (0: never).
	AllocatedStorage, MaxAllocatedStorage int
	BackupRetentionDays                   int // 1..35
	DeletionProtection                    bool
	Replicas                              int // read replicas, 0..MaxReplicas
	// Enhanced adds enhanced monitoring, Performance Insights, statement logging and event notifications.
	Enhanced bool
	// PasswordVersion is bumped to rotate the credentials; nothing else changes the password.
	PasswordVersion  int
	LogRetentionDays int
}

// Database is the tier.
type Database struct {
	pulumi.ResourceState

	Endpoint           pulumi.StringOutput // host:port
	Address            pulumi.StringOutput // host
	SecretARN          pulumi.StringOutput // resolves once the secret has a value
	InstanceID         pulumi.StringOutput // the identifier, which is the dimension of its metrics
	ParameterGroupName pulumi.StringOutput
	ReplicaIDs         pulumi.StringArrayOutput // Args.Replicas of them
	ReplicaEndpoints   pulumi.StringArrayOutput // host:port
	LogGroupNames      pulumi.StringArrayOutput
}

// New creates the tier.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Database, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	d := &Database{}
	if err := ctx.RegisterComponentResource(Token, name, d, opts...); err != nil {
		return nil, fmt.Errorf("registering %s: %w", Token, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, parent: pulumi.Parent(d)}

	groups, err := b.groups()
	if err != nil {
		return nil, err
	}
	identifier, err := b.identifier()
	if err != nil {
		return nil, err
	}
	logs, err := b.logGroups("", identifier)
	if err != nil {
		return nil, err
	}
	monitoring, err := b.monitoringRole()
	if err != nil {
		return nil, err
	}
	password, err := b.password()
	if err != nil {
		return nil, err
	}
	instance, err := b.instance(identifier, password, groups, monitoring, logs)
	if err != nil {
		return nil, err
	}
	secretARN, err := b.credentials(instance, password)
	if err != nil {
		return nil, err
	}
	instances := pulumi.StringArray{instance.Identifier}
	replicaIDs, replicaEndpoints := pulumi.StringArray{}, pulumi.StringArray{}
	for number := 1; number <= args.Replicas; number++ {
		replica, replicaLogs, err := b.replica(number, instance, identifier, groups, monitoring)
		if err != nil {
			return nil, err
		}
		replicaIDs, replicaEndpoints = append(replicaIDs, replica.Identifier), append(replicaEndpoints, replica.Endpoint)
		logs, instances = append(logs, replicaLogs...), append(instances, replica.Identifier)
	}
	if err := b.eventSubscriptions(instances, groups.parameters); err != nil {
		return nil, err
	}

	d.Endpoint = instance.Endpoint
	d.Address = instance.Address
	d.SecretARN = secretARN
	d.InstanceID = instance.Identifier
	d.ParameterGroupName = groups.parameters.Name
	d.ReplicaIDs, d.ReplicaEndpoints = replicaIDs.ToStringArrayOutput(), replicaEndpoints.ToStringArrayOutput()
	var names pulumi.StringArray
	for _, g := range logs {
		names = append(names, g.Name)
	}
	d.LogGroupNames = names.ToStringArrayOutput()
	if err := ctx.RegisterResourceOutputs(d, pulumi.Map{
		"endpoint":           d.Endpoint,
		"address":            d.Address,
		"secretArn":          d.SecretARN,
		"instanceId":         d.InstanceID,
		"parameterGroupName": d.ParameterGroupName,
		"replicaIds":         d.ReplicaIDs,
		"replicaEndpoints":   d.ReplicaEndpoints,
		"logGroupNames":      d.LogGroupNames,
	}); err != nil {
		return nil, fmt.Errorf("registering outputs of %s: %w", name, err)
	}
	return d, nil
}

// builder carries what every step needs.
type builder struct {
	ctx    *pulumi.Context
	name   string
	args   *Args
	parent pulumi.ResourceOption
}

func (b *builder) child(suffix string) string { return b.name + "-" + suffix }

func (b *builder) tags(child string) pulumi.StringMap { return b.args.Stack.Tags("database", child) }

type groups struct {
	subnets    *rds.SubnetGroup
	parameters *rds.ParameterGroup
}

// groups creates the subnet group and the parameter group. The parameter group has no fixed name: a new major version
// means a new family, which replaces the group, and the new one must stand before the old one goes.
func (b *builder) groups() (groups, error) {
	var g groups
	var err error
	child := b.child("subnets")
	g.subnets, err = rds.NewSubnetGroup(b.ctx, child, &rds.SubnetGroupArgs{
		Description: pulumi.String("Isolated subnets of the database"),
		SubnetIds:   b.args.SubnetIDs,
		Tags:        b.tags(child),
	}, b.parent)
	if err != nil {
		return g, fmt.Errorf("creating subnet group: %w", err)
	}
	child = b.child("parameters")
	g.parameters, err = rds.NewParameterGroup(b.ctx, child, &rds.ParameterGroupArgs{
		Description: pulumi.String("TLS only; statement logging where enhanced"),
		Family:      pulumi.String(engine + b.args.EngineVersion),
		Parameters:  parameters(b.args.Enhanced),
		Tags:        b.tags(child),
	}, b.parent)
	if err != nil {
		return g, fmt.Errorf("creating parameter group: %w", err)
	}
	return g, nil
}

// parameters are all dynamic in PostgreSQL on RDS: they apply without a restart. The first is RDS's own default from
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
