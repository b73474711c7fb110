package fargate_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/fargate"
	"scalable-backend/internal/infratest"
)

const (
	componentKey  = fargate.Token + "::fargate"
	cluster       = "aws:ecs/cluster:Cluster"
	providers     = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
	task          = "aws:ecs/taskDefinition:TaskDefinition"
	service       = "aws:ecs/service:Service"
	target        = "aws:appautoscaling/target:Target"
	scalingPolicy = "aws:appautoscaling/policy:Policy"
	role          = "aws:iam/role:Role"
	iamPolicy     = "aws:iam/policy:Policy"
	attachment    = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	logGroup      = "aws:cloudwatch/logGroup:LogGroup"
	alarm         = "aws:cloudwatch/metricAlarm:MetricAlarm"
	fileSystem    = "aws:efs/fileSystem:FileSystem"
	accessPoint   = "aws:efs/accessPoint:AccessPoint"
	mountTarget   = "aws:efs/mountTarget:MountTarget"
	filePolicy    = "aws:efs/fileSystemPolicy:FileSystemPolicy"

	image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/agent@sha256:" +
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	repository  = "arn:aws:ecr:eu-central-1:123456789012:repository/agent"
	dataKey     = "arn:aws:kms:eu-central-1:123456789012:key/data"
	logsKey     = "arn:aws:kms:eu-central-1:123456789012:key/logs"
	topic       = "arn:aws:sns:eu-central-1:123456789012:alerts"
	leaseMethod = "arn:aws:execute-api:eu-central-1:123456789012:api/live/POST/v1/leases"
	url         = "https://api.execute-api.eu-central-1.amazonaws.com/live"
)

func dev() *fargate.Args {
	info := infratest.Stack()
	info.Disposable = true
	return &fargate.Args{
		Stack:            info,
		SubnetIDs:        pulumi.ToStringArray([]string{"clients-1", "clients-2", "clients-3"}),
		SecurityGroupID:  pulumi.String("sg-agents"),
		CPU:              256,
		Memory:           512,
		MinTasks:         1,
		DesiredTasks:     1,
		MaxTasks:         4,
		ServiceMetrics:   true,
		CPUTarget:        60,
		Program:          fargate.DefaultProgram(),
		SpotWeight:       4,
		BacklogPerTask:   20,
		EphemeralStorage: 21,
		RetainHours:      24,
		Image:            pulumi.String(image),
		RepositoryARN:    pulumi.String(repository),
		Architecture:     "arm64",
		APIURL:           pulumi.String(url),
		MethodARNs:       pulumi.ToStringArray([]string{leaseMethod, leaseMethod + "/x"}),
		BucketName:       pulumi.String("data-bucket"),
		DataKeyARN:       pulumi.String(dataKey),
		LogsKeyARN:       pulumi.String(logsKey),
		AlarmTopicARN:    pulumi.String(topic),
		MetricsNamespace: "ScalableBackend",
		BacklogMetric:    "QueueBacklog",
		AgentsMetric:     "AgentsSeen",
		LogRetentionDays: 14,
	}
}

func prod() *fargate.Args {
	args := dev()
	args.Stack.Disposable = false
	args.CPU, args.Memory, args.EphemeralStorage, args.Architecture = 1024, 2048, 100, "x86_64"
	args.MinTasks, args.DesiredTasks, args.MaxTasks, args.SpotWeight, args.OnDemandBase = 2, 3, 50, 3, 1
	args.LogRetentionDays, args.ContainerInsights = 365, true
	return args
}

// persistent returns dev's arguments with the shared volume.
func persistent() *fargate.Args {
	args := dev()
	args.PersistentStorage, args.ZoneCount = true, 3
	args.FileSystemSecurityGroupID = pulumi.String("sg-files")
	return args
}

func run(t *testing.T, args *fargate.Args) *infratest.Graph {
	t.Helper()
	return infratest.Run(t, func(ctx *pulumi.Context) error {
		_, err := fargate.New(ctx, "fargate", args)
		return err
	})
}

