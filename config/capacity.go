package config

import (
	"fmt"
	"net/netip"
	"strconv"

	"scalable-backend/database"
	"scalable-backend/network"
	backendconfig "scalable-backend/services/backend/config"
)

const (
	// reservedAddresses are taken by AWS in every subnet (Amazon VPC User Guide, "Subnet CIDR blocks").
	reservedAddresses = 5
	// rulesPerGroup is the default quota of rules of a security group in one direction (Amazon VPC User Guide, "Amazon VPC quotas").
	rulesPerGroup = 60
)

// limit is one number of the configuration held against what there is room for. What the least of it needs must be there; that
// the most of it may not is a warning.
type limit struct {
	least, most       int
	leastKey, mostKey string
	room              int
	of                string // what there is room for, and why no more
}

func (c *Config) limits() []limit {
	var all []limit
	if plan, err := network.Plan(c.Network.CIDR, c.Network.AZCount); err == nil {
		// Each task and each instance has an address of its own. The layers hold what else stands in them once a zone: the agents'
		// the interface endpoints and the file system, the backend's the gateway's load balancer.
		inClients := len(c.Network.InterfaceEndpoints)
		if c.Fargate.PersistentStorage {
			inClients++
		}
		tasks, instances := addresses(plan.Clients, inClients), addresses(plan.Backend, 1)
		const why = "%d addresses in the %d subnets of network.cidr %s"
		if c.Fargate.Enabled {
			all = append(all, limit{
				c.Fargate.MinTasks, c.Fargate.MaxTasks, "fargate.minTasks", "fargate.maxTasks", tasks,
				fmt.Sprintf("agents: there are "+why, tasks, len(plan.Clients), c.Network.CIDR),
			})
		}
		all = append(all, limit{
			c.Compute.MinSize, c.Compute.MaxSize, "compute.minSize", "compute.maxSize", instances,
			fmt.Sprintf("instances: there are "+why, instances, len(plan.Backend), c.Network.CIDR),
		})
	}
	if memory, err := database.MemoryGiB(c.Database.InstanceClass); err == nil {
		connections, each := database.MaxConnections(memory), backendconfig.DefaultDatabaseMaxConns
		all = append(all, limit{
			c.Compute.MinSize, c.Compute.MaxSize, "compute.minSize", "compute.maxSize", connections / each,
			fmt.Sprintf("instances: each opens up to %d connections, and a %s takes %d", each, c.Database.InstanceClass, connections),
		})
	}
	return all
}

// addresses is how many are left in subnets for what grows, when each also holds so many others.
func addresses(subnets []netip.Prefix, others int) (n int) {
	for _, s := range subnets {
		n += max(0, 1<<(32-s.Bits())-reservedAddresses-others)
	}
	return n
}

// checkCapacity refuses what has no room even at its least.
func checkCapacity(c *Config, r *report) {
	for _, l := range c.limits() {
		if l.least > l.room && r.clean(l.leastKey, "network.cidr", "database.instanceClass") {
			r.add(l.leastKey, l.least, fmt.Sprintf("want room for at most %d %s", l.room, l.of), strconv.Itoa(max(1, l.room)))
		}
	}
}

// Warnings lists what fits now and will not when scaling reaches its maximum, or depends on a quota of the account. Each is one
// sentence with its numbers.
func (c Config) Warnings() []string {
	var warnings []string
	for _, l := range c.limits() {
		if l.most > l.room {
			warnings = append(warnings, fmt.Sprintf("%s is %d, and there is room for %d %s", l.mostKey, l.most, l.room, l.of))
		}
	}
	rules := len(c.Compute.AllowedCIDRs)
	if c.HTTPS() {
		rules *= 2 // the listener on 80 redirects
	}
	if rules > rulesPerGroup {
		warnings = append(warnings, fmt.Sprintf("compute.allowedCidrs has %d ranges, which are %d rules of the load balancer's security group: "+
			"AWS's default quota is %d (\"Inbound or outbound rules per security group\"); have it raised before the update",
			len(c.Compute.AllowedCIDRs), rules, rulesPerGroup))
	}
	if most := c.Compute.MaxSize * c.Compute.RequestsPerTarget / 60; c.API.ThrottleRate > most {
		warnings = append(warnings, fmt.Sprintf("api.throttleRate lets %d requests a second through, and compute.maxSize %d instances at "+
			"compute.requestsPerTarget %d a minute are sized for %d: the backend is overloaded before API Gateway refuses any",
			c.API.ThrottleRate, c.Compute.MaxSize, c.Compute.RequestsPerTarget, most))
	}
	warnings = append(warnings, c.unknownHardware()...)
	if c.Budget() == 0 {
		warnings = append(warnings,
			"monitoring.monthlyBudgetUsd has no effect: AWS Budgets is not in the partition "+c.Partition())
	}
	return warnings
}
