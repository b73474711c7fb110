package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
)

const number = "123456789012" // the account of the shipped plans

// bench is one call of doctor for a stack of this repository, whose plan is the reviewed one.
type bench struct {
	*opstest.Bench
	aws *opstest.AWS
	dir string

	mu       sync.Mutex
	programs map[string]program // by the beginning of the command line
	expires  time.Time          // of the credentials; zero: never
}

type program struct {
	text string
	err  error
	hang bool
}

const root = "../../.."

// newBench is a healthy account that the stack can be made in. other is the stack of tests, which has all that dev and prod have not.
func newBench(t *testing.T, stack string) *bench {
	t.Helper()
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		return string(text)
	}
	file := "Pulumi." + stack + ".yaml"
	if stack == "other" {
		file = "testdata/" + file
	}
	b := &bench{aws: opstest.NewAWS(t), programs: map[string]program{}}
	b.dir = opstest.Project(t, "Pulumi.yaml", read("Pulumi.yaml"), "Pulumi."+stack+".yaml", read(file), "go.mod", read("go.mod"))
	b.Bench = opstest.NewBench(t, b.aws)
	b.Program = b.program
	b.AWS = func(ctx context.Context, region, profile string) (aws.Config, error) {
		config, err := b.aws.Config(ctx, region, profile)
		config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret", CanExpire: !b.expires.IsZero(), Expires: b.expires}, nil
		})
		return config, err
	}
	b.programs["go run ./cmd/plan"] = program{text: read("testdata/" + stack + ".json")}
	b.programs["pulumi stack export"] = program{err: fmt.Errorf("exit status 255: error: no stack named '%s' found", stack)}
	b.programs["pulumi version"] = program{text: "v3.276.0\n"}
	b.programs["pulumi whoami"] = program{text: `{"user":"ops","organizations":["ops"],"url":"https://app.pulumi.com/ops"}`}
	b.programs["docker version"] = program{text: "28.3.3\n"}
	b.programs["docker buildx"] = program{text: "github.com/docker/buildx v0.26.1 1a8287f\n"}
	healthy(b.aws)
	return b
}

