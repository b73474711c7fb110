package monitoring

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

const (
	alarmType     = "aws:cloudwatch/metricAlarm:MetricAlarm"
	dashboardType = "aws:cloudwatch/dashboard:Dashboard"
	budgetType    = "aws:budgets/budget:Budget"
	logGroupType  = "aws:cloudwatch/logGroup:LogGroup"

	topicARN = "arn:aws:sns:eu-central-1:123456789012:alerts"
	logsKey  = "arn:aws:kms:eu-central-1:123456789012:key/logs"
	albARN   = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/public/1"
	stageARN = "arn:aws:apigateway:eu-central-1::/restapis/abc/stages/live"
)

func testArgs() *Args {
	return &Args{
		Stack: infratest.Stack(), TopicARN: pulumi.String(topicARN), LogsKeyARN: pulumi.String(logsKey), LogRetentionDays: 365,
		LoadBalancerARNSuffix: pulumi.String("app/public/1"), TargetGroupARNSuffix: pulumi.String("targetgroup/public/1"),
		GatewayLoadBalancerARNSuffix: pulumi.String("net/gateway/2"), GatewayTargetGroupARNSuffix: pulumi.String("targetgroup/gateway/2"),
		AutoScalingGroupName: pulumi.String("group"), DatabaseInstanceID: pulumi.String("db-1"),
		ClusterName: pulumi.String("cluster"), ServiceName: pulumi.String("service"),
		RestAPIName: pulumi.String("api"), APIStageName: pulumi.String("live"),
		BucketName: pulumi.String("data"), BucketMetricsFilter: "EntireBucket",
		BackendLogGroupName: pulumi.String("backend-logs"), AgentLogGroupName: pulumi.String("agent-logs"),
		NATGatewayIDs: pulumi.ToStringArray([]string{"nat-a", "nat-b"}), NATGateways: 2,
		DatabaseMemoryGiB: 8, DatabaseConnections: 901, DatabaseStorageGiB: 100, MaxTasks: 50, BacklogPerTask: 20,
		Agents: true, ServiceMetrics: true,
		LatencyMethods: []Method{
			{ID: "postHeartbeat", Method: "POST", Path: "/v1/agents/{agent_id}/heartbeats"},
			{ID: "putOutcome", Method: "PUT", Path: "/v1/leases/{lease_id}/outcome"},
		},
		MetricsNamespace: "ScalableBackend",
		Metrics: Metrics{
			Backlog: "QueueBacklog", OldestAge: "QueueOldestAgeSeconds", Agents: "AgentsSeen", DeadJobs: "JobsDead",
			HostMemory: "mem_used_percent", HostDisk: "disk_used_percent", HostReleaseAge: "release_age_days",
		},
		MonthlyBudgetUSD: 2500, LoadBalancerARN: pulumi.String(albARN), APIStageARN: pulumi.String(stageARN),
		GuardARNs:    []pulumi.StringArrayInput{pulumi.ToStringArray([]string{"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:guard"})},
		OwnAddresses: pulumi.ToStringArray([]string{"192.0.2.1", "192.0.2.2"}),
	}
}

func record(t *testing.T, args *Args) *infratest.Graph {
	t.Helper()
	g := infratest.Run(t, func(ctx *pulumi.Context) error {
		_, err := New(ctx, "monitoring", args)
		return err
	})
	g.RequireDescend(t, Token+"::monitoring")
	return g
}

