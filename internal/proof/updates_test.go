package proof

import (
	"fmt"
	"maps"
	"strings"
)

// change is an update of a shipped stack and its effect. Each line of want is a resource: the action, the type, the name,
// and after the colon the inputs that change.
type change struct {
	stack    string
	from, to map[string]string // on top of the stack's file
	want     []string
}

const certificateARN = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"

const hostedZoneID = "Z0123456789ABCDEFGHIJ"

// withCertificate adds a name and its certificate to settings.
func withCertificate(more map[string]string) map[string]string {
	settings := map[string]string{"compute.domainName": "files.example.org", "compute.certificateArn": certificateARN}
	maps.Copy(settings, more)
	return settings
}

// inZone adds a name and its hosted zone to settings; they may name another.
func inZone(more map[string]string) map[string]string {
	settings := map[string]string{"compute.domainName": "files.example.org", "compute.hostedZoneId": hostedZoneID}
	maps.Copy(settings, more)
	return settings
}

// digest returns the URI of a service's image in prod's repository, by a made-up digest.
func digest(service, digit string) string {
	return "123456789012.dkr.ecr.us-east-1.amazonaws.com/scalable-backend/prod/" + service + "@sha256:" + strings.Repeat(digit, 64)
}

// forEach formats one line for each text.
func forEach(format string, texts ...string) []string {
	var out []string
	for _, text := range texts {
		out = append(out, fmt.Sprintf(format, text))
	}
	return out
}

func together(lists ...[]string) []string {
	var out []string
	for _, list := range lists {
		out = append(out, list...)
	}
	return out
}

func setting(key, value string) map[string]string { return map[string]string{key: value} }

