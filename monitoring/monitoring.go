// Package monitoring watches the other tiers: the alert topic, alarms, one dashboard, a budget, and the account-level
// guards (WAF, GuardDuty, Config, Inspector). The alarms that guard a refresh or a deployment belong to the tiers that
// they guard; the rest are here. Each names an entry of docs/runbook.md.
package monitoring

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/stack"
)

// Token is the type of the Monitoring component.
const Token = "scalable-backend:monitoring:Monitoring"

// Args are the inputs of Monitoring.
type Args struct {
	Stack                stack.Info
	TopicARN, LogsKeyARN pulumi.StringInput
	LogRetentionDays     int
	// GuardARNs are the alarms that other tiers made for themselves; the dashboard shows them with its own.
	GuardARNs []pulumi.StringArrayInput

	// What is watched, by the names that are dimensions of its metrics.
	LoadBalancerARNSuffix, TargetGroupARNSuffix               pulumi.StringInput
	GatewayLoadBalancerARNSuffix, GatewayTargetGroupARNSuffix pulumi.StringInput
	AutoScalingGroupName, DatabaseInstanceID                  pulumi.StringInput
	DatabaseReplicaIDs                                        pulumi.StringArrayInput
	DatabaseReplicas                                          int // how many DatabaseReplicaIDs there are
	ClusterName, ServiceName                                  pulumi.StringInput
	RestAPIName, APIStageName                                 pulumi.StringInput
	BucketName                                                pulumi.StringInput
	BucketMetricsFilter                                       string // the id of the bucket's request metrics
	BackendLogGroupName, AgentLogGroupName                    pulumi.StringInput
	NATGatewayIDs                                             pulumi.StringArrayInput
	NATGateways                                               int // how many NATGatewayIDs there are

	// Limits that thresholds derive from.
	DatabaseMemoryGiB, DatabaseStorageGiB int
	MaxTasks, BacklogPerTask              int
	QueueAgeLimitSeconds                  int // how long a due job may wait; 0 means 900
	// LatencyMethods are the API's methods that get an alarm on their latency: not the long polls.
	LatencyMethods []Method

	MetricsNamespace string  // of the backend's own metrics
	Metrics          Metrics // their names
	MonthlyBudgetUSD int

	// The guards of the whole account: singletons, owned by one stack.
	WAF, GuardDuty, Config, Inspector bool
	LoadBalancerARN, APIStageARN      pulumi.StringInput // what the WAF stands in front of
	// OwnAddresses are those of the stack's own agents on the internet, which the WAF's rate limit leaves alone.
	OwnAddresses pulumi.StringArrayInput
}

// Method is a method of the REST API as its metrics name it.
type Method struct {
	ID     string // the operation's, for names
	Method string // e.g. "POST"
	Path   string // e.g. "/v1/agents/{agent_id}/heartbeats"
}

// Metrics are the names of the metrics that the backend emits, with the dimension `stack`.
type Metrics struct {
	Backlog   string // jobs queued and leased
	OldestAge string // seconds that the oldest due job waits
	Agents    string // agents seen
	DeadJobs  string // jobs that became dead since the last report

	// Of each route, with the dimension `route` besides; left out of the dashboard when empty.
	RequestLatency, RequestErrors, Requests string

	// Of the instances, in percent; left out of the dashboard when empty.
	HostMemory, HostDisk string
}

// Monitoring is the tier.
type Monitoring struct {
	pulumi.ResourceState

	DashboardURL, DashboardName pulumi.StringOutput
}

