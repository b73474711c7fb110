package monitoring

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	minute  = 60
	minutes = 5 * minute
	gib     = 1 << 30

	// StackDimension is the dimension of all of the backend's metrics, RouteDimension that of its request metrics besides.
	StackDimension = "stack"
	RouteDimension = "route"

	defaultQueueAge = 900
)

// alarms is the whole table.
func alarms(a *Args) []alarm {
	return slices.Concat(doorAlarms(a), backendAlarms(a), databaseAlarms(a), agentAlarms(a), gatewayAlarms(a), storageAlarms(a), networkAlarms(a))
}

func publicDoor(a *Args, name string) metric {
	return metric{"AWS/ApplicationELB", name, []dimension{{"LoadBalancer", a.LoadBalancerARNSuffix}}}
}

func publicTargets(a *Args, name string) metric {
	return metric{"AWS/ApplicationELB", name, []dimension{
		{"LoadBalancer", a.LoadBalancerARNSuffix}, {"TargetGroup", a.TargetGroupARNSuffix},
	}}
}

func gatewayTargets(a *Args, name string) metric {
	return metric{"AWS/NetworkELB", name, []dimension{
		{"LoadBalancer", a.GatewayLoadBalancerARNSuffix}, {"TargetGroup", a.GatewayTargetGroupARNSuffix},
	}}
}

// doorAlarms complete the guards of the compute tier, which count failures and unhealthy instances in percent and so are
// silent when there is little traffic or no instance at all.
func doorAlarms(a *Args) []alarm {
	down := func(name, door string, m metric) alarm {
		return alarm{
			name: name, anchor: "backend-down", section: doors, metric: m,
			means:     "No backend instance is healthy behind the " + door + " door.",
			statistic: "Maximum", period: minute, periods: 3, is: below, threshold: 1, silence: silenceIsBad,
		}
	}
	return []alarm{
		{
			name: "load-balancer-errors", section: doors, metric: publicDoor(a, "HTTPCode_ELB_5XX_Count"),
			means:     "The public load balancer itself answers requests with 5xx: no instance took them, or took too long.",
			statistic: "Sum", period: minute, periods: 5, breaching: 3, is: atLeast, threshold: 5, silence: silenceIsGood,
		},
		{
			name: "load-balancer-latency", section: doors, metric: publicDoor(a, "TargetResponseTime"),
			means:     "One request in a hundred at the public door takes longer than 2 seconds.",
			statistic: "p99", period: minute, periods: 10, breaching: 8, is: above, threshold: 2, silence: silenceIsGood,
		},
		down("load-balancer-down", "public", publicTargets(a, "HealthyHostCount")),
		down("gateway-down", "gateway", gatewayTargets(a, "HealthyHostCount")),
	}
}

func own(a *Args, name string) metric {
	return metric{a.MetricsNamespace, name, []dimension{{StackDimension, pulumi.String(a.Stack.Stack)}}}
}

func backendAlarms(a *Args) []alarm {
	return []alarm{
		{
			name: "backend-cpu", section: backend,
			metric:    metric{"AWS/EC2", "CPUUtilization", []dimension{{"AutoScalingGroupName", a.AutoScalingGroupName}}},
			means:     "The backend's instances are above 85 % CPU although the group scales on CPU: it is at its maximum, or cannot launch.",
			statistic: "Average", period: minutes, periods: 3, is: above, threshold: 85, silence: silenceWaits,
		},
		{
			name: "backend-silent", section: backend, metric: own(a, a.Metrics.Agents),
			means:     "No backend reports the queue: leases do not expire, and scaling and the queue's alarms are blind.",
			statistic: "SampleCount", period: minute, periods: 5, is: below, threshold: 1, silence: silenceIsBad,
		},
	}
}

// databaseAlarms watch the instance and each of its replicas, which also have to keep up.
func databaseAlarms(a *Args) []alarm {
	table := instanceAlarms(a, "database", "The database", a.DatabaseInstanceID)
	for i := range a.DatabaseReplicas {
		id := a.DatabaseReplicaIDs.ToStringArrayOutput().Index(pulumi.Int(i))
		name, who := fmt.Sprintf("database-replica-%d", i+1), fmt.Sprintf("Read replica %d", i+1)
		table = append(table, instanceAlarms(a, name, who, id)...)
		table = append(table, alarm{
			name: name + "-lag", anchor: "database-lag", section: database, metric: rdsMetric(id, "ReplicaLag"),
			// Up to five minutes are normal when nobody writes.
			means:     who + " is more than ten minutes behind, or does not replicate.",
			statistic: "Maximum", period: minutes, periods: 3, is: above, threshold: 600, silence: silenceIsBad,
		})
	}
	return table
}

func rdsMetric(id pulumi.StringInput, name string) metric {
	return metric{"AWS/RDS", name, []dimension{{"DBInstanceIdentifier", id}}}
}