func updates() map[string]change {
	list := map[string]change{
		// The secret gets a new version and the instance a new password; the instance stays.
		"a new password version": {stack: "prod", to: setting("database.passwordVersion", "2"), want: []string{
			"replace RandomPassword database-password: keepers",
			"replace SecretVersion database-credentials-version: secretString",
			"update Instance database-instance: password",
		}},
		// Another major version needs another parameter group; the instance is not replaced.
		"a new major version": {stack: "prod", to: setting("database.engineVersion", "18"), want: []string{
			"create ParameterGroup database-parameters-18:",
			"delete ParameterGroup database-parameters-17:",
			"update EventSubscription database-parameter-events: sourceIds",
			"update Instance database-instance: engineVersion parameterGroupName",
		}},
		// With read replicas it takes two updates. While the first waits for its window, nothing of the replicas changes, and nothing
		// is deleted that they use.
		"a new major version, replicas wait": {
			stack: "prod", from: setting("database.replicas", "2"),
			to: map[string]string{"database.replicas": "2", "database.engineVersion": "18", "database.previousVersion": "17"}, want: []string{
				"create ParameterGroup database-parameters-18:",
				"update EventSubscription database-parameter-events: sourceIds",
				"update Instance database-instance: engineVersion parameterGroupName",
			},
		},
		"a new major version, replicas follow": {
			stack: "prod", from: map[string]string{"database.replicas": "2", "database.engineVersion": "18", "database.previousVersion": "17"},
			to: map[string]string{"database.replicas": "2", "database.engineVersion": "18"}, want: []string{
				"delete ParameterGroup database-parameters-17:",
				"update EventSubscription database-parameter-events: sourceIds",
				"update Instance database-replica-1: parameterGroupName",
				"update Instance database-replica-2: parameterGroupName",
			},
		},
		"a larger database": {stack: "prod", to: setting("database.instanceClass", "db.m7g.xlarge"), want: []string{
			"update Dashboard monitoring-dashboard: dashboardBody",
			"update Instance database-instance: instanceClass",
			"update MetricAlarm monitoring-database-connections: alarmDescription threshold",
			"update MetricAlarm monitoring-database-memory: threshold",
		}},
		"another image of the backend": {
			stack: "prod", from: setting("images.backend", digest("backend", "a")), to: setting("images.backend", digest("backend", "b")),
			want: []string{
				"update Group compute-group: launchTemplate",
				"update LaunchTemplate compute-instance-arm64: userData",
			},
		},
		"another image of the agent": {
			stack: "prod", from: setting("images.agent", digest("agent", "a")), to: setting("images.agent", digest("agent", "b")),
			want: []string{
				"replace TaskDefinition fargate-agent: containerDefinitions",
				"update Service fargate-agent: taskDefinition",
			},
		},
		// The image that was built leaves the stack but stays in the repository.
		"a given image in place of a built one": {stack: "prod", to: setting("images.backend", digest("backend", "b")), want: []string{
			"delete Image images-backend:",
			"delete Image images-backend:",
			"update Group compute-group: launchTemplate",
			"update LaunchTemplate compute-instance-arm64: userData",
		}},
		"a larger instance": {stack: "prod", to: setting("compute.instanceType", "m7g.xlarge"), want: []string{
			"update Group compute-group: launchTemplate",
			"update LaunchTemplate compute-instance-arm64: instanceType",
		}},
		// The images are built for the other architecture; launch template and task definition change with them.
		"an instance of another architecture": {stack: "prod", to: setting("compute.instanceType", "m7i.large"), want: together([]string{
			"create AmiCopy compute-image-x86_64:",
			"create LaunchTemplate compute-instance-x86_64:",
			"delete AmiCopy compute-image-arm64:",
			"delete LaunchTemplate compute-instance-arm64:",
			"replace TaskDefinition fargate-agent: runtimePlatform",
			"update Group compute-group: launchTemplate",
			"update Service fargate-agent: taskDefinition",
		}, forEach("update Image images-%s", "agent: platform", "agent: platforms", "backend: platform", "backend: platforms"))},
		// Instances move to a release of Amazon Linux, by a copy that is there before the old one goes.
		"another release": {
			stack: "prod", from: setting("compute.release", "2023.9.20251103"), to: setting("compute.release", "2023.9.20251117"),
			want: []string{
				"replace AmiCopy compute-image-arm64: description sourceAmiId",
				"update Group compute-group: launchTemplate",
				"update LaunchTemplate compute-instance-arm64: imageId",
			},
		},
		"no Spot": {stack: "dev", to: setting("compute.spot", "false"), want: []string{
			"update Group compute-group: capacityRebalance launchTemplate mixedInstancesPolicy",
		}},
		"a first certificate": {stack: "dev", to: withCertificate(nil), want: []string{
			"create Listener compute-https:",
			"update Listener compute-http: defaultActions",
		}},
		"another certificate": {stack: "prod", to: setting("compute.certificateArn", certificateARN), want: []string{
			"update Listener compute-https: certificateArn",
		}},
		// Users keep their way: the certificate is there before the listener changes to it, and the name's record comes last.
		"a hosted zone in place of a certificate": {
			stack: "prod", to: map[string]string{"compute.certificateArn": "", "compute.hostedZoneId": hostedZoneID}, want: []string{
				"create Certificate compute-certificate:",
				"create CertificateValidation compute-certificate:",
				"create Record compute-alias:",
				"create Record compute-certificate:",
				"update Listener compute-https: certificateArn",
			},
		},
		"another name in the zone": {
			stack: "dev", from: inZone(nil), to: inZone(setting("compute.domainName", "other.example.org")), want: []string{
				"replace Certificate compute-certificate: domainName",
				"replace CertificateValidation compute-certificate: certificateArn validationRecordFqdns",
				"replace Record compute-alias: name",
				"replace Record compute-certificate: name records",
				"update Listener compute-https: certificateArn",
			},
		},
		"storage that stays": {stack: "prod", to: setting("fargate.persistentStorage", "true"), want: together([]string{
			"create AccessPoint fargate-files:",
			"create FileSystem fargate-files:",
			"create FileSystemPolicy fargate-files:",
			"create SecurityGroup network-file-system:",
			"create SecurityGroupEgressRule network-agents-to-file-system-2049-out:",
			"create SecurityGroupIngressRule network-agents-to-file-system-2049-in:",
			"replace TaskDefinition fargate-agent: volumes",
			"update Policy fargate-task: policy",
			"update Service fargate-agent: taskDefinition",
		}, forEach("create MountTarget fargate-files-%s:", "1", "2", "3"))},
	}
	for name, c := range networkUpdates() {
		list[name] = c
	}
	return list
}

