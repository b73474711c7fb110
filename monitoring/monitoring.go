// Package monitoring is the tier that watches the others: the topic of alerts, alarms, one dashboard, a budget, and security
// services (WAF, and for the whole account GuardDuty, AWS Config and Inspector). The alarms that stop a refresh or end a
// deployment belong to the tiers compute and fargate; all others are here. Each names an entry of docs/runbook.md.
package monitoring

import (
	"errors"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/internal/stack"
)

// Token is the type of the Monitoring component.
const Token = "scalable-backend:monitoring:Monitoring"

// Args are the inputs of Monitoring.
type Args struct {
	// Stack is where the tier is deployed.
	Stack stack.Info
	// TopicARN is notified of alarms.
	TopicARN pulumi.StringInput
	// LogsKeyARN is the KMS key that encrypts the WAF's log group.
	LogsKeyARN pulumi.StringInput
	// LogRetentionDays is how long the WAF's log is kept; at least 1.
	LogRetentionDays int
	// GuardARNs are the alarms of other tiers, which the dashboard shows with its own; nil for none.
	GuardARNs []pulumi.StringArrayInput

	// What is watched, by the dimensions of its metrics: both load balancers and their target groups,
	LoadBalancerARNSuffix, TargetGroupARNSuffix               pulumi.StringInput
	GatewayLoadBalancerARNSuffix, GatewayTargetGroupARNSuffix pulumi.StringInput
	// the group of the backend's instances and the database,
	AutoScalingGroupName, DatabaseInstanceID pulumi.StringInput
	// the database's read replicas, needed when there are any, and their number, 0 or more,
	DatabaseReplicaIDs pulumi.StringArrayInput
	DatabaseReplicas   int
	// the agents' cluster and service, needed with Agents, the REST API and its stage,
	ClusterName, ServiceName  pulumi.StringInput
	RestAPIName, APIStageName pulumi.StringInput
	// the bucket of the files and the id of its request metrics,
	BucketName          pulumi.StringInput
	BucketMetricsFilter string
	// the log groups of both services, the second needed with Agents,
	BackendLogGroupName, AgentLogGroupName pulumi.StringInput
	// the NAT gateways, needed when there are any, and their number, 0 or more.
	NATGatewayIDs pulumi.StringArrayInput
	NATGateways   int

	// DatabaseMemoryGiB and DatabaseStorageGiB are the size of the database, in GiB; at least 1.
	DatabaseMemoryGiB, DatabaseStorageGiB int
	// DatabaseConnections is how many connections the database takes; at least 1.
	DatabaseConnections int
	// Agents tells that the stack has agents of its own.
	Agents bool
	// MaxTasks is the largest number of agents, BacklogPerTask the number of jobs that each is there for; at least 1 with Agents.
	MaxTasks, BacklogPerTask int
	// QueueAgeLimitSeconds is how long a job that is due may wait before an alarm; 0 for 900.
	QueueAgeLimitSeconds int
	// LatencyMethods are the API's methods that get an alarm on their latency, which no long poll does; nil for none.
	LatencyMethods []Method

	// MetricsNamespace is the CloudWatch namespace of the metrics of backend and host.
	MetricsNamespace string
	// ServiceMetrics tells that the backend writes its Metrics. Otherwise nothing watches those, and only those of the host are needed.
	ServiceMetrics bool
	// Metrics are the names of the backend's metrics.
	Metrics Metrics
	// MonthlyBudgetUSD is the budget of the stack, in US dollars a month; 0 makes none, for partitions without AWS Budgets.
	MonthlyBudgetUSD int

	// WAF puts a web ACL in front of the public load balancer and the API's stage.
	WAF bool
	// GuardDuty, Config and Inspector turn these services on for the whole account and region: one stack only may do it.
	GuardDuty, Config, Inspector bool
	// LoadBalancerARN and APIStageARN are what the WAF protects.
	LoadBalancerARN, APIStageARN pulumi.StringInput
	// OwnAddresses are the public addresses of the stack's own agents, to which the WAF's rate limit does not apply; needed with
	// WAF.
	OwnAddresses pulumi.StringArrayInput
}

// Method is a method of the REST API as its metrics name it.
type Method struct {
	ID     string // the operation's, for names
	Method string // e.g. "POST"
	Path   string // e.g. "/v1/agents/{agent_id}/heartbeats"
}

