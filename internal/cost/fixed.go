package cost

import "scalable-backend/internal/graph"

const alarm = "aws:cloudwatch/metricAlarm:MetricAlarm"

// addresses are those of the stack and, one in each of its subnets, of a load balancer that faces the internet.
func addresses(r *reader) Line {
	n := r.count("aws:ec2/eip:Eip")
	keys := r.keys("aws:ec2/eip:Eip")
	for _, lb := range r.OfType(balancer) {
		if internal, _ := lb.Get("internal"); internal == false {
			n += float64(len(items(lb, "subnets")))
			keys = append(keys, lb.Key())
		}
	}
	line := times(n, r.price("address")*Hours)
	line.Resources = keys
	return line
}

// interfaces are the interface endpoints, of which each zone has one.
func interfaces(r *reader) Line {
	n, keys := 0.0, []string{}
	for _, e := range r.OfType(endpoint) {
		if kind, _ := e.Get("vpcEndpointType"); kind == "Interface" {
			n += float64(len(items(e, "subnetIds")))
			keys = append(keys, e.Key())
		}
	}
	line := times(n, r.price("endpoint")*Hours)
	line.Resources = keys
	return line
}

// forwarders are the instances that stand in for a NAT gateway, with their disks.
func forwarders(r *reader) Line {
	var line Line
	for _, i := range r.OfType(forwarder) {
		disk := 8.0 // of the image
		if _, ok := i.Get("rootBlockDevice", "volumeSize"); ok {
			disk = r.number(i, "rootBlockDevice", "volumeSize")
		}
		line.Each = r.hourly(r.region.Instances, i, "instanceType")*Hours + disk*r.price("volume")
		line.Count++
		line.USD += line.Each
	}
	line.Low, line.High = line.USD, line.USD
	return line
}

// scaled makes a range of a line of the instances that run at first.
func scaled(line Line, first, least, most float64) Line {
	if first > 0 {
		line.Low, line.High = line.USD*least/first, line.USD*most/first
	} else {
		line.Low, line.High = line.Each*least, line.Each*most
	}
	return line
}

// fleet returns the group of instances, and how many run at first, at least and at most.
func fleet(r *reader) (group, instance graph.Resource, first, least, most float64) {
	group, ok := r.first(scalingGroup)
	instance, also := r.first(template)
	if !ok || !also {
		return group, instance, 0, 0, 0
	}
	return group, instance, r.number(group, "desiredCapacity"), r.number(group, "minSize"), r.number(group, "maxSize")
}

func instances(r *reader) Line {
	group, instance, first, least, most := fleet(r)
	if instance.Type == "" {
		return Line{}
	}
	each := r.hourly(r.region.Instances, instance, "instanceType") * Hours
	line := scaled(times(first, each), first, least, most)
	if _, ok := group.Get("mixedInstancesPolicy", "launchTemplate", "overrides"); ok {
		r.fail("%s: overrides: other types than the template's have no price here", group.Key())
	}
	if _, ok := group.Get("mixedInstancesPolicy"); ok {
		base := r.number(group, "mixedInstancesPolicy", "instancesDistribution", "onDemandBaseCapacity")
		part := r.number(group, "mixedInstancesPolicy", "instancesDistribution", "onDemandPercentageAboveBaseCapacity") / 100
		spot := max(least-base, 0) * (1 - part)
		line.Low = (least - spot + spot*r.off("instanceSpot")) * each
	}
	return line
}

func disks(r *reader) Line {
	_, instance, first, least, most := fleet(r)
	if instance.Type == "" {
		return Line{}
	}
	size := r.number(instance, "blockDeviceMappings", 0, "ebs", "volumeSize")
	return scaled(times(first*size, r.price("volume")), first, least, most)
}

func instanceMetrics(r *reader) Line {
	_, instance, first, least, most := fleet(r)
	if !flag(instance, "monitoring", "enabled") {
		return times(0, r.price("metric"))
	}
	return scaled(times(7*first, r.price("metric")), first, least, most)
}

// databases counts two instances where there is a standby. Replicas may have another class.
func databases(r *reader) Line {
	var line Line
	for _, d := range r.OfType(database) {
		each := r.hourly(r.region.Databases, d, "instanceClass") * Hours
		line.Count += standby(d)
		line.USD += standby(d) * each
	}
	if line.Count > 0 {
		line.Each = line.USD / line.Count
	}
	line.Low, line.High = line.USD, line.USD
	return line
}

func standby(d graph.Resource) float64 {
	if flag(d, "multiAz") {
		return 2
	}
	return 1
}

// databaseDisks are as large as they are made; RDS lets them grow to maxAllocatedStorage. A replica has the size of its source.
func databaseDisks(r *reader) Line {
	var size, most float64
	source := 0.0
	for _, d := range r.OfType(database) {
		if _, ok := d.Get("allocatedStorage"); ok {
			source = r.number(d, "allocatedStorage")
		}
	}
	for _, d := range r.OfType(database) {
		size += standby(d) * source
		limit := source
		if _, ok := d.Get("maxAllocatedStorage"); ok {
			limit = max(r.number(d, "maxAllocatedStorage"), source)
		}
		most += standby(d) * limit
	}
	line := times(size, r.price("databaseVolume"))
	line.High = most * line.Each
	return line
}

func methodMetrics(r *reader) Line {
	s, ok := r.first("aws:apigateway/methodSettings:MethodSettings")
	if !ok || !flag(s, "settings", "metricsEnabled") {
		return times(0, r.price("metric"))
	}
	return times(5*AgentMethods, r.price("metric"))
}

func alarms(r *reader) Line {
	n := 0.0
	for _, a := range r.OfType(alarm) {
		metrics := 0.0
		for _, q := range items(a, "metricQueries") {
			if _, ok := graph.Lookup(q, "metric"); ok {
				metrics++
			}
		}
		n += max(metrics, 1)
	}
	return times(n, r.price("alarm"))
}

// ownMetrics are four of the queue, three for each route that is called without users (the agents' and the health check), and of the
// hosts memory and disk for each instance and for all, and the age of the release.
func ownMetrics(r *reader) Line {
	_, _, first, least, most := fleet(r)
	fixed := 4 + 3*float64(AgentMethods+1) + 1
	line := times(fixed+2*(first+1), r.price("metric"))
	line.Low, line.High = (fixed+2*(least+1))*line.Each, (fixed+2*(most+1))*line.Each
	return line
}

func webRules(r *reader) Line {
	n := 0
	for _, acl := range r.OfType(webACL) {
		n += len(items(acl, "rules"))
	}
	return times(float64(n), r.price("webRule"))
}