func (b *bench) program(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	line := strings.Join(append([]string{name}, args...), " ")
	if dir != b.dir {
		return nil, fmt.Errorf("%s runs in %s", line, dir)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for prefix, p := range b.programs {
		if strings.HasPrefix(line, prefix) {
			if p.hang {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return []byte(p.text), p.err
		}
	}
	return nil, fmt.Errorf("%s %w", name, command.ErrMissing)
}

// doctor runs it and returns what it printed to stdout, and its exit status.
func (b *bench) doctor(t *testing.T, args ...string) (string, int) {
	t.Helper()
	err := run(t.Context(), b.Env, append([]string{"-C", b.dir}, args...))
	text := strings.ReplaceAll(b.Out.String(), b.dir, "/project")
	return text, command.Status(err)
}

// finding is what doctor says of one check.
func (b *bench) finding(t *testing.T, stack, check string) Finding {
	t.Helper()
	var found []Finding
	text, _ := b.doctor(t, "-stack", stack, "-json")
	require.NoError(t, json.Unmarshal([]byte(text), &found), text)
	for _, f := range found {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("nothing about %q in %s", check, text)
	return Finding{}
}

// made is a state of Pulumi with these resources, type and id in turn, and outputs of the stack.
func state4(outputs map[string]any, ids ...string) program {
	resources := []map[string]any{{"type": "pulumi:pulumi:Stack", "outputs": outputs}}
	for i := 0; i+1 < len(ids); i += 2 {
		resources = append(resources, map[string]any{"type": ids[i], "id": ids[i+1], "urn": "urn:pulumi:x::" + ids[i]})
	}
	text, err := json.Marshal(map[string]any{"version": 3, "deployment": map[string]any{"resources": resources}})
	if err != nil {
		panic(err)
	}
	return program{text: string(text)}
}

// healthy is a new account with room for everything.
func healthy(a *opstest.AWS) {
	a.On("GetCallerIdentity", opstest.Answer{Body: "<Account>" + number + "</Account><UserId>AROAEXAMPLE:ci</UserId>" +
		"<Arn>arn:aws:sts::" + number + ":assumed-role/deploy/ci</Arn>"})
	a.On("DescribeRegions", opstest.Answer{Func: func(c opstest.Call) opstest.Answer {
		return opstest.Answer{Body: "<regionInfo><item><regionName>" + c.Form.Get("RegionName.1") +
			"</regionName><optInStatus>opt-in-not-required</optInStatus></item></regionInfo>"}
	}})
	a.On("DescribeAvailabilityZones", opstest.Answer{Body: "<availabilityZoneInfo>" +
		zone("us-east-1d", "use1-az6") + zone("us-east-1e", "use1-az3") + zone("us-east-1a", "use1-az1") +
		zone("us-east-1b", "use1-az2") + zone("us-east-1c", "use1-az4") + "</availabilityZoneInfo>"})
	a.On("DescribeInstanceTypeOfferings", opstest.Answer{Func: func(c opstest.Call) opstest.Answer {
		return opstest.Answer{Body: "<instanceTypeOfferingSet>" + offerings(c, "us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d") +
			"</instanceTypeOfferingSet>"}
	}})
	a.On("DescribeInstanceTypes", opstest.Answer{Func: func(c opstest.Call) opstest.Answer {
		body := ""
		for i := 1; c.Form.Get(fmt.Sprintf("InstanceType.%d", i)) != ""; i++ {
			name, architecture := c.Form.Get(fmt.Sprintf("InstanceType.%d", i)), "arm64"
			if strings.HasPrefix(name, "m7i") {
				architecture = "x86_64"
			}
			body += "<item><instanceType>" + name + "</instanceType><vCpuInfo><defaultVCpus>2</defaultVCpus></vCpuInfo>" +
				"<processorInfo><supportedArchitectures><item>" + architecture + "</item></supportedArchitectures></processorInfo></item>"
		}
		return opstest.Answer{Body: "<instanceTypeSet>" + body + "</instanceTypeSet>"}
	}})
	a.On("DescribeOrderableDBInstanceOptions", opstest.Answer{Body: "<OrderableDBInstanceOptions>" +
		orderable("16.9", "us-east-1a", "us-east-1b", "us-east-1c") + orderable("17.5", "us-east-1a", "us-east-1b", "us-east-1d") +
		orderable("18.1", "us-east-1a", "us-east-1b") + "</OrderableDBInstanceOptions>"})
	healthyQuotas(a)
	a.On("GET /account", opstest.Answer{Body: `{"throttleSettings":{"burstLimit":5000,"rateLimit":10000.0}}`})
	a.On("GET /detector", opstest.Answer{Body: `{"detectorIds":[]}`})
	a.On("DescribeConfigurationRecorders", opstest.Answer{Body: `{"ConfigurationRecorders":[]}`})
	a.On("POST /status/batch/get", opstest.Answer{Body: `{"accounts":[{"accountId":"` + number + `","state":{"status":"DISABLED"}}]}`})
	a.On("DescribeCertificate", opstest.Answer{Body: certificate("ISSUED", "AMAZON_ISSUED", "2026-12-01", "backend.example.com")})
	a.On("GET /2013-04-01/hostedzone/Z0123456789ABCDEFGHIJ", opstest.Answer{Body: hostedZone("example.org.", false)})
	a.On("GET /2013-04-01/hostedzone/Z0123456789ABCDEFGHIJ/rrset", opstest.Answer{Body: records()})
	a.On("ListSubscriptionsByTopic", opstest.Answer{Body: "<Subscriptions>" + subscription("ops@example.com",
		"arn:aws:sns:us-east-1:1:t:id") + "</Subscriptions>"})
	a.On("ListCostAllocationTags", opstest.Answer{
		Body: `{"CostAllocationTags":[{"TagKey":"deployment","Type":"UserDefined","Status":"Active"}]}`,
	})
	a.On("DescribeImages", opstest.Answer{Body: images("al2023-ami-2023.9.20251117.1-kernel-6.1-arm64", "2025-11-18T00:00:00.000Z",
		"al2023-ami-2023.10.20260120.4-kernel-6.1-arm64", "2026-01-21T00:00:00.000Z")})
	a.On("DescribeSecret", opstest.Answer{Func: func(c opstest.Call) opstest.Answer {
		var in struct{ SecretId string }
		_ = json.Unmarshal([]byte(c.Body), &in)
		return opstest.Answer{Body: `{"ARN":"` + in.SecretId + `","Name":"payments"}`}
	}})
}

func healthyQuotas(a *opstest.AWS) {
	a.On("GetServiceQuota", opstest.Answer{Func: func(c opstest.Call) opstest.Answer {
		var in struct{ ServiceCode, QuotaCode string }
		_ = json.Unmarshal([]byte(c.Body), &in)
		value, metric := "", ""
		switch in.QuotaCode {
		case "L-1216C47A", "L-34B43A08":
			value, metric = "64", usageMetric("EC2", "vCPU")
		case "L-3032A538", "L-36FBB829":
			value, metric = "128", usageMetric("Fargate", "vCPU")
		case "L-0EA8095F":
			value = "60"
		case "L-FE5A380F", "L-0263D0A3":
			value = "5"
		case "L-F678F1CE": // never set for this account
			return opstest.Answer{Code: "NoSuchResourceException", Message: "The request failed because the specified service quota does not exist."}
		}
		return opstest.Answer{Body: `{"Quota":{"Value":` + value + metric + `}}`}
	}})
	a.On("GetAWSDefaultServiceQuota", opstest.Answer{Body: `{"Quota":{"Value":5}}`})
	a.On("GetMetricStatistics", opstest.Answer{Body: `{"Label":"ResourceCount","Datapoints":[]}`})
	a.On("DescribeVpcs", opstest.Answer{Body: "<vpcSet><item><vpcId>vpc-default</vpcId></item></vpcSet>"})
	a.On("DescribeAddresses", opstest.Answer{Body: "<addressesSet/>"})
	a.On("DescribeNatGateways", opstest.Answer{Body: "<natGatewaySet/>"})
	a.On("DescribeSubnets", opstest.Answer{Body: "<subnetSet><item><subnetId>subnet-1</subnetId>" +
		"<availabilityZone>us-east-1a</availabilityZone></item></subnetSet>"})
}

func usageMetric(service, resource string) string {
	return `,"UsageMetric":{"MetricNamespace":"AWS/Usage","MetricName":"ResourceCount","MetricStatisticRecommendation":"Maximum",` +
		`"MetricDimensions":{"Service":"` + service + `","Resource":"` + resource + `","Type":"Resource","Class":"Standard/OnDemand"}}`
}

func zone(name, id string) string {
	return "<item><zoneName>" + name + "</zoneName><zoneId>" + id + "</zoneId><zoneState>available</zoneState></item>"
}

// offerings answers for every type that was asked for.
func offerings(c opstest.Call, zones ...string) (body string) {
	for i := 1; c.Form.Get(fmt.Sprintf("Filter.1.Value.%d", i)) != ""; i++ {
		for _, z := range zones {
			body += "<item><instanceType>" + c.Form.Get(fmt.Sprintf("Filter.1.Value.%d", i)) + "</instanceType><location>" + z + "</location></item>"
		}
	}
	return body
}

func orderable(version string, zones ...string) string {
	out := "<OrderableDBInstanceOption><EngineVersion>" + version + "</EngineVersion><StorageType>gp3</StorageType>" +
		"<MultiAZCapable>true</MultiAZCapable><AvailabilityZones>"
	for _, z := range zones {
		out += "<AvailabilityZone><Name>" + z + "</Name></AvailabilityZone>"
	}
	return out + "</AvailabilityZones></OrderableDBInstanceOption>"
}

func certificate(status, kind, end string, names ...string) string {
	until, err := time.Parse(time.DateOnly, end)
	if err != nil {
		panic(err)
	}
	list, _ := json.Marshal(names)
	return fmt.Sprintf(`{"Certificate":{"Status":%q,"Type":%q,"NotAfter":%d,"DomainName":%q,"SubjectAlternativeNames":%s}}`,
		status, kind, until.Unix(), names[0], list)
}

func hostedZone(name string, private bool) string {
	return fmt.Sprintf("<GetHostedZoneResponse><HostedZone><Id>/hostedzone/Z0123456789ABCDEFGHIJ</Id><Name>%s</Name>"+
		"<CallerReference>x</CallerReference>"+
		"<Config><PrivateZone>%t</PrivateZone></Config></HostedZone></GetHostedZoneResponse>", name, private)
}

// records are names and types in turn.
func records(list ...string) string {
	body := ""
	for i := 0; i+1 < len(list); i += 2 {
		body += "<ResourceRecordSet><Name>" + list[i] + "</Name><Type>" + list[i+1] + "</Type></ResourceRecordSet>"
	}
	return "<ListResourceRecordSetsResponse><ResourceRecordSets>" + body +
		"</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>300</MaxItems></ListResourceRecordSetsResponse>"
}

func subscription(address, arn string) string {
	return "<member><Endpoint>" + address + "</Endpoint><Protocol>email</Protocol><SubscriptionArn>" + arn + "</SubscriptionArn></member>"
}

// images are names and dates of creation in turn.
func images(list ...string) string {
	body := ""
	for i := 0; i+1 < len(list); i += 2 {
		body += "<item><imageId>ami-1</imageId><name>" + list[i] + "</name><creationDate>" + list[i+1] +
			"</creationDate><architecture>arm64</architecture></item>"
	}
	return "<imagesSet>" + body + "</imagesSet>"
}
