package monitoring

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
	"scalable-backend/services/backend/metrics"
)

const (
	// Periods, in seconds.
	minute      = 60
	fiveMinutes = 300
	day         = 86400

	gib = 1 << 30 // bytes

	// defaultQueueAge is the default of Args.QueueAgeLimitSeconds.
	defaultQueueAge = 900

	// maxReleaseDays leaves room for one update a month that is late. Amazon deprecates a release after 90 days.
	maxReleaseDays = 60
)

// alarms is the whole table.
func alarms(a *Args) []alarm {
	return slices.Concat(doorAlarms(a), backendAlarms(a), databaseAlarms(a), agentAlarms(a), gatewayAlarms(a), storageAlarms(a),
		networkAlarms(a))
}

func publicDoor(a *Args, name string) metric {
	return metric{Namespace: "AWS/ApplicationELB", Name: name, Dimensions: []dimension{{Name: "LoadBalancer", Value: a.LoadBalancerARNSuffix}}}
}

func publicTargets(a *Args, name string) metric {
	return metric{Namespace: "AWS/ApplicationELB", Name: name, Dimensions: []dimension{
		{Name: "LoadBalancer", Value: a.LoadBalancerARNSuffix}, {Name: "TargetGroup", Value: a.TargetGroupARNSuffix},
	}}
}

func gatewayTargets(a *Args, name string) metric {
	return metric{Namespace: "AWS/NetworkELB", Name: name, Dimensions: []dimension{
		{Name: "LoadBalancer", Value: a.GatewayLoadBalancerARNSuffix}, {Name: "TargetGroup", Value: a.GatewayTargetGroupARNSuffix},
	}}
}

// doorAlarms complete the alarms of the compute tier, which compare failures and unhealthy instances in percent and so stay off
// when there is little traffic or no instance at all.
func doorAlarms(a *Args) []alarm {
	down := func(name, door string, m metric) alarm {
		return alarm{name, doors, component.Alarm{
			Runbook:     "backend-down",
			Metric:      m,
			Description: "No backend instance is healthy behind the " + door + " door.",
			Statistic:   "Maximum", Period: minute, Periods: 3,
			Comparison: component.Below, Threshold: 1, NoData: component.NoDataIsAlarm,
		}}
	}
	return []alarm{
		{"load-balancer-errors", doors, component.Alarm{
			Metric:      publicDoor(a, "HTTPCode_ELB_5XX_Count"),
			Description: "The public load balancer itself answers requests with 5xx: no instance took them, or took too long.",
			Statistic:   "Sum", Period: minute, Periods: 5, Breaching: 3,
			Comparison: component.AtLeast, Threshold: 5, NoData: component.NoDataIsOK,
		}},
		{"load-balancer-latency", doors, component.Alarm{
			Metric:      publicDoor(a, "TargetResponseTime"),
			Description: "One request in a hundred at the public door takes longer than 2 seconds.",
			Statistic:   "p99", Period: minute, Periods: 10, Breaching: 8,
			Comparison: component.Above, Threshold: 2, NoData: component.NoDataIsOK,
		}},
		down("load-balancer-down", "public", publicTargets(a, "HealthyHostCount")),
		down("gateway-down", "gateway", gatewayTargets(a, "HealthyHostCount")),
	}
}

func groupMetric(a *Args, name string) metric {
	return metric{Namespace: "AWS/EC2", Name: name, Dimensions: []dimension{
		{Name: "AutoScalingGroupName", Value: a.AutoScalingGroupName},
	}}
}

// own is a metric of the backend.
func own(a *Args, name string) metric {
	return metric{Namespace: a.MetricsNamespace, Name: name, Dimensions: []dimension{
		{Name: metrics.DimensionStack, Value: pulumi.String(a.Stack.Stack)},
	}}
}

