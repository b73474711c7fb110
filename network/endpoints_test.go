package network

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEndpoints(t *testing.T) {
	graph := deploy(t, production())
	s3 := graph.Find(t, typeEndpoint, "network-s3")
	assert.Equal(t, "com.amazonaws.eu-central-1.s3", s3.String(t, "serviceName"))
	assert.Equal(t, "Gateway", s3.String(t, "vpcEndpointType"))
	tables, _ := s3.Get("routeTableIds")
	assert.Len(t, tables, 7, "every private table: three of backend, three of clients, one of database")
	assert.NotContains(t, tables, "rtb-network-public-routes")
	assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [
		{"Sid": "OwnBuckets", "Effect": "Allow", "Principal": "*", "Action": ["s3:*"],
		 "Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"]},
		{"Sid": "PackagesAndImageLayers", "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": [
		 "arn:aws:s3:::prod-eu-central-1-starport-layer-bucket/*", "arn:aws:s3:::al2023-repos-eu-central-1-de612dc2/*",
		 "arn:aws:s3:::al2023-eu-central-1/*", "arn:aws:s3:::aws-ssm-eu-central-1/*", "arn:aws:s3:::amazon-ssm-eu-central-1/*",
		 "arn:aws:s3:::amazon-ssm-packages-eu-central-1/*", "arn:aws:s3:::eu-central-1-birdwatcher-prod/*",
		 "arn:aws:s3:::aws-ssm-distributor-file-eu-central-1/*", "arn:aws:s3:::aws-ssm-document-attachments-eu-central-1/*",
		 "arn:aws:s3:::patch-baseline-snapshot-eu-central-1/*", "arn:aws:s3:::inspector2-oval-prod-eu-central-1/*",
		 "arn:aws:s3:::amazoncloudwatch-agent-eu-central-1/*"]}]}`,
		s3.String(t, "policy"))

	graph.RequireNames(t, typeEndpoint, "network-s3", "network-endpoint-ecr-api", "network-endpoint-ecr-dkr",
		"network-endpoint-logs", "network-endpoint-secretsmanager")
	registry := graph.Find(t, typeEndpoint, "network-endpoint-ecr-dkr")
	assert.Equal(t, "com.amazonaws.eu-central-1.ecr.dkr", registry.String(t, "serviceName"))
	assert.Equal(t, "Interface", registry.String(t, "vpcEndpointType"))
	assert.True(t, registry.Bool(t, "privateDnsEnabled"))
	subnets, _ := registry.Get("subnetIds")
	assert.Equal(t, []any{"subnet-network-clients-a", "subnet-network-clients-b", "subnet-network-clients-c"}, subnets)
	groups, _ := registry.Get("securityGroupIds")
	assert.Equal(t, []any{graph.Outputs(t, componentKey)["SecurityGroups.Endpoints"]}, groups)
}

// In China the names of some services' interface endpoints begin with "cn.".
func TestEndpointsInChina(t *testing.T) {
	args := production()
	args.Stack.Partition, args.Stack.Region = "aws-cn", "cn-northwest-1"
	own := []string{"ec2", "ecr.api", "ecr.dkr", "elasticfilesystem", "monitoring", "sts"}
	args.InterfaceEndpoints = append([]string{"logs"}, own...)
	graph := deploy(t, args)
	want := map[string]string{"s3": "com.amazonaws.cn-northwest-1.s3", "endpoint-logs": "com.amazonaws.cn-northwest-1.logs"}
	for _, service := range own {
		want["endpoint-"+strings.ReplaceAll(service, ".", "-")] = "cn.com.amazonaws.cn-northwest-1." + service
	}
	for name, service := range want {
		assert.Equal(t, service, graph.Find(t, typeEndpoint, "network-"+name).String(t, "serviceName"))
	}
}

// The policies of interface endpoints allow only the stack's account, for services that support policies.
func TestInterfaceEndpointPolicies(t *testing.T) {
	args := production()
	args.InterfaceEndpoints = []string{"ecr.api", "ecs", "ecs-agent", "ecs-telemetry", "ssmmessages"}
	graph := deploy(t, args)
	for _, service := range []string{"ecr-api", "ssmmessages"} {
		assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [{"Sid": "OwnAccount", "Effect": "Allow", "Principal": "*",
			"Action": ["*"], "Resource": ["*"], "Condition": {"StringEquals": {"aws:PrincipalAccount": ["123456789012"]}}}]}`,
			graph.Find(t, typeEndpoint, "network-endpoint-"+service).String(t, "policy"), service)
	}
	for _, service := range []string{"ecs", "ecs-agent", "ecs-telemetry"} {
		assert.NotContains(t, graph.Find(t, typeEndpoint, "network-endpoint-"+service).Inputs, "policy", service)
	}
}

func TestFlowLogs(t *testing.T) {
	graph := deploy(t, development())
	log := graph.Only(t, typeFlowLog)
	assert.Equal(t, "ALL", log.String(t, "trafficType"))
	assert.Equal(t, "cloud-watch-logs", log.String(t, "logDestinationType"))
	group := graph.Only(t, typeLogGroup)
	assert.Equal(t, 14.0, group.Number(t, "retentionInDays"))
	assert.Equal(t, "arn:aws:kms:eu-central-1:123456789012:key/logs", group.String(t, "kmsKeyId"))
	assert.Contains(t, log.DependsOn, typeAttachment+"::network-flow-logs")
	assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["vpc-flow-logs.amazonaws.com"]},
		"Action": ["sts:AssumeRole"], "Condition": {
			"StringEquals": {"aws:SourceAccount": ["123456789012"]},
			"ArnLike": {"aws:SourceArn": ["arn:aws:ec2:eu-central-1:123456789012:vpc-flow-log/*"]}}}]}`,
		graph.Only(t, typeRole).String(t, "assumeRolePolicy"))
	assert.NotContains(t, graph.Only(t, typePolicy).String(t, "policy"), "logs:CreateLogGroup")

	args := development()
	args.FlowLogs = false
	graph = deploy(t, args)
	for _, token := range []string{typeFlowLog, typeLogGroup, typeRole, typePolicy, typeAttachment} {
		graph.RequireNone(t, token)
	}
	assert.Equal(t, "", graph.Outputs(t, componentKey)["FlowLogGroupName"])
}