// Metrics are the names of the metrics that the backend writes, with the dimension metrics.DimensionStack.
type Metrics struct {
	Backlog   string // jobs queued and leased
	OldestAge string // seconds that the oldest due job waits
	Agents    string // agents seen
	DeadJobs  string // jobs that became dead since the last report

	// Of each route, with metrics.DimensionRoute besides; the dashboard leaves out those that are empty.
	RequestLatency, RequestErrors, Requests string

	HostMemory, HostDisk string // of the instances, in percent
	HostReleaseAge       string // of the instances: days since their release of Amazon Linux was published
}

// Monitoring is the component.
type Monitoring struct {
	pulumi.ResourceState

	DashboardURL, DashboardName pulumi.StringOutput
}

func (a *Args) validate() error {
	if a == nil {
		return errors.New("monitoring.Args: want a value, got nil")
	}
	check := component.NewCheck("monitoring.Args")
	check.Inputs(*a, component.NeededWhen{
		"DatabaseReplicaIDs": a.DatabaseReplicas > 0, "NATGatewayIDs": a.NATGateways > 0, "OwnAddresses": a.WAF,
		"ClusterName": a.Agents, "ServiceName": a.Agents, "AgentLogGroupName": a.Agents,
	})
	for _, f := range []struct {
		name, value string
		needed      bool
	}{
		{"BucketMetricsFilter", a.BucketMetricsFilter, true}, {"MetricsNamespace", a.MetricsNamespace, true},
		{"Metrics.Backlog", a.Metrics.Backlog, a.ServiceMetrics}, {"Metrics.OldestAge", a.Metrics.OldestAge, a.ServiceMetrics},
		{"Metrics.Agents", a.Metrics.Agents, a.ServiceMetrics}, {"Metrics.DeadJobs", a.Metrics.DeadJobs, a.ServiceMetrics},
		{"Metrics.HostMemory", a.Metrics.HostMemory, true}, {"Metrics.HostDisk", a.Metrics.HostDisk, true},
		{"Metrics.HostReleaseAge", a.Metrics.HostReleaseAge, true},
	} {
		if f.needed {
			check.Named(f.name, f.value)
		}
	}
	for _, f := range []struct {
		name         string
		least, value int
	}{
		{"LogRetentionDays", 1, a.LogRetentionDays}, {"DatabaseMemoryGiB", 1, a.DatabaseMemoryGiB},
		{"DatabaseConnections", 1, a.DatabaseConnections},
		{"DatabaseStorageGiB", 1, a.DatabaseStorageGiB},
		{"MonthlyBudgetUSD", 0, a.MonthlyBudgetUSD}, {"QueueAgeLimitSeconds", 0, a.QueueAgeLimitSeconds},
		{"DatabaseReplicas", 0, a.DatabaseReplicas}, {"NATGateways", 0, a.NATGateways},
	} {
		check.AtLeast(f.name, f.least, f.value)
	}
	if a.Agents {
		check.AtLeast("MaxTasks", 1, a.MaxTasks)
		check.AtLeast("BacklogPerTask", 1, a.BacklogPerTask)
	}
	return check.Err()
}

// builder creates the children of the component.
type builder struct {
	*component.Builder
	args *Args
}

// New creates the tier.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Monitoring, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	m := &Monitoring{}
	base, err := component.Register(ctx, Token, name, m, args.Stack, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{base, args}

	rollouts, err := b.newRolloutRules()
	if err != nil {
		return nil, err
	}
	table := slices.Concat(alarms(args), rollouts)
	arns, err := b.newAlarms(table)
	if err != nil {
		return nil, err
	}
	dashboard, err := b.newDashboard(table, arns)
	if err != nil {
		return nil, err
	}
	if args.MonthlyBudgetUSD > 0 {
		if err := b.newBudget(); err != nil {
			return nil, err
		}
	}
	for _, service := range []struct {
		on     bool
		create func() error
	}{{args.WAF, b.newWAF}, {args.GuardDuty, b.newGuardDuty}, {args.Config, b.newConfig}, {args.Inspector, b.newInspector}} {
		if !service.on {
			continue
		}
		if err := service.create(); err != nil {
			return nil, err
		}
	}

	m.DashboardName = dashboard.DashboardName
	m.DashboardURL = dashboard.DashboardName.ApplyT(func(name string) string {
		return dashboardURL(args.Stack, name)
	}).(pulumi.StringOutput)
	if err := b.RegisterOutputs(pulumi.Map{
		"dashboardName": m.DashboardName,
		"dashboardUrl":  m.DashboardURL,
	}); err != nil {
		return nil, err
	}
	return m, nil
}