// networkUpdates replace no existing subnet: resources in them stay, and load balancers and services only get more subnets.
func networkUpdates() map[string]change {
	layers := []string{"backend", "clients", "database", "public"}
	private := []string{"backend", "clients"}
	moved := []string{
		"update LoadBalancer compute-alb: subnets",
		"update Service fargate-agent: networkConfiguration",
		"update SubnetGroup database-subnets: subnetIds",
	}
	widened := together(moved, []string{
		"update Group compute-group: vpcZoneIdentifiers",
		"update LoadBalancer compute-nlb: subnets",
	})
	return map[string]change{
		// A network load balancer cannot lose a zone: a new one is created, with its dependents, before the old one is deleted.
		"fewer zones": {stack: "dev", from: setting("network.azCount", "3"), want: together(moved,
			forEach("delete Subnet network-%s-c:", layers...),
			forEach("delete RouteTableAssociation network-%s-c-routes:", layers...),
			[]string{
				"replace Deployment api-deployment: triggers",
				"replace Listener compute-gateway: defaultActions loadBalancerArn",
				"replace LoadBalancer compute-nlb: subnets",
				"replace TargetGroup compute-gateway: tags",
				"replace VpcLink api-vpc-link: targetArn",
				"update Dashboard monitoring-dashboard: dashboardBody",
				"update Group compute-group: targetGroupArns vpcZoneIdentifiers",
				"update MetricAlarm compute-gateway-unhealthy: metricQueries",
				"update MetricAlarm monitoring-gateway-down: dimensions",
				"update RestApi api-rest: body",
				"update Stage api-stage: deployment",
			},
		)},
		"a third zone": {stack: "dev", to: setting("network.azCount", "3"), want: together(widened,
			forEach("create Subnet network-%s-c:", layers...),
			forEach("create RouteTableAssociation network-%s-c-routes:", layers...),
		)},
		"a fourth zone with its own gateway": {stack: "prod", to: setting("network.azCount", "4"), want: together(widened,
			forEach("create Subnet network-%s-d:", layers...),
			forEach("create RouteTableAssociation network-%s-d-routes:", layers...),
			forEach("create RouteTable network-%s-routes-d:", private...),
			forEach("create Route network-%s-routes-d-default:", private...),
			forEach("update VpcEndpoint network-endpoint-%s: subnetIds", "ecr-api", "ecr-dkr", "logs", "secretsmanager"),
			[]string{
				"create Eip network-nat-d-address:",
				"create MetricAlarm monitoring-nat-ports-3:",
				"create NatGateway network-nat-d:",
				"update Dashboard monitoring-dashboard: dashboardBody",
				"update IpSet monitoring-own-addresses: addresses",
				"update VpcEndpoint network-s3: routeTableIds",
			},
		)},
		"a gateway in each zone": {stack: "dev", to: setting("network.nat", "one-per-az"), want: together(
			forEach("create RouteTable network-%s:", "backend-routes-a", "backend-routes-b", "clients-routes-a", "clients-routes-b"),
			forEach("create Route network-%s-default:", "backend-routes-a", "backend-routes-b", "clients-routes-a", "clients-routes-b"),
			forEach("delete RouteTable network-%s-routes:", private...),
			forEach("delete Route network-%s-routes-default:", private...),
			forEach("update RouteTableAssociation network-%s-routes: routeTableId", "backend-a", "backend-b", "clients-a", "clients-b"),
			[]string{
				"create Eip network-nat-b-address:",
				"create MetricAlarm monitoring-nat-ports-1:",
				"create NatGateway network-nat-b:",
				"update Dashboard monitoring-dashboard: dashboardBody",
				"update VpcEndpoint network-s3: routeTableIds",
			},
		)},
		// The route tables stay; their default routes change from the gateway to the instance.
		"a NAT instance instead of a gateway": {stack: "dev", to: setting("network.nat", "instance"), want: together(
			forEach("update Route network-%s-routes-default: natGatewayId networkInterfaceId", private...),
			forEach("create SecurityGroupIngressRule network-10.20.%s.0-18-to-nat-instance-443-in:", "64", "128"),
			[]string{
				"create Eip network-nat-address:",
				"create Instance network-nat:",
				"create MetricAlarm network-nat-reboot:",
				"create MetricAlarm network-nat-stopped:",
				"create SecurityGroup network-nat-instance:",
				"create SecurityGroupEgressRule network-nat-instance-to-anywhere-443-out:",
				"delete Eip network-nat-a-address:",
				"delete MetricAlarm monitoring-nat-ports-0:",
				"delete NatGateway network-nat-a:",
				"update Dashboard monitoring-dashboard: dashboardBody",
			},
		)},
	}
}
