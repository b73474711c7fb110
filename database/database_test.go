package database

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

const (
	instanceType   = "aws:rds/instance:Instance"
	parametersType = "aws:rds/parameterGroup:ParameterGroup"
	subnetsType    = "aws:rds/subnetGroup:SubnetGroup"
	eventsType     = "aws:rds/eventSubscription:EventSubscription"
	secretType     = "aws:secretsmanager/secret:Secret"
	versionType    = "aws:secretsmanager/secretVersion:SecretVersion"
	logGroupType   = "aws:cloudwatch/logGroup:LogGroup"
	roleType       = "aws:iam/role:Role"
	attachmentType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	passwordType   = "random:index/randomPassword:RandomPassword"
	suffixType     = "random:index/randomId:RandomId"

	dataKey = "arn:aws:kms:eu-central-1:123456789012:key/data"
	logsKey = "arn:aws:kms:eu-central-1:123456789012:key/logs"
	topic   = "arn:aws:sns:eu-central-1:123456789012:alerts"
)

func prodArgs() *Args {
	return &Args{
		Stack:           infratest.Stack(),
		SubnetIDs:       pulumi.ToStringArray([]string{"subnet-a", "subnet-b", "subnet-c"}),
		SecurityGroupID: pulumi.String("sg-database"),
		DataKeyARN:      pulumi.String(dataKey), LogsKeyARN: pulumi.String(logsKey), AlarmTopicARN: pulumi.String(topic),
		InstanceClass: "db.m7g.large", EngineVersion: "17", MultiAZ: true,
		AllocatedStorage: 100, MaxAllocatedStorage: 1000, BackupRetentionDays: 30,
		DeletionProtection: true, Enhanced: true, PasswordVersion: 1, LogRetentionDays: 365,
	}
}

func devArgs() *Args {
	a := prodArgs()
	a.Stack.Disposable = true
	a.InstanceClass, a.MultiAZ, a.Enhanced, a.DeletionProtection = "db.t4g.micro", false, false, false
	a.AllocatedStorage, a.MaxAllocatedStorage, a.BackupRetentionDays, a.LogRetentionDays = 20, 100, 2, 14
	return a
}

func record(t *testing.T, args *Args) *infratest.Graph {
	t.Helper()
	g := infratest.Run(t, func(ctx *pulumi.Context) error {
		_, err := New(ctx, "database", args)
		return err
	})
	g.RequireDescend(t, Token+"::database")
	return g
}

// counts returns the expected number of resources of each type.
func counts(args *Args) map[string]int {
	instances := 1 + args.Replicas
	want := map[string]int{
		instanceType: instances, parametersType: 1, subnetsType: 1, secretType: 1, versionType: 1,
		logGroupType: len(exports) * instances, passwordType: 1, suffixType: 1,
	}
	if args.Enhanced {
		want[eventsType], want[roleType], want[attachmentType] = 2, 1, 1
	}
	return want
}

func TestProd(t *testing.T) {
	g := record(t, prodArgs())
	g.RequireCounts(t, counts(prodArgs()))
	i := g.Find(t, instanceType, "database-instance")
	assert.True(t, i.Protect)
	id := i.String(t, "identifier")
	assert.Regexp(t, `^scalable-backend-test-[0-9a-f]{8}$`, id)
	for path, want := range map[string]any{
		"engine": "postgres", "engineVersion": "17", "instanceClass": "db.m7g.large", "dbName": "backend", "username": "backend",
		"port": 5432.0, "publiclyAccessible": false, "multiAz": true, "caCertIdentifier": "rds-ca-rsa2048-g1",
		"storageType": "gp3", "allocatedStorage": 100.0, "maxAllocatedStorage": 1000.0, "storageEncrypted": true, "kmsKeyId": dataKey,
		"iamDatabaseAuthenticationEnabled": true, "enabledCloudwatchLogsExports": []any{"postgresql", "upgrade"},
		"backupRetentionPeriod": 30.0, "deleteAutomatedBackups": false, "copyTagsToSnapshot": true, "deletionProtection": true,
		"skipFinalSnapshot": false, "finalSnapshotIdentifier": id + "-final", "applyImmediately": false,
		"autoMinorVersionUpgrade": true, "allowMajorVersionUpgrade": true,
		"monitoringInterval": 60.0, "performanceInsightsEnabled": true, "performanceInsightsKmsKeyId": dataKey,
		"performanceInsightsRetentionPeriod": 7.0, "vpcSecurityGroupIds": []any{"sg-database"},
	} {
		got, ok := i.Get(path)
		assert.True(t, ok, path)
		assert.Equal(t, want, got, path)
	}
	for _, absent := range []string{"iops", "storageThroughput", "manageMasterUserPassword"} {
		_, ok := i.Get(absent)
		assert.False(t, ok, absent)
	}
	assert.Equal(t, map[string]any{
		"Name": "database-instance", "project": "scalable-backend", "stack": "test",
		"deployment": "scalable-backend-test", "tier": "database", "managed-by": "pulumi",
	}, i.Inputs["tags"])
	role := g.Find(t, roleType, "database-monitoring-role")
	assert.Contains(t, role.String(t, "assumeRolePolicy"), `"Service":["monitoring.rds.amazonaws.com"]`)
	assert.Contains(t, role.String(t, "assumeRolePolicy"), `{"StringEquals":{"aws:SourceAccount":["123456789012"]}}`)
	assert.Equal(t, "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
		g.Only(t, attachmentType).String(t, "policyArn"))
	g.RequireNames(t, eventsType, "database-instance-events", "database-parameter-events")
	for _, e := range g.OfType(eventsType) {
		assert.Equal(t, topic, e.String(t, "snsTopic"))
	}
}