func TestAlarms(t *testing.T) {
	g := record(t, testArgs())
	g.RequireCounts(t, counts(testArgs(), nil))
	want := map[string]string{ // metric, dimensions, statistic, comparison, threshold, periods, silence
		"load-balancer-errors":  "AWS/ApplicationELB HTTPCode_ELB_5XX_Count LoadBalancer=app/public/1 Sum >= 5 60x5 notBreaching",
		"load-balancer-latency": "AWS/ApplicationELB TargetResponseTime LoadBalancer=app/public/1 p99 > 2 60x10 notBreaching",
		"load-balancer-down": "AWS/ApplicationELB HealthyHostCount LoadBalancer=app/public/1,TargetGroup=targetgroup/public/1 Maximum < " +
			"1 60x3 breaching",
		"gateway-down": "AWS/NetworkELB HealthyHostCount LoadBalancer=net/gateway/2,TargetGroup=targetgroup/gateway/2 Maximum < 1 " +
			"60x3 breaching",
		"backend-cpu":          "AWS/EC2 CPUUtilization AutoScalingGroupName=group Average > 85 300x3 missing",
		"backend-memory":       "ScalableBackend mem_used_percent stack=test Maximum > 90 300x3 missing",
		"backend-disk":         "ScalableBackend disk_used_percent stack=test Maximum > 80 300x3 missing",
		"backend-release":      "ScalableBackend release_age_days stack=test Maximum > 60 86400x1 missing",
		"backend-silent":       "ScalableBackend AgentsSeen stack=test SampleCount < 1 60x5 breaching",
		"database-cpu":         "AWS/RDS CPUUtilization DBInstanceIdentifier=db-1 Average > 80 300x3 missing",
		"database-connections": "AWS/RDS DatabaseConnections DBInstanceIdentifier=db-1 Maximum > 540 300x2 missing",
		"database-storage":     "AWS/RDS FreeStorageSpace DBInstanceIdentifier=db-1 Minimum < 5.36870912e+09 300x2 breaching",
		"database-memory":      "AWS/RDS FreeableMemory DBInstanceIdentifier=db-1 Average < 4.29496729e+08 300x3 missing",
		"agents-memory":        "AWS/ECS MemoryUtilization ClusterName=cluster,ServiceName=service Average > 90 300x3 notBreaching",
		"queue-age":            "ScalableBackend QueueOldestAgeSeconds stack=test Maximum > 900 60x5 notBreaching",
		"queue-backlog":        "ScalableBackend QueueBacklog stack=test Maximum > 1000 300x3 notBreaching",
		"jobs-dead":            "ScalableBackend JobsDead stack=test Sum >= 1 300x1 notBreaching",
		"api-errors":           "AWS/ApiGateway 5XXError ApiName=api,Stage=live Sum >= 5 60x5 notBreaching",
		"api-latency-postHeartbeat": "AWS/ApiGateway Latency ApiName=api,Method=POST,Resource=/v1/agents/{agent_id}/heartbeats,Stage=live p99 " +
			"> 3000 300x3 notBreaching",
		"api-latency-putOutcome": "AWS/ApiGateway Latency ApiName=api,Method=PUT,Resource=/v1/leases/{lease_id}/outcome,Stage=live p99 > 3000 " +
			"300x3 notBreaching",
		"bucket-errors":     "AWS/S3 5xxErrors BucketName=data,FilterId=EntireBucket Average > 0.05 300x3 notBreaching",
		"nat-ports-0":       "AWS/NATGateway ErrorPortAllocation NatGatewayId=nat-a Sum > 0 300x1 notBreaching",
		"nat-ports-1":       "AWS/NATGateway ErrorPortAllocation NatGatewayId=nat-b Sum > 0 300x1 notBreaching",
		"agents-deployment": "AWS/Events MatchedEvents RuleName=monitoring-agents-deployment Sum >= 1 300x1 notBreaching",
		"backend-refresh":   "AWS/Events MatchedEvents RuleName=monitoring-backend-refresh Sum >= 1 300x1 notBreaching",
	}
	got := map[string]string{}
	for _, r := range g.OfType(alarmType) {
		got[strings.TrimPrefix(r.Name, "monitoring-")] = summary(t, r)
		assert.Equal(t, []any{topicARN}, r.Inputs["alarmActions"], r.Name)
		assert.Equal(t, []any{topicARN}, r.Inputs["okActions"], r.Name)
		assert.Regexp(t, `^[A-Z].*\. Runbook: docs/runbook\.md#[a-z0-9-]+$`, r.String(t, "alarmDescription"), r.Name)
	}
	assert.Subset(t, got, want, "the golden graphs have the others")
}