func backendAlarms(a *Args) []alarm {
	table := []alarm{
		{"backend-cpu", backend, component.Alarm{
			Metric:      groupMetric(a, "CPUUtilization"),
			Description: "The backend's instances are above 85 % CPU although the group scales on CPU: it is at its maximum, or cannot launch.",
			Statistic:   "Average", Period: fiveMinutes, Periods: 3,
			Comparison: component.Above, Threshold: 85, NoData: component.NoDataIsUnknown,
		}},
		// An instance serves without the agent that reports these, so silence is no alarm.
		{"backend-memory", backend, component.Alarm{
			Metric:      own(a, a.Metrics.HostMemory),
			Description: "An instance of the backend uses more than 90 % of its memory.",
			Statistic:   "Maximum", Period: fiveMinutes, Periods: 3,
			Comparison: component.Above, Threshold: 90, NoData: component.NoDataIsUnknown,
		}},
		{"backend-disk", backend, component.Alarm{
			Metric:      own(a, a.Metrics.HostDisk),
			Description: "The root disk of an instance of the backend is more than 80 % full.",
			Statistic:   "Maximum", Period: fiveMinutes, Periods: 3,
			Comparison: component.Above, Threshold: 80, NoData: component.NoDataIsUnknown,
		}},
		{"backend-release", backend, component.Alarm{
			Metric:      own(a, a.Metrics.HostReleaseAge),
			Description: fmt.Sprintf("An instance of the backend runs a release of Amazon Linux that is older than %d days.", maxReleaseDays),
			Statistic:   "Maximum", Period: day, Periods: 1,
			Comparison: component.Above, Threshold: maxReleaseDays, NoData: component.NoDataIsUnknown,
		}},
	}
	if !a.ServiceMetrics {
		return table
	}
	return slices.Insert(table, 1, alarm{"backend-silent", backend, component.Alarm{
		Metric:      own(a, a.Metrics.Agents),
		Description: "No backend reports the queue: leases do not expire, and scaling and the queue's alarms are blind.",
		Statistic:   "SampleCount", Period: minute, Periods: 5,
		Comparison: component.Below, Threshold: 1, NoData: component.NoDataIsAlarm,
	}})
}

// databaseAlarms watch the instance and each of its replicas, which also have to keep up.
func databaseAlarms(a *Args) []alarm {
	table := instanceAlarms(a, "database", "The database", a.DatabaseInstanceID)
	for i := range a.DatabaseReplicas {
		id := a.DatabaseReplicaIDs.ToStringArrayOutput().Index(pulumi.Int(i))
		name, who := fmt.Sprintf("database-replica-%d", i+1), fmt.Sprintf("Read replica %d", i+1)
		table = append(table, instanceAlarms(a, name, who, id)...)
		table = append(table, alarm{name + "-lag", database, component.Alarm{
			Runbook: "database-lag",
			Metric:  rdsMetric(id, "ReplicaLag"),
			// Up to five minutes are normal when nobody writes.
			Description: who + " is more than ten minutes behind, or does not replicate.",
			Statistic:   "Maximum", Period: fiveMinutes, Periods: 3,
			Comparison: component.Above, Threshold: 600, NoData: component.NoDataIsAlarm,
		}})
	}
	return table
}

func rdsMetric(id pulumi.StringInput, name string) metric {
	return metric{Namespace: "AWS/RDS", Name: name, Dimensions: []dimension{{Name: "DBInstanceIdentifier", Value: id}}}
}