// The instance waits for its log groups, otherwise RDS creates them without retention, and for the monitoring role's policy.
func TestInstanceWaits(t *testing.T) {
	i := record(t, prodArgs()).Only(t, instanceType)
	for _, want := range []string{
		logGroupType + "::database-logs-postgresql", logGroupType + "::database-logs-upgrade", attachmentType + "::database-monitoring-policy",
		subnetsType + "::database-subnets", parametersType + "::database-parameters-17", passwordType + "::database-password",
	} {
		assert.Contains(t, i.DependsOn, want)
	}
}

func TestDevLeavesNothing(t *testing.T) {
	g := record(t, devArgs())
	g.RequireCounts(t, counts(devArgs()))
	i := g.Only(t, instanceType)
	assert.False(t, i.Protect)
	for path, want := range map[string]any{
		"skipFinalSnapshot": true, "deleteAutomatedBackups": true, "deletionProtection": false, "applyImmediately": true,
		"storageEncrypted": true, "publiclyAccessible": false, "iamDatabaseAuthenticationEnabled": true,
	} {
		got, _ := i.Get(path)
		assert.Equal(t, want, got, path)
	}
	for _, absent := range []string{"finalSnapshotIdentifier", "monitoringInterval", "monitoringRoleArn", "performanceInsightsEnabled"} {
		_, ok := i.Get(absent)
		assert.False(t, ok, absent)
	}
	assert.Zero(t, g.Only(t, secretType).Number(t, "recoveryWindowInDays"))
}

// A replica sets only what RDS does not copy from its source, and it is not protected.
func TestReplicas(t *testing.T) {
	args := prodArgs()
	args.Replicas = 2
	args.Stack.Stack = strings.Repeat("x", 90)
	g := record(t, args)
	g.RequireCounts(t, counts(args))
	g.RequireNames(t, instanceType, "database-instance", "database-replica-1", "database-replica-2")
	source := g.Find(t, instanceType, "database-instance").String(t, "identifier")
	r := g.Find(t, instanceType, "database-replica-2")
	inputs := r.Inputs
	delete(inputs, "tags")
	assert.Equal(t, map[string]any{
		"identifier": source + "-replica-2", "replicateSourceDb": source, "instanceClass": "db.m7g.large", "port": 5432.0,
		"parameterGroupName": g.Find(t, instanceType, "database-instance").String(t, "parameterGroupName"),
		"publiclyAccessible": false, "vpcSecurityGroupIds": []any{"sg-database"}, "caCertIdentifier": "rds-ca-rsa2048-g1",
		"storageType": "gp3", "storageEncrypted": true, "maxAllocatedStorage": 1000.0, "copyTagsToSnapshot": true,
		"iamDatabaseAuthenticationEnabled": true, "enabledCloudwatchLogsExports": []any{"postgresql", "upgrade"},
		"deletionProtection": false, "skipFinalSnapshot": true, "applyImmediately": false, "autoMinorVersionUpgrade": true,
		"maintenanceWindow": "sun:03:30-sun:04:30", "monitoringInterval": 60.0,
		"monitoringRoleArn":          g.Find(t, instanceType, "database-instance").String(t, "monitoringRoleArn"),
		"performanceInsightsEnabled": true, "performanceInsightsKmsKeyId": dataKey, "performanceInsightsRetentionPeriod": 7.0,
	}, inputs)
	assert.LessOrEqual(t, len(source+"-replica-2"), 63)
	assert.False(t, r.Protect, "the number of replicas can be reduced")
	assert.Equal(t, []string{"replicateSourceDb"}, r.ReplaceOnChanges)
	for _, export := range []string{"postgresql", "upgrade"} {
		group := g.Find(t, logGroupType, "database-replica-2-logs-"+export)
		assert.Equal(t, "/aws/rds/instance/"+source+"-replica-2/"+export, group.String(t, "name"))
		assert.Contains(t, r.DependsOn, group.Key())
	}
	assert.Equal(t, []any{source, source + "-replica-1", source + "-replica-2"},
		g.Find(t, eventsType, "database-instance-events").Inputs["sourceIds"])
	outputs := g.Outputs(t, Token+"::database")
	assert.Equal(t, []string{source + "-replica-1", source + "-replica-2"}, outputs["ReplicaIDs"])
	assert.Len(t, outputs["ReplicaEndpoints"], 2)
	assert.Len(t, outputs["LogGroupNames"], 6)
}

