package rules

import "scalable-backend/internal/graph"

// example changes a graph so that a rule has a finding for a resource, or, with mends, no longer has one.
type example struct {
	subject string
	change  change
	dev     bool // on the development stack
	mends   bool
	excused bool // production has a waiver for this finding
}

// cases returns the examples of every rule.
func cases() map[string][]example {
	all := map[string][]example{}
	for _, part := range []map[string][]example{networkCases(), balancerCases(), instanceCases(), databaseCases(), bucketCases(), apiCases(),
		containerCases(), logCases(), permissionCases(), guardCases()} {
		for name, list := range part {
			all[name] = append(all[name], list...)
		}
	}
	return all
}

func breaks(subject string, c change) example { return example{subject: subject, change: c} }
func mends(subject string, c change) example {
	return example{subject: subject, change: c, mends: true}
}

func networkCases() map[string][]example {
	const open = "network-anywhere-to-load-balancer-443-in"
	const internal = "network-backend-to-database-5432-in"
	const out = "network-backend-to-database-5432-out"
	anywhere := func(token, name string) change {
		return changes(set(token, name, "0.0.0.0/0", "cidrIpv4"),
			with(token, name, func(r *graph.Resource) { delete(r.Inputs, "referencedSecurityGroupId") }))
	}
	ports := func(token, name string, from, to int) change {
		return changes(set(token, name, from, "fromPort"), set(token, name, to, "toPort"))
	}
	return map[string][]example{
		"vpc-flow-logs": {
			breaks("network-vpc", set(flowLog, "network-flow-logs", "ACCEPT", "trafficType")),
			breaks("network-vpc", remove(flowLog, "network-flow-logs")),
		},
		"flow-log-role": {
			breaks("network-flow-logs", drop(flowLog, "network-flow-logs", "iamRoleArn")),
			breaks("network-flow-logs", replace(iamRole, "network-flow-logs", "assumeRolePolicy", "vpc-flow-logs", "ec2")),
		},
		"subnet-no-public-addresses": {breaks("network-public-a", set(subnet, "network-public-a", true, "mapPublicIpOnLaunch"))},
		"default-group-empty": {
			breaks("network-vpc", remove(defaultSecurityGroup, "network-default")),
			breaks("network-vpc", set(defaultSecurityGroup, "network-default", []any{map[string]any{"protocol": "-1"}}, "ingress")),
		},
		"network-protected": {
			breaks("network-vpc", with(vpc, "network-vpc", func(r *graph.Resource) { r.Protect = false })),
			breaks("network-clients-b", with(subnet, "network-clients-b", func(r *graph.Resource) { r.Protect = false })),
		},
		"address-in-use": {
			breaks("network-nat-a-address", remove(natGateway, "network-nat-a")),
			{subject: "network-nat-address", dev: true, change: remove(instance, "network-nat")},
		},
		"no-network-acls":   {breaks("network-vpc", add(networkACL, "acl", nil, nil))},
		"no-internet-route": {breaks("network-backend-routes-a-default", set(route, "network-backend-routes-a-default", "igw-1", "gatewayId"))},
		"database-isolated": {
			breaks("database-subnets", add(route, "leak", map[string]any{"destinationCidrBlock": "0.0.0.0/0"},
				map[string]string{"routeTableId": routeTable + "::network-database-routes"})),
			breaks("database-subnets", remove(routeTableAssociation, "network-database-b-routes")),
		},
		"private-routes-by-nat-gateway": {breaks("network-backend-routes-a-default",
			drop(route, "network-backend-routes-a-default", "natGatewayId"))},
		"nat-in-every-zone": {breaks("network-backend-b", with(route, "network-backend-routes-b-default", func(r *graph.Resource) {
			r.PropertyDependencies["natGatewayId"] = []string{natGateway + "::network-nat-a"}
		}))},
		"endpoint-ecr-api": {breaks("network-vpc", remove(vpcEndpoint, "network-endpoint-ecr-api"))},
		"endpoint-ecr-dkr": {breaks("network-vpc", remove(vpcEndpoint, "network-endpoint-ecr-dkr"))},
		"endpoint-ssm": {mends("network-vpc", add(vpcEndpoint, "ssm", map[string]any{"serviceName": "com.amazonaws.us-east-1.ssm",
			"vpcEndpointType": "Interface"}, map[string]string{"vpcId": vpc + "::network-vpc"}))},
		"endpoint-ec2": {mends("network-vpc", add(vpcEndpoint, "ec2", map[string]any{"serviceName": "com.amazonaws.us-east-1.ec2",
			"vpcEndpointType": "Interface"}, map[string]string{"vpcId": vpc + "::network-vpc"}))},
		"endpoint-private-names": {
			breaks("network-endpoint-logs", set(vpcEndpoint, "network-endpoint-logs", false, "privateDnsEnabled")),
			breaks("network-endpoint-logs", drop(vpcEndpoint, "network-endpoint-logs", "securityGroupIds")),
		},
		"s3-endpoint": {breaks("network-clients-routes-b", with(vpcEndpoint, "network-s3", func(r *graph.Resource) {
			r.PropertyDependencies["routeTableIds"] = []string{routeTable + "::network-clients-routes-a"}
		}))},
		"s3-endpoint-policy": {
			breaks("network-s3", drop(vpcEndpoint, "network-s3", "policy")),
			breaks("network-s3", replace(vpcEndpoint, "network-s3", "policy", "starport", "airport")),
			breaks("network-s3", replace(vpcEndpoint, "network-s3", "policy", "arn:aws:s3:::storage-data/*", "arn:aws:s3:::*")),
			breaks("network-s3", replace(vpcEndpoint, "network-s3", "policy", `"arn:aws:s3:::aws-ssm-us-east-1/*",`, ``)),
			breaks("network-s3", set(vpcEndpoint, "network-s3", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}`,
				"policy")),
		},

		"no-admin-ports": {
			breaks(open, ports(ingressRule, open, 22, 22)),
			breaks(open, ports(ingressRule, open, 0, 65535)),
			breaks(open, set(ingressRule, open, "-1", "ipProtocol")),
		},
		"authorized-ports": {breaks(open, ports(ingressRule, open, 443, 444)), breaks(open, ports(ingressRule, open, 8443, 8443))},
		"no-open-ingress":  {breaks(internal, anywhere(ingressRule, internal))},
		"no-open-http":     {breaks(open, ports(ingressRule, open, 1, 443))},
		"only-the-public-balancer-is-open": {
			breaks(open, with(ingressRule, open, func(r *graph.Resource) {
				r.PropertyDependencies["securityGroupId"] = []string{securityGroup + "::network-backend"}
			})),
			breaks(open, set(loadBalancer, "compute-alb", true, "internal")),
		},
		"hosts-by-group": {
			breaks(internal, set(ingressRule, internal, "10.10.0.0/16", "cidrIpv4")),
			{subject: "network-10.20.64.0-18-to-nat-instance-443-in", dev: true,
				change: set(ingressRule, "network-10.20.64.0-18-to-nat-instance-443-in", "0.0.0.0/0", "cidrIpv4")},
		},
		"group-described": {breaks("network-backend", drop(securityGroup, "network-backend", "description"))},
		"rule-described": {breaks(out, drop(egressRule, out, "description")),
			breaks(internal, set(ingressRule, internal, "", "description"))},
		"no-all-protocols-egress": {breaks(out, changes(anywhere(egressRule, out), set(egressRule, out, "-1", "ipProtocol")))},
		"no-open-egress":          {breaks(out, anywhere(egressRule, out))},
		"group-in-use":            {breaks("spare", add(securityGroup, "spare", nil, nil))},
		"no-group-rule-conflicts": {breaks("network-backend", set(securityGroup, "network-backend", []any{map[string]any{"protocol": "tcp"}},
			"ingress"))},
	}
}

func balancerCases() map[string][]example {
	return map[string][]example{
		"balancer-access-log": {
			breaks("compute-alb", set(loadBalancer, "compute-alb", false, "accessLogs", "enabled")),
			breaks("compute-alb", drop(loadBalancer, "compute-alb", "accessLogs")),
		},
		"balancer-log-bucket": {
			breaks("compute-alb", set(bucketEncryption, "storage-logs", "aws:kms", "rules", 0, "applyServerSideEncryptionByDefault",
				"sseAlgorithm")),
			breaks("compute-alb", replace(bucketPolicy, "storage-logs", "policy", "logdelivery.elasticloadbalancing", "delivery.logs")),
			breaks("compute-alb", set(loadBalancer, "compute-alb", "other", "accessLogs", "prefix")),
		},
		"balancer-deletion-protection": {breaks("compute-nlb", set(loadBalancer, "compute-nlb", false, "enableDeletionProtection"))},
		"http-redirects": {
			breaks("compute-http", set(listener, "compute-http", "HTTP_302", "defaultActions", 0, "redirect", "statusCode")),
			breaks("compute-http", set(listener, "compute-http", "forward", "defaultActions", 0, "type")),
		},
		"tls-policy": {breaks("compute-https", set(listener, "compute-https", "ELBSecurityPolicy-2016-08", "sslPolicy")),
			breaks("compute-https", drop(listener, "compute-https", "sslPolicy"))},
		"certificate-renewal": {breaks("compute-certificate", set(certificate, "compute-certificate", "EMAIL", "validationMethod"))},
		"certificate-key":     {breaks("compute-certificate", set(certificate, "compute-certificate", "RSA_1024", "keyAlgorithm"))},
		"certificate-issued": {breaks("compute-https", with(listener, "compute-https", func(r *graph.Resource) {
			r.PropertyDependencies["certificateArn"] = []string{certificate + "::compute-certificate"}
		}))},
		"records-have-targets": {
			breaks("compute-alias", drop(dnsRecord, "compute-alias", "aliases")),
			breaks("compute-certificate", drop(dnsRecord, "compute-certificate", "records")),
		},
		"secure-listeners": {breaks("compute-https", set(listener, "compute-https", "HTTP", "protocol"))},
		"drop-invalid-headers": {
			breaks("compute-alb", drop(loadBalancer, "compute-alb", "dropInvalidHeaderFields")),
		},
		"desync-mitigation": {breaks("compute-alb", set(loadBalancer, "compute-alb", "monitor", "desyncMitigationMode"))},
		"balancer-zones": {breaks("compute-nlb", with(loadBalancer, "compute-nlb", func(r *graph.Resource) {
			r.PropertyDependencies["subnets"] = []string{subnet + "::network-backend-a"}
		}))},
		"target-health-path": {
			breaks("compute-gateway", drop(targetGroup, "compute-gateway", "healthCheck", "path")),
			breaks("compute-gateway", set(targetGroup, "compute-gateway", "TCP", "healthCheck", "protocol")),
		},
		"target-https": {mends("compute-public", set(targetGroup, "compute-public", "HTTPS", "protocol"))},
		"balancer-waf": {
			breaks("compute-alb", remove(webACLAssociation, "monitoring-web-acl-load-balancer")),
		},
		"balancer-internal":   {breaks("compute-nlb", drop(loadBalancer, "compute-nlb", "internal"))},
		"balancer-auto-named": {breaks("compute-public", set(targetGroup, "compute-public", "fixed", "name"))},
		"nlb-cross-zone":      {breaks("compute-nlb", drop(loadBalancer, "compute-nlb", "enableCrossZoneLoadBalancing"))},
		"nlb-security-groups": {breaks("compute-nlb", drop(loadBalancer, "compute-nlb", "securityGroups"))},
		"nlb-privatelink-inbound": {breaks("compute-nlb",
			drop(loadBalancer, "compute-nlb", "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic"))},
		"nlb-no-ingress": {breaks("compute-nlb", add(ingressRule, "leak", nil,
			map[string]string{"securityGroupId": securityGroup + "::network-gateway-load-balancer"}))},
	}
}
