package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
)

// A new account, before the first update of prod.
func TestBeforeTheFirstUpdate(t *testing.T) {
	t.Parallel()
	b := newBench(t, "prod")
	b.expires = b.Clock.Now().Add(8 * time.Hour)
	text, status := b.doctor(t, "-stack", "prod")
	require.Equal(t, command.Done, status, text)
	opstest.Golden(t, "new.txt", text)
}

// A stack that runs, with everything that exists once being its own.
func TestHealthyStack(t *testing.T) {
	t.Parallel()
	b := newBench(t, "other")
	b.aws.On("DescribeAvailabilityZones", opstest.Answer{Body: "<availabilityZoneInfo>" + zone("us-east-1a", "euc1-az1") + zone("us-east-1b",
		"euc1-az2") +
		zone("us-east-1c", "euc1-az3") + zone("us-east-1d", "euc1-az4") + "</availabilityZoneInfo>"})
	b.aws.On("GET /account", opstest.Answer{Body: `{"cloudwatchRoleArn":"arn:aws:iam::` + number + `:role/api-logging-role-1a2b"}`})
	b.aws.On("GET /detector", opstest.Answer{Body: `{"detectorIds":["d0"]}`})
	b.aws.On("DescribeConfigurationRecorders", opstest.Answer{Body: `{"ConfigurationRecorders":[{"name":"recorder-1a2b"},` +
		`{"name":"AWSConfigurationRecorderForX","servicePrincipal":"x.amazonaws.com"}]}`})
	b.aws.On("POST /status/batch/get", opstest.Answer{Body: `{"accounts":[{"accountId":"` + number + `","state":{"status":"ENABLED"}}]}`})
	b.aws.On("GET /2013-04-01/hostedzone/Z0123456789ABCDEFGHIJ/rrset", opstest.Answer{Body: records("files.example.org.", "A")})
	b.aws.On("GetMetricStatistics", opstest.Answer{Body: `{"Datapoints":[{"Maximum":8}]}`})
	found := fmt.Sprintf(`{"imageDetails":[{"imagePushedAt":%d}]}`, b.Clock.Now().Add(-48*time.Hour).Unix())
	first := true
	b.aws.On("DescribeImages", opstest.Answer{Func: func(c opstest.Call) opstest.Answer {
		if c.Form == nil {
			return opstest.Answer{Body: found} // of ECR
		}
		first = false
		assert.Equal(t, "x86_64", c.Form.Get("Filter.2.Value.1"), "the backend's, not the NAT instance's")
		return opstest.Answer{Body: images("al2023-ami-2023.9.20251117.1-kernel-6.1-x86_64", "2025-11-18T00:00:00.000Z")}
	}})
	b.programs["pulumi stack export"] = ownState()
	b.programs["pulumi whoami"] = program{text: `{"user":"ops","url":"s3://state?region=eu-central-1"}`}
	appendFile(t, filepath.Join(b.dir, "Pulumi.other.yaml"), "secretsprovider: awskms://alias/state?region=eu-central-1\n")
	text, status := b.doctor(t, "-stack", "other")
	require.Equal(t, command.Done, status, text)
	require.False(t, first)
	opstest.Golden(t, "healthy.txt", text)
}

func ownState() program {
	p := state4(map[string]any{"machineImage": "al2023-ami-2023.9.20251117.1-kernel-6.1-x86_64"},
		roleToken, "api-logging-role-1a2b", detectorToken, "d0", recorderToken, "recorder-1a2b", enablerToken, "x", topicToken,
		"arn:aws:sns:eu-central-1:1:t",
		"aws:ec2/vpc:Vpc", "vpc-default", addressToken, "eipalloc-1")
	var whole map[string]any
	if err := json.Unmarshal([]byte(p.text), &whole); err != nil {
		panic(err)
	}
	deployment := whole["deployment"].(map[string]any)
	deployment["resources"] = append(deployment["resources"].([]any),
		map[string]any{"type": "aws:route53/record:Record", "id": "r", "outputs": map[string]any{"name": "files.example.org"}})
	text, _ := json.Marshal(whole)
	p.text = string(text)
	return p
}

func appendFile(t *testing.T, path, text string) {
	t.Helper()
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(old, text...), 0o600))
}