func (a *Args) validate() error {
	var problems []error
	report := func(field, want string, got any) {
		problems = append(problems, fmt.Errorf("monitoring.Args.%s: want %s, got %v", field, want, got))
	}
	for _, f := range []struct {
		name  string
		value pulumi.StringInput
	}{
		{"TopicARN", a.TopicARN}, {"LogsKeyARN", a.LogsKeyARN}, {"LoadBalancerARNSuffix", a.LoadBalancerARNSuffix},
		{"TargetGroupARNSuffix", a.TargetGroupARNSuffix}, {"GatewayLoadBalancerARNSuffix", a.GatewayLoadBalancerARNSuffix},
		{"GatewayTargetGroupARNSuffix", a.GatewayTargetGroupARNSuffix}, {"AutoScalingGroupName", a.AutoScalingGroupName},
		{"DatabaseInstanceID", a.DatabaseInstanceID}, {"ClusterName", a.ClusterName}, {"ServiceName", a.ServiceName},
		{"RestAPIName", a.RestAPIName}, {"APIStageName", a.APIStageName}, {"BucketName", a.BucketName},
		{"BackendLogGroupName", a.BackendLogGroupName}, {"AgentLogGroupName", a.AgentLogGroupName},
		{"LoadBalancerARN", a.LoadBalancerARN}, {"APIStageARN", a.APIStageARN},
	} {
		if f.value == nil {
			report(f.name, "a value", "none")
		}
	}
	for _, f := range []struct{ name, value string }{
		{"BucketMetricsFilter", a.BucketMetricsFilter}, {"MetricsNamespace", a.MetricsNamespace}, {"Metrics.Backlog", a.Metrics.Backlog},
		{"Metrics.OldestAge", a.Metrics.OldestAge}, {"Metrics.Agents", a.Metrics.Agents}, {"Metrics.DeadJobs", a.Metrics.DeadJobs},
	} {
		if f.value == "" {
			report(f.name, "a name", `""`)
		}
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"LogRetentionDays", a.LogRetentionDays}, {"DatabaseMemoryGiB", a.DatabaseMemoryGiB}, {"DatabaseStorageGiB", a.DatabaseStorageGiB},
		{"MaxTasks", a.MaxTasks}, {"BacklogPerTask", a.BacklogPerTask}, {"MonthlyBudgetUSD", a.MonthlyBudgetUSD},
	} {
		if f.value < 1 {
			report(f.name, "1 or more", f.value)
		}
	}
	if a.QueueAgeLimitSeconds < 0 {
		report("QueueAgeLimitSeconds", "0 or more", a.QueueAgeLimitSeconds)
	}
	if a.DatabaseReplicas < 0 || (a.DatabaseReplicas > 0 && a.DatabaseReplicaIDs == nil) {
		report("DatabaseReplicas", "the number of DatabaseReplicaIDs", a.DatabaseReplicas)
	}
	if a.WAF && a.OwnAddresses == nil {
		report("OwnAddresses", "a value with WAF", "none")
	}
	if a.NATGateways < 0 || (a.NATGateways > 0 && a.NATGatewayIDs == nil) {
		report("NATGateways", "the number of NATGatewayIDs", a.NATGateways)
	}
	return errors.Join(problems...)
}

// New creates the tier.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Monitoring, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	m := &Monitoring{}
	if err := ctx.RegisterComponentResource(Token, name, m, opts...); err != nil {
		return nil, fmt.Errorf("registering %s: %w", Token, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, parent: pulumi.Parent(m)}

	releases, err := b.rolloutAlarms()
	if err != nil {
		return nil, err
	}
	table := slices.Concat(alarms(args), releases)
	arns, err := b.alarms(table)
	if err != nil {
		return nil, err
	}
	dashboard, err := b.dashboard(table, arns)
	if err != nil {
		return nil, err
	}
	if err := b.budget(); err != nil {
		return nil, err
	}
	for _, guard := range []struct {
		on     bool
		create func() error
	}{{args.WAF, b.waf}, {args.GuardDuty, b.guardDuty}, {args.Config, b.config}, {args.Inspector, b.inspector}} {
		if !guard.on {
			continue
		}
		if err := guard.create(); err != nil {
			return nil, err
		}
	}

	m.DashboardName = dashboard.DashboardName
	m.DashboardURL = dashboard.DashboardName.ApplyT(func(name string) string { return dashboardURL(args.Stack, name) }).(pulumi.StringOutput)
	if err := ctx.RegisterResourceOutputs(m, pulumi.Map{
		"dashboardName": m.DashboardName,
		"dashboardUrl":  m.DashboardURL,
	}); err != nil {
		return nil, fmt.Errorf("registering outputs of %s: %w", name, err)
	}
	return m, nil
}

type builder struct {
	ctx    *pulumi.Context
	name   string
	args   *Args
	parent pulumi.ResourceOption
}

func (b *builder) child(suffix string) string { return b.name + "-" + suffix }

func (b *builder) tags(child string) pulumi.StringMap { return b.args.Stack.Tags("monitoring", child) }