func TestParameters(t *testing.T) {
	parameter := func(name, value, method string) any {
		return map[string]any{"name": name, "value": value, "applyMethod": method}
	}
	tls := parameter("rds.force_ssl", "1", "pending-reboot")
	dev := record(t, devArgs()).Only(t, parametersType)
	assert.Equal(t, "postgres17", dev.String(t, "family"))
	assert.Equal(t, []any{tls}, dev.Inputs["parameters"])
	_, named := dev.Get("name")
	assert.False(t, named, "a fixed name would stop create-before-delete when the family changes")
	prod := record(t, prodArgs()).Only(t, parametersType)
	assert.Equal(t, []any{
		tls, parameter("log_min_duration_statement", "1000", "immediate"), parameter("log_statement", "ddl", "immediate"),
	}, prod.Inputs["parameters"])
}

func TestLogGroups(t *testing.T) {
	g := record(t, prodArgs())
	id := g.Only(t, instanceType).String(t, "identifier")
	for _, export := range []string{"postgresql", "upgrade"} {
		group := g.Find(t, logGroupType, "database-logs-"+export)
		assert.Equal(t, "/aws/rds/instance/"+id+"/"+export, group.String(t, "name"))
		assert.Equal(t, 365.0, group.Number(t, "retentionInDays"))
		assert.Equal(t, logsKey, group.String(t, "kmsKeyId"))
	}
}

func TestCredentials(t *testing.T) {
	g := record(t, prodArgs())
	p := g.Only(t, passwordType)
	assert.Equal(t, map[string]any{"passwordVersion": "1"}, p.Inputs["keepers"])
	assert.Equal(t, 48.0, p.Number(t, "length"))
	assert.Empty(t, strings.Trim(p.String(t, "overrideSpecial"), "-_.~"), "only characters that RDS and URLs accept unescaped")
	assert.Subset(t, p.IgnoreChanges, []string{"length", "special", "overrideSpecial"})
	assert.NotContains(t, p.IgnoreChanges, "keepers")

	secret := g.Only(t, secretType)
	assert.Equal(t, dataKey, secret.String(t, "kmsKeyId"))
	assert.Equal(t, 30.0, secret.Number(t, "recoveryWindowInDays"))
	_, named := secret.Get("name")
	assert.False(t, named, "a fixed name conflicts with a deleted secret in its recovery window")

	i := g.Only(t, instanceType)
	password := i.Secret(t, "password")
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(g.Only(t, versionType).Secret(t, "secretString")), &got))
	host, _ := got["host"].(string)
	assert.True(t, strings.HasPrefix(host, i.String(t, "identifier")+"."), host)
	delete(got, "host")
	assert.Equal(t, map[string]any{
		"engine": "postgres", "port": 5432.0, "dbname": "backend", "username": "backend", "password": password,
	}, got)
}

// A resource that uses the secret's ARN must wait for the secret's value. The identifier's keepers are the inputs that replace
// the instance.
func TestSecretARNWaitsForItsValue(t *testing.T) {
	g := infratest.Run(t, func(ctx *pulumi.Context) error {
		d, err := New(ctx, "database", prodArgs())
		if err != nil {
			return err
		}
		assert.Regexp(t, `^arn:aws:secretsmanager:`, infratest.Value[string](t, d.SecretARN))
		assert.Regexp(t, `:5432$`, infratest.Value[string](t, d.Endpoint))
		assert.Regexp(t, `^scalable-backend-test-[0-9a-f]{8}$`, infratest.Value[string](t, d.InstanceID))
		assert.Len(t, infratest.Value[[]string](t, d.LogGroupNames), 2)
		_, err = cloudwatch.NewLogGroup(ctx, "consumer", &cloudwatch.LogGroupArgs{Name: d.SecretARN})
		return err
	})
	assert.Contains(t, g.Find(t, logGroupType, "consumer").DependsOn, versionType+"::database-credentials-version")
	assert.Equal(t, map[string]any{"engine": "postgres", "dbName": "backend", "username": "backend", "kmsKeyId": dataKey},
		g.Only(t, suffixType).Inputs["keepers"])
}
