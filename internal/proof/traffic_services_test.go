package proof

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
)

// needs lists the AWS APIs that hosts call, or that AWS calls for them through their network interfaces.
var needs = map[string][]string{
	fleetType: {
		"ecr.api", "ecr.dkr", // login and pull in the systemd unit
		"logs",                              // Docker's log driver and the CloudWatch agent
		"monitoring",                        // the CloudWatch agent's metrics
		"secretsmanager",                    // database credentials and the first token
		"ssm", "ssmmessages", "ec2messages", // Session Manager, which replaces SSH
	},
	agentsType: {
		"ecr.api", "ecr.dkr", "logs", // Fargate pulls and logs through the task's interface
		"execute-api", // leases and reports, through the public name of the regional API
	},
}

// objects returns the S3 objects that hosts read or write through their subnets, with the action.
func objects(t *testing.T, g *plan.Graph, token string) map[string]string {
	t.Helper()
	where := strings.Split(only(t, g, "aws:ec2/vpc:Vpc").State["arn"].(string), ":") // arn:partition:ec2:region:...
	bucket := func(name string) string { return "arn:" + where[1] + ":s3:::" + name }
	data := bucket(output(t, g, "bucketName"))
	wanted := map[string]string{
		bucket("prod-" + where[3] + "-starport-layer-bucket/layer"): "s3:GetObject", // an image's layers
		data + "/object": "s3:GetObject",
	}
	if token == fleetType {
		wanted[bucket("al2023-repos-"+where[3]+"-de612dc2/core/repodata")] = "s3:GetObject" // docker, CloudWatch agent
		wanted[bucket("amazon-ssm-"+where[3]+"/latest")] = "s3:GetObject"                   // the SSM agent's updates
		wanted[bucket("aws-ssm-document-attachments-"+where[3]+"/plugin")] = "s3:GetObject" // Inspector's plugin
		wanted[data+"/part"] = "s3:PutObject"
		wanted[data] = "s3:ListBucketMultipartUploads"
	}
	return wanted
}

func output(t *testing.T, g *plan.Graph, name string) string {
	t.Helper()
	value, ok := g.RevealedOutput(name)
	require.True(t, ok, name)
	return value.(string)
}

// unreachable returns the services that hosts need but that the network does not let them reach.
func unreachable(t *testing.T, g *plan.Graph) (problems []string) {
	t.Helper()
	n := readNetwork(t, g)
	for token, services := range needs {
		if token == agentsType && len(g.OfType(agentsType)) == 0 {
			continue // a stack without agents
		}
		h := host(t, n, token)
		for _, service := range services {
			way, err := n.Service(h, service)
			_, endpoint := g.Find(endpointType, "network-endpoint-"+strings.ReplaceAll(service, ".", "-"))
			switch {
			case err != nil:
				problems = append(problems, err.Error())
			case endpoint != strings.Contains(way, endpointType):
				problems = append(problems, service+" goes by "+way)
			}
		}
		for arn, action := range objects(t, g, token) {
			way, err := n.S3(h, action, arn)
			switch {
			case err != nil:
				problems = append(problems, err.Error())
			case way != endpointType+"::network-s3":
				problems = append(problems, "S3 goes by "+way)
			}
		}
	}
	return problems
}

// Instances and tasks reach the services that they need: by an endpoint if there is one, otherwise by NAT; S3 never by NAT.
func hostsReachServices(t *testing.T, c traffic) { require.Empty(t, unreachable(t, c.Graph)) }

// Stolen credentials cannot copy data to another bucket: the endpoint allows no other accounts' buckets, and only reads from
// AWS's package buckets.
func TestForeignBucketsAreOutOfReach(t *testing.T) {
	t.Parallel()
	for _, stack := range []string{"dev", "prod"} {
		n := readNetwork(t, planned(t, stack))
		for _, token := range []string{fleetType, agentsType} {
			for _, c := range []struct{ action, arn string }{
				{"s3:PutObject", "arn:aws:s3:::somebody-elses/object"},
				{"s3:GetObject", "arn:aws:s3:::somebody-elses/object"},
				{"s3:GetObject", "arn:aws:s3:::storage-data-of-another/object"},
				{"s3:PutObject", "arn:aws:s3:::storage-logs/object"},
				{"s3:PutObject", "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/object"},
				{"s3:ListBucket", "arn:aws:s3:::al2023-repos-us-east-1-de612dc2"},
			} {
				_, err := n.S3(host(t, n, token), c.action, c.arn)
				require.ErrorContains(t, err, "does not allow everybody "+c.action)
			}
		}
	}
}

// A NAT instance reaches its package repository through the internet gateway.
func TestNATInstanceReachesItsPackages(t *testing.T) {
	t.Parallel()
	n := readNetwork(t, plannedWith(t, "dev", map[string]string{"network.nat": "instance"}))
	way, err := n.S3(host(t, n, "aws:ec2/instance:Instance"), "s3:GetObject", "arn:aws:s3:::al2023-repos-us-east-1-de612dc2/core/repodata")
	require.NoError(t, err)
	require.Empty(t, way, "want the internet gateway")
}
