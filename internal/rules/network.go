package rules

import (
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

func networkRules() []Rule {
	internet := of(route).where(func(_ *World, r graph.Resource) bool { return toAnywhere(r) })
	interfaces := of(vpcEndpoint).with("Interface", "vpcEndpointType")
	return []Rule{
		{"vpc-flow-logs", ids("S-VPC7 R-VPCFlowLogsEnabled EC2.6 C2_11 T0178"), "Flow logs record all traffic", Everywhere,
			of(vpc), satellite(flowLog, "vpcId", is("ALL", "trafficType"))},
		{"network-protected", nil, "Pulumi refuses to delete the VPC or a subnet", Production, of(vpc, subnet), protected},
		{"flow-log-role", nil, "A flow log to CloudWatch has a role that the service may assume", Everywhere,
			of(flowLog), that(func(w *World, r graph.Resource) string {
				for _, role := range w.To(r, "iamRoleArn", iamRole) {
					if trusts(role, "vpc-flow-logs.amazonaws.com") {
						return ""
					}
				}
				return "iamRoleArn is not a role that vpc-flow-logs.amazonaws.com may assume"
			})},
		{"subnet-no-public-addresses", ids("R-VPCSubnetAutoAssignPublicIpDisabled EC2.15 C_130 T0164 EFS.6"),
			"No subnet assigns public addresses", Everywhere, of(subnet), isNot(true, "mapPublicIpOnLaunch")},
		{"default-group-empty", ids("R-VPCDefaultSecurityGroupClosed EC2.2 C2_12 T0173"), "The default security group has no rules",
			Everywhere, of(vpc), satellite(defaultSecurityGroup, "vpcId", all(hasNo("ingress"), hasNo("egress")))},
		{"no-network-acls", ids("S-VPC3 C2_1 EC2.16 EC2.21"), "No network ACLs: security groups filter the traffic", Everywhere,
			of(vpc), that(func(w *World, _ graph.Resource) string {
				if len(w.Type(networkACL)) > 0 {
					return "there are network ACLs"
				}
				return ""
			})},
		{"no-internet-route", ids("R-VPCNoUnrestrictedRouteToIGW EC2.172"), "No route to an internet gateway", Everywhere,
			internet, hasNo("gatewayId")},
		{"address-in-use", ids("EC2.12 C2_19"), "Every Elastic IP address is used", Everywhere, of(eip),
			that(func(w *World, r graph.Resource) string {
				if len(w.From(natGateway, "allocationId", r)) == 0 && len(w.To(r, "instance", instance)) == 0 {
					return "it is not used"
				}
				return ""
			})},
		{"database-isolated", ids("RDS.46"), "The database's subnets have no route out of the VPC", Everywhere,
			of(rdsSubnetGroup), that(databaseIsolated)},
		{"private-routes-by-nat-gateway", ids("C2_35"), "Private subnets reach the internet through a NAT gateway", Everywhere,
			internet.where(func(_ *World, r graph.Resource) bool { return empty(get(r, "gatewayId")) }), has("natGatewayId")},
		{"nat-in-every-zone", ids("REL10"), "Each zone uses its own NAT gateway", Production,
			of(subnet).where(usesNAT), that(natInZone)},
		endpointRule("EC2.55", "ecr.api"), endpointRule("EC2.56", "ecr.dkr"), endpointRule("EC2.57", "ssm"), endpointRule("EC2.10", "ec2"),
		{"endpoint-private-names", nil, "Interface endpoints have private DNS and a security group", Everywhere,
			interfaces, all(is(true, "privateDnsEnabled"), refers("securityGroupIds", securityGroup))},
		{"s3-endpoint", nil, "Every private route table has the S3 gateway endpoint", Everywhere,
			of(routeTable).where(isPrivate), satellite(vpcEndpoint, "routeTableIds", is("Gateway", "vpcEndpointType"))},
		{"s3-endpoint-policy", nil, "The S3 endpoint allows only the stack's buckets, image layers, packages and SSM", Everywhere,
			of(vpcEndpoint).with("Gateway", "vpcEndpointType"), that(endpointPolicy)},
	}
}

// ids splits a list of identifiers, which is easier to read in one string.
func ids(s string) []string { return strings.Fields(s) }

func toAnywhere(r graph.Resource) bool {
	return text(r, "destinationCidrBlock") == "0.0.0.0/0" || text(r, "destinationIpv6CidrBlock") == "::/0"
}

func databaseIsolated(w *World, r graph.Resource) string {
	subnets := w.To(r, "subnetIds", subnet)
	if len(subnets) == 0 {
		return "it has no subnets"
	}
	for _, s := range subnets {
		table, ok := w.routeTable(s)
		if !ok {
			return s.Name + " uses the VPC's main route table"
		}
		for _, route := range w.routes(table) {
			if toAnywhere(route) {
				return s.Name + " has a route to anywhere"
			}
		}
	}
	return ""
}

// isPrivate tells whether no route of a table leads to an internet gateway.
func isPrivate(w *World, table graph.Resource) bool {
	return !slices.ContainsFunc(w.routes(table), func(r graph.Resource) bool { return has("gatewayId")(w, r) == nil })
}

func usesNAT(w *World, s graph.Resource) bool {
	table, ok := w.routeTable(s)
	return ok && isPrivate(w, table) && slices.ContainsFunc(w.routes(table), toAnywhere)
}

func natInZone(w *World, s graph.Resource) string {
	table, _ := w.routeTable(s)
	var homes []graph.Resource
	for _, r := range w.routes(table) {
		for _, nat := range w.To(r, "natGatewayId", natGateway) {
			homes = append(homes, w.To(nat, "subnetId", subnet)...)
		}
	}
	return each(homes, "it has no NAT gateway", func(home graph.Resource) string {
		if zone := text(home, "availabilityZone"); zone != text(s, "availabilityZone") {
			return "its NAT gateway is in " + zone
		}
		return ""
	})
}

func endpointRule(id, service string) Rule {
	return Rule{"endpoint-" + strings.ReplaceAll(service, ".", "-"), []string{id}, "An interface endpoint for " + service, Production,
		of(vpc), that(func(w *World, r graph.Resource) string {
			for _, e := range w.From(vpcEndpoint, "vpcId", r) {
				if strings.HasSuffix(text(e, "serviceName"), "."+service) && text(e, "vpcEndpointType") == "Interface" {
					return ""
				}
			}
			return "no interface endpoint for " + service
		})}
}

// endpointPolicy: for AWS's buckets a condition on the caller must be missing, because an account of ECR presigns image layers
// and packages are fetched anonymously.
func endpointPolicy(w *World, r graph.Resource) string {
	d, err := document(r, "policy")
	if err != nil {
		return err.Error()
	}
	region := w.region(r)
	needed := []string{
		"prod-" + region + "-starport-layer-bucket", "al2023-repos-" + region + "-de612dc2", "al2023-" + region,
	}
	needed = append(needed, agentBuckets(region)...)
	known := slices.Clone(needed)
	for _, b := range w.To(r, "policy", bucket) {
		known = append(known, b.Name) // a planned bucket has the name of its resource
	}
	read := map[string]bool{}
	for _, s := range d.Statement {
		if s.Effect != allow {
			continue
		}
		for _, resource := range s.Resource {
			name, _, _ := strings.Cut(resource[strings.LastIndex(resource, ":")+1:], "/")
			if !slices.Contains(known, name) {
				return "it lets " + resource + " through"
			}
			if len(s.Condition) == 0 && s.Action.matches("s3:GetObject") {
				read[name] = true
			}
		}
	}
	for _, name := range needed {
		if !read[name] {
			return "it stops " + name
		}
	}
	return ""
}

// agentBuckets are those that the agents of an instance read, in their own list: what AWS's documents name.
func agentBuckets(region string) []string {
	return []string{
		"aws-ssm-" + region, "amazon-ssm-" + region, "amazon-ssm-packages-" + region, region + "-birdwatcher-prod",
		"aws-ssm-distributor-file-" + region, "aws-ssm-document-attachments-" + region, "patch-baseline-snapshot-" + region,
		"inspector2-oval-prod-" + region, "amazoncloudwatch-agent-" + region,
	}
}

// region returns the region in an endpoint's service name.
func (w *World) region(endpoint graph.Resource) string {
	parts := strings.Split(text(endpoint, "serviceName"), ".")
	return parts[max(len(parts)-2, 0)]
}
