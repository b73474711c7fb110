package cost

// files returns how many files make so many GB.
func (r *reader) files(gb float64) float64 { return gb * 1024 / r.usage.AverageFileMB }

// calls returns a month's calls of so many agents.
func (r *reader) calls(agents float64) float64 {
	const seconds = Hours * 3600
	return agents * (seconds/PollInterval.Seconds() + r.usage.BusyShare*seconds/RenewInterval.Seconds())
}

// gatewayCalls returns a month's calls at the gateway with so many tasks: those of tasks and other agents, and a report for each job.
func (r *reader) gatewayCalls(tasks float64) float64 {
	return r.calls(r.usage.Agents+tasks) + r.usage.Jobs
}

// agentCalls are those at API Gateway, with the capacity of the load balancer behind it: a unit of it takes 800 connections a second.
func agentCalls(r *reader) Line {
	_, first, least, most := fleetOfTasks(r)
	each := r.price("apiCalls") + 1e6/800/3600*r.price("networkUnit")
	line := times(r.gatewayCalls(first)/1e6, each)
	line.Low, line.High = r.gatewayCalls(least)/1e6*each, r.gatewayCalls(most)/1e6*each
	return line
}

// publicRequests are the capacity of the public load balancer, of which a unit takes 25 connections a second: at most one each request.
func publicRequests(r *reader) Line {
	return times(r.usage.MillionRequests, 1e6/25/3600*r.price("applicationUnit"))
}

// webRequests are those that the firewall looks at: it stands before both doors.
func webRequests(r *reader) Line {
	each := r.price("webRequests")
	if r.count(webACL) == 0 {
		return times(0, each)
	}
	_, first, least, most := fleetOfTasks(r)
	at := func(tasks float64) float64 { return r.usage.MillionRequests + r.gatewayCalls(tasks)/1e6 }
	line := times(at(first), each)
	line.Low, line.High = at(least)*each, at(most)*each
	return line
}

// natTraffic costs at a gateway; an instance forwards for nothing. Without the S3 endpoint the tasks' bytes would be a part of it.
func natTraffic(r *reader) Line {
	gb := r.usage.NATGB
	if !direct(r) {
		gb += r.usage.TaskGB
	}
	if r.count("aws:ec2/natGateway:NatGateway") == 0 {
		return times(gb, 0)
	}
	return times(gb, r.price("natTraffic"))
}

// direct tells whether S3 is reached by the gateway endpoint, which costs nothing.
func direct(r *reader) bool {
	for _, e := range r.OfType(endpoint) {
		if kind, _ := e.Get("vpcEndpointType"); kind == "Gateway" {
			return true
		}
	}
	return false
}

// written are the tasks' files on EFS.
func written(r *reader) Line {
	each := r.price("fileWrites")
	if r.count("aws:efs/fileSystem:FileSystem") == 0 {
		return times(0, each)
	}
	return times(r.usage.TaskGB, each)
}

// Way is one way that bytes take out of the bucket, and what a TB costs on it.
type Way struct {
	To  string  `json:"to"`
	USD float64 `json:"usd"`
	How string  `json:"how"`
}

// tb is a TB in the GB of AWS's price lists.
const tb = 1024

// ways returns the cost of a TB delivered: the bytes, the requests and a report for each file.
func ways(r *reader) []Way {
	files := r.files(tb)
	requests := files / 1000 * r.price("reads")
	calls := files / 1e6 * r.price("apiCalls")
	inside := Way{"the stack's tasks", requests + calls, "through the S3 endpoint: neither NAT nor load balancer carries them"}
	if !direct(r) {
		inside.How = "through the NAT: there is no S3 endpoint"
		if r.count("aws:ec2/natGateway:NatGateway") > 0 {
			inside.USD += tb * r.price("natTraffic")
		}
	}
	if r.count("aws:efs/fileSystem:FileSystem") > 0 {
		inside.USD += tb * r.price("fileWrites")
		inside.How += ", and written to EFS"
	}
	return []Way{
		{"the internet", tb*r.price("internet") + requests + calls, "from S3 by presigned URL: neither NAT nor load balancer carries them"},
		inside,
	}
}
