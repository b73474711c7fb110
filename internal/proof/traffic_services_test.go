package proof

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
)

// needs are the AWS APIs that a tier calls, or that AWS calls on its behalf through the tier's own network interfaces.
var needs = map[string][]string{
	fleetType: {
		"ecr.api", "ecr.dkr", // systemd's login and pull
		"logs",                              // docker's log driver and the CloudWatch agent
		"monitoring",                        // the CloudWatch agent's metrics
		"secretsmanager",                    // database credentials and the first token
		"ssm", "ssmmessages", "ec2messages", // Session Manager, in place of SSH
	},
	agentsType: {
		"ecr.api", "ecr.dkr", "logs", // Fargate pulls and logs through the task's interface
		"execute-api", // leases and reports, through the public name of the regional API
	},
}

// objects are what a tier gets from S3, or puts there, through its subnets.
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

// unmet are the needs of the tiers that the network does not let them have.
func unmet(t *testing.T, g *plan.Graph) (problems []string) {
	t.Helper()
	n := readNetwork(t, g)
	for token, services := range needs {
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

// Every private tier reaches what it needs, by an endpoint where there is one and by NAT elsewhere; S3 never by NAT.
func tiersReachNeeds(t *testing.T, c traffic) { require.Empty(t, unmet(t, c.Graph)) }

// Stolen credentials cannot carry data out through S3: buckets of others are out of reach, and the ones that AWS serves
// packages from take nothing.
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

// A NAT instance installs what it needs before anything goes through it.
func TestNATInstanceReachesItsPackages(t *testing.T) {
	t.Parallel()
	n := readNetwork(t, plannedWith(t, "dev", map[string]string{"network.nat": "instance"}))
	way, err := n.S3(host(t, n, "aws:ec2/instance:Instance"), "s3:GetObject", "arn:aws:s3:::al2023-repos-us-east-1-de612dc2/core/repodata")
	require.NoError(t, err)
	require.Empty(t, way, "by the internet gateway itself")
}