func TestCounts(t *testing.T) {
	want := map[string]int{
		cluster: 1, providers: 1, task: 1, service: 1, target: 1, scalingPolicy: 1, role: 2, iamPolicy: 2, attachment: 2,
		logGroup: 1, alarm: 1,
	}
	g := run(t, dev())
	g.RequireCounts(t, want)
	g.RequireDescend(t, componentKey)
	g.RequireNames(t, role, "fargate-execution", "fargate-task")
	g.RequireNames(t, service, "fargate-agent")
	g.RequireNames(t, alarm, "fargate-agents-missing")
	require.Empty(t, g.Outputs(t, componentKey)["FileSystemID"])
	require.Empty(t, g.Outputs(t, componentKey)["AccessPointID"])

	want[logGroup] = 2 // one more, for Container Insights
	g = run(t, prod())
	g.RequireCounts(t, want)
	g.RequireNames(t, logGroup, "fargate-logs", "fargate-insights")

	want[logGroup], want[fileSystem], want[accessPoint], want[mountTarget], want[filePolicy] = 1, 1, 1, 3, 1
	g = run(t, persistent())
	g.RequireCounts(t, want)
	g.RequireDescend(t, componentKey)
	g.RequireNames(t, mountTarget, "fargate-files-1", "fargate-files-2", "fargate-files-3")
}

func TestCluster(t *testing.T) {
	g := run(t, prod())
	require.Equal(t, []any{map[string]any{"name": "containerInsights", "value": "enabled"}}, value(t, g.Only(t, cluster), "settings"))
	require.Equal(t, []any{"FARGATE", "FARGATE_SPOT"}, value(t, g.Only(t, providers), "capacityProviders"))
	insights := g.Find(t, logGroup, "fargate-insights")
	require.Equal(t, "/aws/ecs/containerinsights/"+g.Outputs(t, componentKey)["ClusterName"].(string)+"/performance",
		insights.String(t, "name"))
	for _, logs := range g.OfType(logGroup) {
		require.EqualValues(t, 365, logs.Number(t, "retentionInDays"))
		require.Equal(t, logsKey, logs.String(t, "kmsKeyId"))
	}
	require.Equal(t, "disabled", run(t, dev()).Only(t, cluster).String(t, "settings", 0, "value"))
}

func TestService(t *testing.T) {
	g := run(t, prod())
	s := g.Only(t, service)
	require.EqualValues(t, 3, s.Number(t, "desiredCount"))
	require.Equal(t, []string{"desiredCount"}, s.IgnoreChanges)
	require.Equal(t, []any{
		map[string]any{"capacityProvider": "FARGATE", "base": 1.0, "weight": 1.0},
		map[string]any{"capacityProvider": "FARGATE_SPOT", "weight": 3.0},
	}, value(t, s, "capacityProviderStrategies"))
	require.Equal(t, map[string]any{
		"assignPublicIp": false, "subnets": []any{"clients-1", "clients-2", "clients-3"}, "securityGroups": []any{"sg-agents"},
	}, value(t, s, "networkConfiguration"))
	require.Equal(t, map[string]any{"enable": true, "rollback": true}, value(t, s, "deploymentCircuitBreaker"))
	require.Equal(t, true, value(t, s, "alarms", "enable"))
	require.Equal(t, true, value(t, s, "alarms", "rollback"))
	require.Len(t, value(t, s, "alarms", "alarmNames"), 1)
	require.EqualValues(t, 100, s.Number(t, "deploymentMinimumHealthyPercent"))
	require.EqualValues(t, 200, s.Number(t, "deploymentMaximumPercent"))
	for key, want := range map[string]bool{
		"waitForSteadyState": true, "forceNewDeployment": true, "enableExecuteCommand": false, "enableEcsManagedTags": true,
		"forceDelete": false,
	} {
		require.Equal(t, want, s.Bool(t, key), key)
	}
	require.Equal(t, "SERVICE", s.String(t, "propagateTags"))
	require.Equal(t, "LATEST", s.String(t, "platformVersion"))
	_, launchType := s.Get("launchType")
	require.False(t, launchType, "a launch type conflicts with capacity providers")

	d := run(t, dev()).Only(t, service)
	require.EqualValues(t, 0, d.Number(t, "capacityProviderStrategies", 0, "base"))
	require.EqualValues(t, 4, d.Number(t, "capacityProviderStrategies", 1, "weight"))
}

