package cost

// row makes one line of the estimate.
type row struct {
	tier, what, unit string
	types            []string // the types that it prices
	used             bool
	line             func(*reader) Line
}

// times is a line of a count and the price of one.
func times(count, each float64) Line {
	usd := count * each
	return Line{Count: count, Each: each, USD: usd, Low: usd, High: usd}
}

// hourly prices each resource of a type by the hour.
func hourly(token, price string) func(*reader) Line {
	return func(r *reader) Line { return times(r.count(token), r.price(price)*Hours) }
}

// monthly prices each resource of a type by the month.
func monthly(token, price string) func(*reader) Line {
	return func(r *reader) Line { return times(r.count(token), r.price(price)) }
}

// rows are the lines, by tier. docs/cost.md shows those that are not used.
var rows = []row{
	{tier: "network", what: "NAT gateways", types: []string{"aws:ec2/natGateway:NatGateway"},
		line: hourly("aws:ec2/natGateway:NatGateway", "nat")},
	{tier: "network", what: "public IPv4 addresses, of NAT and load balancer", types: []string{"aws:ec2/eip:Eip", balancer}, line: addresses},
	{tier: "network", what: "interface endpoints, one in each zone", types: []string{endpoint}, line: interfaces},
	{tier: "network", what: "NAT instance", types: []string{forwarder}, line: forwarders},
	{tier: "network", what: "traffic through the NAT", unit: "GB", used: true, line: natTraffic},
	{tier: "compute", what: "load balancers", types: []string{balancer}, line: hourly(balancer, "balancer")},
	{tier: "compute", what: "instances, on demand", types: []string{scalingGroup, template}, line: instances},
	{tier: "compute", what: "their root disks", unit: "GiB", types: []string{template}, line: disks},
	{tier: "compute", what: "their metrics every minute, seven each", types: []string{template}, line: instanceMetrics},
	{tier: "compute", what: "the copy of Amazon Linux", unit: "GiB", types: []string{"aws:ec2/amiCopy:AmiCopy"},
		line: func(r *reader) Line { return times(8*r.count("aws:ec2/amiCopy:AmiCopy"), r.price("snapshot")) }},
	{tier: "compute", what: "requests at the load balancer", unit: "million", used: true, line: publicRequests},
	{tier: "database", what: "instances, the standby included", types: []string{database}, line: databases},
	{tier: "database", what: "their storage", unit: "GiB", types: []string{database}, line: databaseDisks},
	{tier: "fargate", what: "tasks, on demand", types: []string{service, serviceTarget, task}, line: tasks},
	{tier: "fargate", what: "their disk above 20 GiB", unit: "GiB", types: []string{task}, line: taskDisks},
	{tier: "fargate", what: "Container Insights, about 30 metrics", types: []string{"aws:ecs/cluster:Cluster"}, line: insights},
	{tier: "fargate", what: "files written to EFS", unit: "GB", used: true, types: []string{"aws:efs/fileSystem:FileSystem"}, line: written},
	{tier: "storage", what: "KMS keys", types: []string{"aws:kms/key:Key"}, line: monthly("aws:kms/key:Key", "key")},
	{tier: "storage", what: "secrets", types: []string{"aws:secretsmanager/secret:Secret"},
		line: monthly("aws:secretsmanager/secret:Secret", "secret")},
	{tier: "storage", what: "request metrics of the bucket, 13 each", types: []string{"aws:s3/bucketMetric:BucketMetric"},
		line: func(r *reader) Line { return times(13*r.count("aws:s3/bucketMetric:BucketMetric"), r.price("metric")) }},
	{tier: "storage", what: "files that are kept", unit: "GB", used: true, types: []string{"aws:s3/bucketV2:BucketV2"},
		line: func(r *reader) Line { return times(r.usage.StoredGB, r.price("stored")) }},
	{tier: "storage", what: "requests to write", unit: "thousand", used: true,
		line: func(r *reader) Line { return times(r.files(r.usage.UploadedGB)/1000, r.price("writes")) }},
	{tier: "storage", what: "requests to read", unit: "thousand", used: true,
		line: func(r *reader) Line { return times(r.files(r.usage.InternetGB+r.usage.TaskGB)/1000, r.price("reads")) }},
	{tier: "storage", what: "bytes to the internet", unit: "GB", used: true,
		line: func(r *reader) Line { return times(r.usage.InternetGB, r.price("internet")) }},
	{tier: "api", what: "metrics of the four methods that agents call, five each", line: methodMetrics,
		types: []string{"aws:apigateway/methodSettings:MethodSettings"}},
	{tier: "api", what: "calls of agents", unit: "million", used: true, types: []string{"aws:apigateway/restApi:RestApi"}, line: agentCalls},
	{tier: "monitoring", what: "metrics that alarms watch", types: []string{alarm}, line: alarms},
	{tier: "monitoring", what: "metrics of backends and hosts", types: []string{scalingGroup}, line: ownMetrics},
	{tier: "monitoring", what: "dashboards", types: []string{"aws:cloudwatch/dashboard:Dashboard"},
		line: monthly("aws:cloudwatch/dashboard:Dashboard", "dashboard")},
	{tier: "monitoring", what: "WAF: web ACL", types: []string{webACL}, line: monthly(webACL, "webACL")},
	{tier: "monitoring", what: "WAF: its rules", types: []string{webACL}, line: webRules},
	{tier: "monitoring", what: "WAF: requests", unit: "million", used: true, types: []string{webACL}, line: webRequests},
	{tier: "monitoring", what: "logs", unit: "GB", used: true, types: []string{"aws:cloudwatch/logGroup:LogGroup"},
		line: func(r *reader) Line { return times(r.usage.LogGB, r.price("logs")) }},
}