// alarmNames returns the names of the alarms without the tier's.
func alarmNames(g *infratest.Graph) (names []string) {
	for _, r := range g.OfType(alarmType) {
		names = append(names, strings.TrimPrefix(r.Name, "monitoring-"))
	}
	return names
}

// Without the metrics of this repository's backend nothing uses them, and ECS itself tells that no agent runs.
func TestWithoutServiceMetrics(t *testing.T) {
	args := testArgs()
	args.ServiceMetrics, args.Metrics.Backlog, args.Metrics.OldestAge, args.Metrics.Agents, args.Metrics.DeadJobs = false, "", "", "", ""
	args.Metrics.RequestLatency, args.Metrics.RequestErrors, args.Metrics.Requests = "RequestLatencyMs", "RequestErrors", "Requests"
	all, g := alarmNames(record(t, testArgs())), record(t, args)
	left := alarmNames(g)
	for _, gone := range []string{"backend-silent", "queue-age", "queue-backlog", "jobs-dead"} {
		require.Contains(t, all, gone)
		require.NotContains(t, left, gone)
	}
	require.NotContains(t, all, "agents-down")
	require.Len(t, left, len(all)-4+1)
	down := g.Find(t, alarmType, "monitoring-agents-down")
	require.Equal(t, "AWS/ECS CPUUtilization ClusterName=cluster,ServiceName=service SampleCount < 1 60x5 breaching", summary(t, down))
	require.Contains(t, down.String(t, "alarmDescription"), "Runbook: docs/runbook.md#agents-missing")
	body := g.Only(t, dashboardType).String(t, "dashboardBody")
	for _, name := range []string{"QueueBacklog", "AgentsSeen", "RequestLatencyMs", "agents seen", "by route"} {
		require.NotContains(t, body, name)
	}
	require.Contains(t, body, "mem_used_percent", "the host reports as before")
}

// Without agents nothing watches them; the queue is watched all the same, as agents elsewhere may serve it.
func TestWithoutAgents(t *testing.T) {
	args := testArgs()
	args.Agents, args.ClusterName, args.ServiceName, args.AgentLogGroupName, args.MaxTasks, args.BacklogPerTask = false, nil, nil, nil, 0, 0
	g := record(t, args)
	left := alarmNames(g)
	for _, gone := range []string{"agents-memory", "agents-down", "agents-deployment", "queue-backlog"} {
		require.NotContains(t, left, gone)
	}
	require.Subset(t, left, []string{"queue-age", "jobs-dead", "backend-silent", "backend-refresh"})
	body := g.Only(t, dashboardType).String(t, "dashboardBody")
	require.NotContains(t, body, "AWS/ECS")
	require.Equal(t, 1, strings.Count(body, "SOURCE '"))
	require.Contains(t, body, "SOURCE 'backend-logs'")
	require.Contains(t, body, "agents seen")
	args.ServiceMetrics = false
	require.NotContains(t, alarmNames(record(t, args)), "agents-down")
}

// The event rules match this stack's service and group. Their alarms need no permission to publish events.
func TestRollouts(t *testing.T) {
	g := record(t, testArgs())
	pattern := func(name string) string { return g.Find(t, ruleType, name).String(t, "eventPattern") }
	assert.JSONEq(t, `{"source":["aws.ecs"],"detail-type":["ECS Deployment State Change"],"detail":{"eventName":["SERVICE_DEPLOYMENT_FAILED"]},
		"resources":["arn:aws:ecs:eu-central-1:123456789012:service/cluster/service"]}`, pattern("monitoring-agents-deployment"))
	assert.JSONEq(t, `{"source":["aws.autoscaling"],"detail-type":["EC2 Auto Scaling Instance Refresh Failed"],
		"detail":{"AutoScalingGroupName":["group"]}}`, pattern("monitoring-backend-refresh"))
	g.RequireNone(t, "aws:cloudwatch/eventTarget:EventTarget")
}