// instanceAlarms are about one instance of the database. Small classes take fewer connections than DatabaseConnections, by up to a
// quarter: a part of their memory is not counted.
func instanceAlarms(a *Args, name, who string, id pulumi.StringInput) []alarm {
	rds := func(name string) metric { return rdsMetric(id, name) }
	memory := float64(a.DatabaseMemoryGiB) * gib
	connections := float64(a.DatabaseConnections * 6 / 10)
	// Storage autoscaling begins at 10 % free; less than half of that means that it cannot keep up or has reached its limit.
	storage := max(0.05*float64(a.DatabaseStorageGiB), 1) * gib
	return []alarm{
		{name + "-cpu", database, component.Alarm{
			Runbook:     "database-cpu",
			Metric:      rds("CPUUtilization"),
			Description: who + " is above 80 % CPU.",
			Statistic:   "Average", Period: fiveMinutes, Periods: 3,
			Comparison: component.Above, Threshold: 80, NoData: component.NoDataIsUnknown,
		}},
		{name + "-connections", database, component.Alarm{
			Runbook:     "database-connections",
			Metric:      rds("DatabaseConnections"),
			Description: fmt.Sprintf("%s has more than %.0f connections, 60 %% of what its memory allows.", who, connections),
			Statistic:   "Maximum", Period: fiveMinutes, Periods: 2,
			Comparison: component.Above, Threshold: connections, NoData: component.NoDataIsUnknown,
		}},
		{name + "-storage", database, component.Alarm{
			Runbook:     "database-storage",
			Metric:      rds("FreeStorageSpace"),
			Description: who + " is running out of storage, or reports nothing.",
			Statistic:   "Minimum", Period: fiveMinutes, Periods: 2,
			Comparison: component.Below, Threshold: storage, NoData: component.NoDataIsAlarm,
		}},
		{name + "-memory", database, component.Alarm{
			Runbook:     "database-memory",
			Metric:      rds("FreeableMemory"),
			Description: who + " has less than 5 % of its memory to spare.",
			Statistic:   "Average", Period: fiveMinutes, Periods: 3,
			Comparison: component.Below, Threshold: float64(int64(0.05 * memory)), NoData: component.NoDataIsUnknown,
		}},
	}
}

// agentAlarms complete the alarm of the fargate tier, which watches the number of agents that the backend reports.
func agentAlarms(a *Args) []alarm {
	return slices.Concat(taskAlarms(a), queueAlarms(a))
}

// taskAlarms watch the stack's own agents by what ECS measures.
func taskAlarms(a *Args) []alarm {
	if !a.Agents {
		return nil
	}
	service := func(name string) metric {
		return metric{Namespace: "AWS/ECS", Name: name, Dimensions: []dimension{
			{Name: "ClusterName", Value: a.ClusterName}, {Name: "ServiceName", Value: a.ServiceName},
		}}
	}
	table := []alarm{{"agents-memory", agents, component.Alarm{
		Metric:      service("MemoryUtilization"),
		Description: "The agents use more than 90 % of their memory on average: the next step is that they are killed.",
		Statistic:   "Average", Period: fiveMinutes, Periods: 3,
		Comparison: component.Above, Threshold: 90, NoData: component.NoDataIsOK,
	}}}
	if a.ServiceMetrics {
		return table
	}
	// ECS reports nothing of a service without a running task.
	return append(table, alarm{"agents-down", agents, component.Alarm{
		Runbook:     "agents-missing",
		Metric:      service("CPUUtilization"),
		Description: "No agent runs.",
		Statistic:   "SampleCount", Period: minute, Periods: 5,
		Comparison: component.Below, Threshold: 1, NoData: component.NoDataIsAlarm,
	}})
}