func TestServiceWithoutSpot(t *testing.T) {
	args := prod()
	args.SpotWeight = 0
	require.Len(t, value(t, run(t, args).Only(t, service), "capacityProviderStrategies"), 1)
}

func TestOneTask(t *testing.T) {
	args := dev()
	args.MinTasks, args.DesiredTasks, args.MaxTasks, args.OnDemandBase = 1, 1, 1, 0
	require.EqualValues(t, 1, run(t, args).Only(t, target).Number(t, "maxCapacity"))
}

func TestSmallestSpotWeight(t *testing.T) {
	args := dev()
	args.SpotWeight = 1
	require.Len(t, value(t, run(t, args).Only(t, service), "capacityProviderStrategies"), 2)
}

func TestServiceWaitsForItsDependencies(t *testing.T) {
	ready := []string{
		attachment + "::fargate-execution", attachment + "::fargate-task", logGroup + "::fargate-logs", providers + "::fargate-cluster",
		alarm + "::fargate-agents-missing", task + "::fargate-agent",
	}
	require.Subset(t, run(t, prod()).Only(t, service).DependsOn, append(ready, logGroup+"::fargate-insights"))
	require.Subset(t, run(t, persistent()).Only(t, service).DependsOn, append(ready, filePolicy+"::fargate-files",
		mountTarget+"::fargate-files-1", mountTarget+"::fargate-files-2", mountTarget+"::fargate-files-3"))
}

// Storage may be turned on while tasks run. No revision that mounts it exists before it can be mounted.
func TestRevisionComesAfterTheMountTargets(t *testing.T) {
	require.Subset(t, run(t, persistent()).Only(t, task).DependsOn, []string{filePolicy + "::fargate-files",
		mountTarget + "::fargate-files-1", mountTarget + "::fargate-files-2", mountTarget + "::fargate-files-3"})
}

func TestScaling(t *testing.T) {
	g := run(t, prod())
	tgt := g.Only(t, target)
	require.Equal(t, "ecs", tgt.String(t, "serviceNamespace"))
	require.Equal(t, "ecs:service:DesiredCount", tgt.String(t, "scalableDimension"))
	outputs := g.Outputs(t, componentKey)
	require.Equal(t, "service/"+outputs["ClusterName"].(string)+"/"+outputs["ServiceName"].(string), tgt.String(t, "resourceId"))
	require.EqualValues(t, 2, tgt.Number(t, "minCapacity"))
	require.EqualValues(t, 50, tgt.Number(t, "maxCapacity"))

	p := g.Only(t, scalingPolicy)
	require.Equal(t, "TargetTrackingScaling", p.String(t, "policyType"))
	const config = "targetTrackingScalingPolicyConfiguration"
	require.EqualValues(t, 20, p.Number(t, config, "targetValue"))
	metric := func(id, name string) map[string]any {
		return map[string]any{"id": id, "returnData": false, "metricStat": map[string]any{
			"stat": "Maximum",
			"metric": map[string]any{
				"namespace": "ScalableBackend", "metricName": name,
				"dimensions": []any{map[string]any{"name": "stack", "value": infratest.StackID}},
			},
		}}
	}
	require.Equal(t, []any{
		metric("backlog", "QueueBacklog"),
		metric("agents", "AgentsSeen"),
		map[string]any{"id": "load", "label": "Jobs per agent", "expression": "backlog / IF(agents>0, agents, 1)", "returnData": true},
	}, value(t, p, config, "customizedMetricSpecification", "metrics"))
	require.Contains(t, p.DependsOn, target+"::fargate-agent")
}