func summary(t *testing.T, r infratest.Resource) string {
	var dimensions []string
	for key, value := range r.Inputs["dimensions"].(map[string]any) {
		dimensions = append(dimensions, key+"="+value.(string))
	}
	slices.Sort(dimensions)
	statistic, ok := r.Inputs["statistic"].(string)
	if !ok {
		statistic = r.String(t, "extendedStatistic")
		assert.Equal(t, "ignore", r.String(t, "evaluateLowSampleCountPercentiles"))
	}
	is := map[string]string{
		"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">=", "LessThanThreshold": "<",
	}[r.String(t, "comparisonOperator")]
	return fmt.Sprintf("%s %s %s %s %s %v %vx%v %s", r.String(t, "namespace"), r.String(t, "metricName"),
		strings.Join(dimensions, ","), statistic,
		is, r.Number(t, "threshold"), r.Number(t, "period"), r.Number(t, "evaluationPeriods"), r.String(t, "treatMissingData"))
}

// With the smallest instance class the thresholds follow its memory; that of storage is at least 1 GiB.
func TestThresholdsOfASmallStack(t *testing.T) {
	args := testArgs()
	args.DatabaseConnections = 112
	args.DatabaseMemoryGiB, args.DatabaseStorageGiB, args.MaxTasks, args.NATGateways, args.NATGatewayIDs = 1, 20, 4, 0, nil
	args.QueueAgeLimitSeconds = 60
	g := record(t, args)
	g.RequireCounts(t, counts(args, nil))
	threshold := func(name string) float64 { return g.Find(t, alarmType, "monitoring-"+name).Number(t, "threshold") }
	assert.Equal(t, 67.0, threshold("database-connections"))
	assert.Equal(t, float64(gib), threshold("database-storage"))
	assert.Equal(t, 80.0, threshold("queue-backlog"))
	assert.Equal(t, 60.0, threshold("queue-age"))
}

// Every replica has the alarms of the instance, and one on its lag.
func TestReplicaAlarms(t *testing.T) {
	args := testArgs()
	args.DatabaseReplicaIDs, args.DatabaseReplicas = pulumi.ToStringArray([]string{"db-1-replica-1", "db-1-replica-2"}), 2
	g := record(t, args)
	g.RequireCounts(t, counts(args, nil))
	for i, id := range []string{"db-1-replica-1", "db-1-replica-2"} {
		for _, what := range []string{"cpu", "connections", "storage", "memory"} {
			r := g.Find(t, alarmType, fmt.Sprintf("monitoring-database-replica-%d-%s", i+1, what))
			assert.Equal(t, id, r.String(t, "dimensions", "DBInstanceIdentifier"))
			assert.Contains(t, r.String(t, "alarmDescription"), "docs/runbook.md#database-"+what)
			assert.Equal(t, g.Find(t, alarmType, "monitoring-database-"+what).Inputs["threshold"], r.Inputs["threshold"])
		}
		lag := g.Find(t, alarmType, fmt.Sprintf("monitoring-database-replica-%d-lag", i+1))
		assert.Equal(t, "AWS/RDS ReplicaLag DBInstanceIdentifier="+id+" Maximum > 600 300x3 breaching", summary(t, lag))
		assert.Contains(t, lag.String(t, "alarmDescription"), "docs/runbook.md#database-lag")
	}
	args.DatabaseReplicaIDs = nil
	assert.ErrorContains(t, args.validate(), "monitoring.Args.DatabaseReplicaIDs")
}

var (
	anchorOf       = regexp.MustCompile(`docs/runbook\.md#([a-z0-9-]+)`)
	anchorInSource = regexp.MustCompile(`[Rr]unbook:\s+"([a-z0-9-]+)"`)
)