// queueAlarms watch what the backend reports of its queue.
func queueAlarms(a *Args) []alarm {
	if !a.ServiceMetrics {
		return nil
	}
	age := cmp.Or(a.QueueAgeLimitSeconds, defaultQueueAge)
	table := []alarm{{"queue-age", agents, component.Alarm{
		Metric:      own(a, a.Metrics.OldestAge),
		Description: fmt.Sprintf("A job that is due has waited longer than %d seconds.", age),
		Statistic:   "Maximum", Period: minute, Periods: 5,
		Comparison: component.Above, Threshold: float64(age), NoData: component.NoDataIsOK,
	}}}
	if backlog := a.MaxTasks * a.BacklogPerTask; a.Agents {
		table = append(table, alarm{"queue-backlog", agents, component.Alarm{
			Metric:      own(a, a.Metrics.Backlog),
			Description: fmt.Sprintf("More than %d jobs are queued or leased: more than the most agents are sized for.", backlog),
			Statistic:   "Maximum", Period: fiveMinutes, Periods: 3,
			Comparison: component.Above, Threshold: float64(backlog), NoData: component.NoDataIsOK,
		}})
	}
	return append(table, alarm{"jobs-dead", agents, component.Alarm{
		Metric:      own(a, a.Metrics.DeadJobs),
		Description: "Jobs have failed for good.",
		Statistic:   "Sum", Period: fiveMinutes, Periods: 1,
		Comparison: component.AtLeast, Threshold: 1, NoData: component.NoDataIsOK,
	}})
}

func stageDimensions(a *Args) []dimension {
	return []dimension{{Name: "ApiName", Value: a.RestAPIName}, {Name: "Stage", Value: a.APIStageName}}
}

func gatewayAlarms(a *Args) []alarm {
	stage := stageDimensions(a)
	table := []alarm{{"api-errors", gateway, component.Alarm{
		Metric:      metric{Namespace: "AWS/ApiGateway", Name: "5XXError", Dimensions: stage},
		Description: "API Gateway answers requests with 5xx.",
		Statistic:   "Sum", Period: minute, Periods: 5, Breaching: 3,
		Comparison: component.AtLeast, Threshold: 5, NoData: component.NoDataIsOK,
	}}}
	for _, m := range a.LatencyMethods {
		table = append(table, alarm{"api-latency-" + m.ID, gateway, component.Alarm{
			Runbook: "api-latency",
			Metric: metric{Namespace: "AWS/ApiGateway", Name: "Latency", Dimensions: slices.Concat(stage, []dimension{
				{Name: "Method", Value: pulumi.String(m.Method)}, {Name: "Resource", Value: pulumi.String(m.Path)},
			})},
			Description: fmt.Sprintf("One request in a hundred of %s %s takes longer than 3 seconds.", m.Method, m.Path),
			Statistic:   "p99", Period: fiveMinutes, Periods: 3,
			Comparison: component.Above, Threshold: 3000, NoData: component.NoDataIsOK,
		}})
	}
	return table
}

func storageAlarms(a *Args) []alarm {
	return []alarm{{"bucket-errors", storage, component.Alarm{
		Metric:      bucket(a, "5xxErrors"),
		Description: "S3 answers more than 5 % of the requests to the data bucket with 5xx.",
		Statistic:   "Average", Period: fiveMinutes, Periods: 3,
		Comparison: component.Above, Threshold: 0.05, NoData: component.NoDataIsOK,
	}}}
}

func bucket(a *Args, name string) metric {
	return metric{Namespace: "AWS/S3", Name: name, Dimensions: []dimension{
		{Name: "BucketName", Value: a.BucketName}, {Name: "FilterId", Value: pulumi.String(a.BucketMetricsFilter)},
	}}
}

func networkAlarms(a *Args) []alarm {
	var table []alarm
	for i := range a.NATGateways {
		table = append(table, alarm{fmt.Sprintf("nat-ports-%d", i), network, component.Alarm{
			Runbook:     "nat-ports",
			Metric:      natGateway(a, i, "ErrorPortAllocation"),
			Description: "A NAT gateway has no port left for new connections.",
			Statistic:   "Sum", Period: fiveMinutes, Periods: 1,
			Comparison: component.Above, Threshold: 0, NoData: component.NoDataIsOK,
		}})
	}
	return table
}

func natGateway(a *Args, i int, name string) metric {
	id := a.NATGatewayIDs.ToStringArrayOutput().Index(pulumi.Int(i))
	return metric{Namespace: "AWS/NATGateway", Name: name, Dimensions: []dimension{{Name: "NatGatewayId", Value: id}}}
}