// With no agent at all, any job exceeds the target; until the first agent is seen no second one is added.
func TestScalingFromZero(t *testing.T) {
	args := prod()
	args.MinTasks, args.DesiredTasks, args.OnDemandBase = 0, 0, 0
	g := run(t, args)
	require.EqualValues(t, 0, g.Only(t, target).Number(t, "minCapacity"))
	require.EqualValues(t, 0, g.Only(t, service).Number(t, "desiredCount"))
	const config = "targetTrackingScalingPolicyConfiguration"
	p := g.Only(t, scalingPolicy)
	require.Equal(t, "backlog / IF(agents>0, agents, 1) + IF(agents<1 AND backlog>0, 20, 0)",
		p.String(t, config, "customizedMetricSpecification", "metrics", 2, "expression"))
	require.EqualValues(t, 180, p.Number(t, config, "scaleOutCooldown"))
	require.EqualValues(t, 60, run(t, prod()).Only(t, scalingPolicy).Number(t, config, "scaleOutCooldown"))

	a := g.Only(t, alarm)
	require.NotContains(t, a.Inputs, "metricName")
	require.Contains(t, a.String(t, "alarmDescription"), "Jobs wait, and the backend has seen no agent for 10 minutes.")
	require.EqualValues(t, 10, a.Number(t, "evaluationPeriods"))
	require.EqualValues(t, 1, a.Number(t, "threshold"))
	require.Equal(t, "GreaterThanOrEqualToThreshold", a.String(t, "comparisonOperator"))
	require.Equal(t, "notBreaching", a.String(t, "treatMissingData"))
	query := func(id, name string) map[string]any {
		return map[string]any{"id": id, "returnData": false, "metric": map[string]any{
			"namespace": "ScalableBackend", "metricName": name, "dimensions": map[string]any{"stack": infratest.StackID}, "period": 60.0,
			"stat": "Maximum",
		}}
	}
	require.Equal(t, []any{query("backlog", "QueueBacklog"), query("agents", "AgentsSeen"), map[string]any{
		"id": "unserved", "label": "Jobs without an agent", "expression": "IF(agents<1 AND backlog>0, 1, 0)", "returnData": true,
	}}, value(t, a, "metricQueries"))
	require.Len(t, value(t, g.Only(t, service), "alarms", "alarmNames"), 1)
}

// A backend that sends no metrics of the queue leaves the processor to scale on, and no alarm of the deployment.
func TestScalingOnCPU(t *testing.T) {
	args := prod()
	args.ServiceMetrics, args.CPUTarget = false, 55
	g := run(t, args)
	const config = "targetTrackingScalingPolicyConfiguration"
	g.RequireNames(t, scalingPolicy, "fargate-cpu")
	p := g.Only(t, scalingPolicy)
	require.Equal(t, "ECSServiceAverageCPUUtilization", p.String(t, config, "predefinedMetricSpecification", "predefinedMetricType"))
	require.EqualValues(t, 55, p.Number(t, config, "targetValue"))
	require.EqualValues(t, 60, p.Number(t, config, "scaleOutCooldown"))
	require.EqualValues(t, 300, p.Number(t, config, "scaleInCooldown"))
	_, custom := p.Get(config, "customizedMetricSpecification")
	require.False(t, custom)
	g.RequireNone(t, alarm)
	require.NotContains(t, g.Only(t, service).Inputs, "alarms")
	require.True(t, g.Only(t, service).Bool(t, "deploymentCircuitBreaker", "rollback"))
	require.Empty(t, g.Outputs(t, componentKey)["GuardARNs"])
}

func TestAlarm(t *testing.T) {
	a := run(t, prod()).Only(t, alarm)
	require.Equal(t, "AgentsSeen", a.String(t, "metricName"))
	require.Equal(t, map[string]any{"stack": infratest.StackID}, value(t, a, "dimensions"))
	require.Equal(t, "Maximum", a.String(t, "statistic"))
	require.Equal(t, "LessThanThreshold", a.String(t, "comparisonOperator"))
	require.EqualValues(t, 2, a.Number(t, "threshold"))
	require.Equal(t, "notBreaching", a.String(t, "treatMissingData"))
	require.Equal(t, []any{topic}, value(t, a, "alarmActions"))
	require.Equal(t, []any{topic}, value(t, a, "okActions"))
	require.Contains(t, a.String(t, "alarmDescription"), "Runbook: docs/runbook.md#")
}