// An account where nothing fits.
func TestBrokenAccount(t *testing.T) {
	t.Parallel()
	b := newBench(t, "other")
	broken(b)
	text, status := b.doctor(t, "-stack", "other")
	require.Equal(t, command.Failed, status, text)
	opstest.Golden(t, "broken.txt", text)

	b.Out.Reset()
	text, status = b.doctor(t, "-stack", "other", "-json")
	require.Equal(t, command.Failed, status)
	opstest.Golden(t, "broken.json", text)
}

func broken(b *bench) {
	b.expires = b.Clock.Now().Add(20 * time.Minute)
	b.Variables["AWS_REGION"] = "eu-central-1"
	b.aws.On("DescribeRegions", opstest.Answer{Body: "<regionInfo><item><regionName>us-west-2</regionName>" +
		"<optInStatus>not-opted-in</optInStatus></item></regionInfo>"})
	b.aws.On("DescribeInstanceTypeOfferings", opstest.Answer{Func: func(c opstest.Call) opstest.Answer {
		return opstest.Answer{Body: "<instanceTypeOfferingSet>" + offerings(c, "us-east-1a") + "</instanceTypeOfferingSet>"}
	}})
	b.aws.On("DescribeOrderableDBInstanceOptions", opstest.Answer{Body: "<OrderableDBInstanceOptions/>"})
	b.aws.On("GetServiceQuota", opstest.Answer{Body: `{"Quota":{"Value":1` + usageMetric("EC2", "vCPU") + `}}`})
	b.aws.On("GetMetricStatistics", opstest.Answer{Code: "AccessDenied",
		Message: "User is not authorized to perform: cloudwatch:GetMetricStatistics"})
	b.aws.On("DescribeAddresses", opstest.Answer{Body: "<addressesSet><item><allocationId>eipalloc-2</allocationId></item></addressesSet>"})
	b.aws.On("GET /account", opstest.Answer{Body: `{"cloudwatchRoleArn":"arn:aws:iam::` + number + `:role/somebody-else"}`})
	b.aws.On("GET /detector", opstest.Answer{Body: `{"detectorIds":["d9"]}`})
	b.aws.On("DescribeConfigurationRecorders", opstest.Answer{Body: `{"ConfigurationRecorders":[{"name":"default"}]}`})
	b.aws.On("POST /status/batch/get", opstest.Answer{Body: `{"accounts":[{"accountId":"` + number + `","state":{"status":"ENABLED"}}]}`})
	b.aws.On("GET /2013-04-01/hostedzone/Z0123456789ABCDEFGHIJ", opstest.Answer{Body: hostedZone("example.org.", true)})
	b.aws.On("ListCostAllocationTags",
		opstest.Answer{Body: `{"CostAllocationTags":[{"TagKey":"deployment","Type":"UserDefined","Status":"Inactive"}]}`})
	b.aws.On("DescribeImages", opstest.Answer{Func: func(c opstest.Call) opstest.Answer {
		if c.Form == nil {
			return opstest.Answer{Code: "ImageNotFoundException", Message: "The image does not exist."}
		}
		return opstest.Answer{Body: "<imagesSet/>"}
	}})
	b.aws.On("DescribeSecret", opstest.Answer{Code: "ResourceNotFoundException", Message: "Secrets Manager can't find the specified secret."})
	b.aws.On("ListSubscriptionsByTopic", opstest.Answer{Body: "<Subscriptions>" + subscription("Ops@example.com", "PendingConfirmation") +
		"</Subscriptions>"})
	b.programs["pulumi stack export"] = state4(nil, topicToken, "arn:aws:sns:eu-central-1:1:t")
	b.programs["pulumi version"] = program{text: "v3.100.0\n"}
	b.programs["pulumi whoami"] = program{text: `{"user":"me","url":"file://~"}`}
	b.programs["docker version"] = program{err: errors.New("docker version: exit status 1: Cannot connect to the Docker daemon at " +
		"unix:///var/run/docker.sock")}
}

// The program's own report comes first, and what needs no plan is checked all the same.
func TestInvalidConfiguration(t *testing.T) {
	t.Parallel()
	b := newBench(t, "dev")
	b.programs["go run ./cmd/plan"] = program{err: errors.New("go run ./cmd/plan graph -stack dev -format json: exit status 1: " +
		"the configuration of the stack dev has 2 problems:\n  compute.maxSize is 0: want an integer from 1 to 500\n  compute.size: no such " +
		"key\nexit status 1\n")}
	text, status := b.doctor(t, "-stack", "dev")
	require.Equal(t, command.Failed, status)
	opstest.Golden(t, "invalid.txt", text)
}