// Every runbook anchor in an alarm, here or in another tier's source, is a heading of the runbook.
func TestRunbookHasEveryAnchor(t *testing.T) {
	text, err := os.ReadFile("../docs/runbook.md")
	require.NoError(t, err)
	headings := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if title, ok := strings.CutPrefix(line, "#"); ok {
			title = strings.ToLower(strings.TrimSpace(strings.TrimLeft(title, "#")))
			title = regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(title, "")
			headings[strings.ReplaceAll(title, " ", "-")] = true
		}
	}
	var named []string
	args := testArgs()
	args.GuardDuty = true
	for _, r := range record(t, args).Resources {
		for _, input := range []string{"alarmDescription", "description"} {
			if description, ok := r.Inputs[input].(string); ok {
				for _, match := range anchorOf.FindAllStringSubmatch(description, -1) {
					named = append(named, match[1])
				}
			}
		}
	}
	require.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".."):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range anchorInSource.FindAllStringSubmatch(string(source), -1) {
			named = append(named, match[1])
		}
		return nil
	}))
	require.Greater(t, len(named), 20)
	require.Subset(t, named, []string{"nat-instance", "backend-errors", "agents-missing"}, "alarms of other tiers are missing")
	for _, anchor := range named {
		assert.True(t, headings[anchor], "docs/runbook.md has no heading %q", anchor)
	}
	// The index at the top links to every entry that an alarm can name.
	index, entries, _ := strings.Cut(string(text), "\n## ")
	entries, _, _ = strings.Cut(entries, "\n## The owner's steps")
	indexed := regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(entries, -1)
	require.Greater(t, len(indexed), 20)
	for _, heading := range indexed {
		link := "](#" + strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-") + ")"
		linked := strings.Contains(index, link)
		assert.True(t, linked, "the index of docs/runbook.md leaves out %s", heading[1])
	}
	for _, match := range regexp.MustCompile(`\]\(#([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
		assert.True(t, headings[match[1]], "docs/runbook.md links to #%s, which it does not have", match[1])
	}
}

func TestBudget(t *testing.T) {
	b := record(t, testArgs()).Only(t, budgetType)
	assert.Equal(t, "2500", b.String(t, "limitAmount"))
	assert.Equal(t, "MONTHLY", b.String(t, "timeUnit"))
	assert.Equal(t, []any{map[string]any{"name": "TagKeyValue", "values": []any{"user:deployment$scalable-backend-test"}}},
		b.Inputs["costFilters"])
	var kinds []string
	for i := range 3 {
		kinds = append(kinds, fmt.Sprint(b.String(t, "notifications", i, "notificationType"), b.Number(t, "notifications", i, "threshold")))
		topics, _ := b.Get("notifications", i, "subscriberSnsTopicArns")
		assert.Equal(t, []any{topicARN}, topics)
	}
	assert.Equal(t, []string{"ACTUAL80", "ACTUAL100", "FORECASTED100"}, kinds)
}

func TestValidate(t *testing.T) {
	for field, change := range map[string]func(*Args){
		"TopicARN":               func(a *Args) { a.TopicARN = nil },
		"APIStageARN":            func(a *Args) { a.APIStageARN = nil },
		"BucketMetricsFilter":    func(a *Args) { a.BucketMetricsFilter = "" },
		"Metrics.DeadJobs":       func(a *Args) { a.Metrics.DeadJobs = "" },
		"Metrics.HostMemory":     func(a *Args) { a.Metrics.HostMemory = "" },
		"Metrics.HostDisk":       func(a *Args) { a.Metrics.HostDisk = "" },
		"Metrics.HostReleaseAge": func(a *Args) { a.Metrics.HostReleaseAge = "" },
		"DatabaseMemoryGiB":      func(a *Args) { a.DatabaseMemoryGiB = 0 },
		"MonthlyBudgetUSD":       func(a *Args) { a.MonthlyBudgetUSD = -1 },
		"QueueAgeLimitSeconds":   func(a *Args) { a.QueueAgeLimitSeconds = -1 },
		"NATGatewayIDs":          func(a *Args) { a.NATGatewayIDs = nil },
	} {
		args := testArgs()
		change(args)
		err := infratest.RunError(t, func(ctx *pulumi.Context) error {
			_, err := New(ctx, "monitoring", args)
			return err
		})
		assert.ErrorContains(t, err, "monitoring.Args."+field+": want ", field)
	}
}