func TestNothingIsProtected(t *testing.T) {
	for _, r := range run(t, prod()).Resources {
		require.False(t, r.Protect, r.Key())
		require.False(t, r.RetainOnDelete, r.Key())
	}
}

func TestArgsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*fargate.Args)
		want  string
	}{
		"size": {func(a *fargate.Args) { a.Memory = 4096 },
			"fargate.Args.CPU, Memory: memory: with cpu 256 want 512, 1024, 2048 MiB, got 4096"},
		"tasks": {func(a *fargate.Args) { a.MinTasks = 5 },
			"fargate.Args.MinTasks, DesiredTasks, MaxTasks: want 0 <= min <= desired <= max, and max of at least 1, got [5 1 4]"},
		"no task ever":      {func(a *fargate.Args) { a.MinTasks, a.DesiredTasks, a.MaxTasks = 0, 0, 0 }, "max of at least 1, got [0 0 0]"},
		"less than no task": {func(a *fargate.Args) { a.MinTasks = -1 }, "fargate.Args.MinTasks, DesiredTasks, MaxTasks"},
		"from zero on CPU": {func(a *fargate.Args) { a.MinTasks, a.ServiceMetrics = 0, false },
			"fargate.Args.MinTasks: want at least 1 without ServiceMetrics, got 0"},
		"CPU":          {func(a *fargate.Args) { a.CPUTarget = 91 }, "fargate.Args.CPUTarget: want 10..90, got 91"},
		"spot":         {func(a *fargate.Args) { a.SpotWeight = -1 }, "fargate.Args.SpotWeight: want 0..1000, got -1"},
		"base":         {func(a *fargate.Args) { a.OnDemandBase = 5 }, "fargate.Args.OnDemandBase: want 0..4, got 5"},
		"backlog":      {func(a *fargate.Args) { a.BacklogPerTask = 0 }, "fargate.Args.BacklogPerTask"},
		"disk":         {func(a *fargate.Args) { a.EphemeralStorage = 20 }, "fargate.Args.EphemeralStorage: want 21..200, got 20"},
		"retention":    {func(a *fargate.Args) { a.RetainHours = 0 }, "fargate.Args.RetainHours"},
		"architecture": {func(a *fargate.Args) { a.Architecture = "sparc" }, `fargate.Args.Architecture: want arm64 or x86_64, got "sparc"`},
		"metric":       {func(a *fargate.Args) { a.BacklogMetric = "" }, `fargate.Args.BacklogMetric: want a name, got ""`},
		"no API":       {func(a *fargate.Args) { a.APIURL = nil }, "fargate.Args.APIURL: want a value, got nil"},
		"no methods":   {func(a *fargate.Args) { a.MethodARNs = pulumi.StringArray{} }, "fargate.Args.MethodARNs: want at least one method"},
		"no zones":     {func(a *fargate.Args) { a.PersistentStorage = true }, "fargate.Args.ZoneCount"},
		"no files group": {func(a *fargate.Args) { a.PersistentStorage, a.ZoneCount = true, 2 },
			"fargate.Args.FileSystemSecurityGroupID: want a value, got nil"},
	} {
		t.Run(name, func(t *testing.T) {
			args := dev()
			c.spoil(args)
			err := infratest.RunError(t, func(ctx *pulumi.Context) error {
				_, err := fargate.New(ctx, "fargate", args)
				return err
			})
			require.ErrorContains(t, err, c.want)
		})
	}
}

func value(t *testing.T, r infratest.Resource, path ...any) any {
	t.Helper()
	v, ok := r.Get(path...)
	require.True(t, ok, "%s has no input %v", r.Key(), path)
	return v
}