// instanceAlarms derive from the instance: RDS allows one connection for each 9,531,392 bytes of memory, at most 5,000, and
// on small classes a good quarter of the nominal memory is not counted.
func instanceAlarms(a *Args, name, who string, id pulumi.StringInput) []alarm {
	rds := func(name string) metric { return rdsMetric(id, name) }
	memory := float64(a.DatabaseMemoryGiB) * gib
	connections := float64(int(0.6 * min(memory/9531392, 5000)))
	// Storage autoscaling begins at 10 % free; less than half of that means that it cannot keep up or has reached its limit.
	storage := max(0.05*float64(a.DatabaseStorageGiB), 1) * gib
	return []alarm{
		{
			name: name + "-cpu", anchor: "database-cpu", section: database, metric: rds("CPUUtilization"),
			means:     who + " is above 80 % CPU.",
			statistic: "Average", period: minutes, periods: 3, is: above, threshold: 80, silence: silenceWaits,
		},
		{
			name: name + "-connections", anchor: "database-connections", section: database, metric: rds("DatabaseConnections"),
			means:     fmt.Sprintf("%s has more than %.0f connections, 60 %% of what its memory allows.", who, connections),
			statistic: "Maximum", period: minutes, periods: 2, is: above, threshold: connections, silence: silenceWaits,
		},
		{
			name: name + "-storage", anchor: "database-storage", section: database, metric: rds("FreeStorageSpace"),
			means:     who + " is running out of storage, or reports nothing.",
			statistic: "Minimum", period: minutes, periods: 2, is: below, threshold: storage, silence: silenceIsBad,
		},
		{
			name: name + "-memory", anchor: "database-memory", section: database, metric: rds("FreeableMemory"),
			means:     who + " has less than 5 % of its memory to spare.",
			statistic: "Average", period: minutes, periods: 3, is: below, threshold: float64(int64(0.05 * memory)), silence: silenceWaits,
		},
	}
}

// agentAlarms complete the guard of the agents' service, which watches the number of agents.
func agentAlarms(a *Args) []alarm {
	age := cmp.Or(a.QueueAgeLimitSeconds, defaultQueueAge)
	backlog := a.MaxTasks * a.BacklogPerTask
	return []alarm{
		{
			name: "agents-memory", section: agents,
			metric: metric{"AWS/ECS", "MemoryUtilization", []dimension{
				{"ClusterName", a.ClusterName}, {"ServiceName", a.ServiceName},
			}},
			means:     "The agents use more than 90 % of their memory on average: the next step is that they are killed.",
			statistic: "Average", period: minutes, periods: 3, is: above, threshold: 90, silence: silenceIsGood,
		},
		{
			name: "queue-age", section: agents, metric: own(a, a.Metrics.OldestAge),
			means:     fmt.Sprintf("A job that is due has waited longer than %d seconds.", age),
			statistic: "Maximum", period: minute, periods: 5, is: above, threshold: float64(age), silence: silenceIsGood,
		},
		{
			name: "queue-backlog", section: agents, metric: own(a, a.Metrics.Backlog),
			means:     fmt.Sprintf("More than %d jobs are queued or leased: more than the most agents are sized for.", backlog),
			statistic: "Maximum", period: minutes, periods: 3, is: above, threshold: float64(backlog), silence: silenceIsGood,
		},
		{
			name: "jobs-dead", section: agents, metric: own(a, a.Metrics.DeadJobs),
			means:     "Jobs have failed for good.",
			statistic: "Sum", period: minutes, periods: 1, is: atLeast, threshold: 1, silence: silenceIsGood,
		},
	}
}

func gatewayAlarms(a *Args) []alarm {
	stage := []dimension{{"ApiName", a.RestAPIName}, {"Stage", a.APIStageName}}
	table := []alarm{{
		name: "api-errors", section: gateway, metric: metric{"AWS/ApiGateway", "5XXError", stage},
		means:     "API Gateway answers requests with 5xx.",
		statistic: "Sum", period: minute, periods: 5, breaching: 3, is: atLeast, threshold: 5, silence: silenceIsGood,
	}}
	for _, m := range a.LatencyMethods {
		table = append(table, alarm{
			name: "api-latency-" + m.ID, anchor: "api-latency", section: gateway,
			metric:    metric{"AWS/ApiGateway", "Latency", slices.Concat(stage, []dimension{{"Method", pulumi.String(m.Method)}, {"Resource", pulumi.String(m.Path)}})},
			means:     fmt.Sprintf("One request in a hundred of %s %s takes longer than 3 seconds.", m.Method, m.Path),
			statistic: "p99", period: minutes, periods: 3, is: above, threshold: 3000, silence: silenceIsGood,
		})
	}
	return table
}

func storageAlarms(a *Args) []alarm {
	return []alarm{{
		name: "bucket-errors", section: storage, metric: bucket(a, "5xxErrors"),
		means:     "S3 answers more than 5 % of the requests to the data bucket with 5xx.",
		statistic: "Average", period: minutes, periods: 3, is: above, threshold: 0.05, silence: silenceIsGood,
	}}
}

func bucket(a *Args, name string) metric {
	return metric{"AWS/S3", name, []dimension{{"BucketName", a.BucketName}, {"FilterId", pulumi.String(a.BucketMetricsFilter)}}}
}

func networkAlarms(a *Args) []alarm {
	var table []alarm
	for i := range a.NATGateways {
		table = append(table, alarm{
			name: fmt.Sprintf("nat-ports-%d", i), anchor: "nat-ports", section: network, metric: natGateway(a, i, "ErrorPortAllocation"),
			means:     "A NAT gateway has no port left for new connections.",
			statistic: "Sum", period: minutes, periods: 1, is: above, threshold: 0, silence: silenceIsGood,
		})
	}
	return table
}

func natGateway(a *Args, i int, name string) metric {
	id := a.NATGatewayIDs.ToStringArrayOutput().Index(pulumi.Int(i))
	return metric{"AWS/NATGateway", name, []dimension{{"NatGatewayId", id}}}
}
