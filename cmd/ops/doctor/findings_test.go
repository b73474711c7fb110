package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/opstest"
)

// edit replaces a text of the stack's file.
func (b *bench) edit(t *testing.T, stack, old, to string) {
	t.Helper()
	file := filepath.Join(b.dir, "Pulumi."+stack+".yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), old, to, 1)), 0o600))
}

// finding is what doctor says of a stack when something was changed.
type finding struct {
	stack, about string
	change       func(*testing.T, *bench)
	status       Status
	text         string
}

func (c finding) check(t *testing.T) {
	t.Helper()
	b := newBench(t, c.stack)
	if c.change != nil {
		c.change(t, b)
	}
	f := b.finding(t, c.stack, c.about)
	require.Contains(t, f.Text, c.text)
	require.Equal(t, c.status, f.Status, f.Text)
	require.True(t, c.status != Fail || f.Mend != "", "a fault without its remedy: %s", f.Text)
}

func TestFindings(t *testing.T) {
	t.Parallel()
	topic := state4(nil, topicToken, "arn:aws:sns:us-east-1:1:t")
	answer := func(operation, body string) func(*testing.T, *bench) {
		return func(_ *testing.T, b *bench) { b.aws.On(operation, opstest.Answer{Body: body}) }
	}
	for _, c := range []finding{
		{"prod", "certificate", answer("DescribeCertificate", certificate("PENDING_VALIDATION", "AMAZON_ISSUED", "2026-12-01",
			"backend.example.com")), Fail, "waits for its validation"},
		{"prod", "certificate", answer("DescribeCertificate", certificate("EXPIRED", "IMPORTED", "2026-01-01", "backend.example.com")), Fail,
			"it is EXPIRED"},
		{"prod", "certificate", answer("DescribeCertificate", certificate("ISSUED", "IMPORTED", "2026-02-20", "*.example.com")), Warn,
			"it ends on 2026-02-20"},
		{"prod", "certificate", answer("DescribeCertificate", certificate("ISSUED", "AMAZON_ISSUED", "2026-02-20", "backend.example.com")),
			Warn, "it ends on 2026-02-20"},
		{"prod", "certificate", answer("DescribeCertificate", certificate("ISSUED", "AMAZON_ISSUED", "2026-02-01", "backend.example.com")),
			Fail, "it ended on 2026-02-01"},
		{"prod", "certificate", answer("DescribeCertificate", certificate("ISSUED", "AMAZON_ISSUED", "2026-12-01", "example.com",
			"www.example.com")), Fail,
			"it is for example.com, www.example.com, and compute.domainName is backend.example.com"},
		{"prod", "certificate", func(_ *testing.T, b *bench) {
			b.aws.On("DescribeCertificate", opstest.Answer{Code: "ResourceNotFoundException", Message: "Could not find certificate"})
		}, Fail, "there is no certificate arn:aws:acm"},
		{"prod", "certificate", func(t *testing.T, b *bench) {
			t.Helper()
			b.edit(t, "prod", "arn:aws:acm:us-east-1:", "arn:aws:acm:eu-west-1:")
		}, Fail, "in eu-west-1; the load balancer takes one of 123456789012 in us-east-1"},
		{"dev", "certificate", nil, OK, "none: the load balancer serves HTTP"},
		{"other", "hosted zone", func(_ *testing.T, b *bench) {
			b.aws.On("GET /2013-04-01/hostedzone/Z0123456789ABCDEFGHIJ", opstest.Answer{Code: "NoSuchHostedZone", Message: "No hosted zone",
				Status: 404})
		}, Fail, "the account has no zone Z0123456789ABCDEFGHIJ"},
		{"other", "hosted zone", answer("GET /2013-04-01/hostedzone/Z0123456789ABCDEFGHIJ", hostedZone("example.com.", false)), Fail,
			"is the zone example.com, and compute.domainName is files.example.org"},
		{"other", "hosted zone", answer("GET /2013-04-01/hostedzone/Z0123456789ABCDEFGHIJ", hostedZone("s.example.org.", false)), Fail,
			"is the zone s.example.org"},
		{"other", "hosted zone", answer("GET /2013-04-01/hostedzone/Z0123456789ABCDEFGHIJ/rrset", records("files.example.org.", "CNAME")), Fail,
			"has a record files.example.org of type CNAME already"},
		{"other", "hosted zone", answer("GET /2013-04-01/hostedzone/Z0123456789ABCDEFGHIJ/rrset", records("files.example.org.", "TXT",
			"www.example.org.", "A")), OK, "holds files.example.org"},
		{"prod", "alert mails", func(_ *testing.T, b *bench) {
			b.programs["pulumi stack export"] = topic
			b.aws.On("ListSubscriptionsByTopic", opstest.Answer{Body: "<Subscriptions>" + subscription("old@example.com", "arn:1") +
				"</Subscriptions>"})
		}, Warn, "1 of monitoring.alertEmails are not subscribed, or have ended it"},
		{"dev", "alert mails", nil, OK, "alarms reach nobody"},
		{"dev", "cost tag", answer("ListCostAllocationTags", `{"CostAllocationTags":[]}`), Warn, "AWS does not know the tag deployment yet"},
		{"dev", "cost tag", func(_ *testing.T, b *bench) {
			b.aws.On("ListCostAllocationTags", opstest.Answer{Code: "AccessDeniedException",
				Message: "Linked account doesn't have access to cost allocation tags."})
		}, Warn, "not checked: only the management account may look"},
		{"prod", "machine image", func(_ *testing.T, b *bench) {
			b.programs["pulumi stack export"] = state4(map[string]any{"machineImage": "al2023-ami-2023.9.20251117.1-kernel-6.1-arm64"})
		}, Warn, "64 days of fixes are missing"},
		{"prod", "machine image", func(_ *testing.T, b *bench) {
			b.programs["pulumi stack export"] = state4(map[string]any{"machineImage": "al2023-ami-2023.9.20260105.1-kernel-6.1-arm64"})
		}, OK, "the newest is 2023.10.20260120.4, 15 days later"},
		{"prod", "machine image", func(t *testing.T, b *bench) {
			t.Helper()
			b.edit(t, "prod", "  compute:\n", "  compute:\n    amiId: ami-1\n")
			b.aws.On("DescribeImages", opstest.Answer{Code: "InvalidAMIID.NotFound", Message: "The image id does not exist"})
		}, Fail, "us-east-1 has no image ami-1"},
		{"prod", "machine image", func(t *testing.T, b *bench) {
			t.Helper()
			b.edit(t, "prod", "  compute:\n", "  compute:\n    amiId: ami-1\n")
			b.aws.On("DescribeImages", opstest.Answer{Body: strings.ReplaceAll(images("mine", "2026-01-01T00:00:00.000Z"), "arm64", "x86_64")})
		}, Fail, "ami-1 (mine) is for x86_64, and compute.instanceType is arm64"},
		{"prod", "zones", answer("DescribeAvailabilityZones", "<availabilityZoneInfo>"+zone("us-east-1a", "use1-az1")+zone("us-east-1e",
			"use1-az3")+"</availabilityZoneInfo>"), Fail,
			"network.azCount is 3, and us-east-1 has 1 zones"},
		{"prod", "instance type", func(_ *testing.T, b *bench) {
			b.aws.On("DescribeInstanceTypes", opstest.Answer{Code: "InvalidInstanceType", Message: "no such type"})
		}, Fail, "us-east-1 has no type m7g.large"},
		{"prod", "instance type", answer("DescribeInstanceTypes",
			"<instanceTypeSet><item><instanceType>m7g.large</instanceType><processorInfo><supportedArchitectures>"+
				"<item>x86_64</item></supportedArchitectures></processorInfo></item></instanceTypeSet>"), Fail,
			"m7g.large is x86_64, and images are built for arm64"},
		{"prod", "region", answer("DescribeRegions", "<regionInfo/>"), Fail, "AWS has no region us-east-1"},
		{"dev", "api logging role", func(t *testing.T, b *bench) {
			t.Helper()
			p := b.programs["go run ./cmd/plan"]
			p.text = strings.ReplaceAll(p.text, loggingToken, "aws:x/x:X")
			b.programs["go run ./cmd/plan"] = p
		}, Fail, "API Gateway has no role to write logs with, and api.manageAccountLogging is false"},
		{"other", "guardduty", func(_ *testing.T, b *bench) {
			b.programs["pulumi stack export"] = program{text: "no JSON"}
			b.aws.On("GET /detector", opstest.Answer{Body: `{"detectorIds":["d1"]}`})
		}, Warn, "whose it is, Pulumi's state would say"},
		{"dev", "quota Spot vCPUs", answer("GetServiceQuota", `{"Quota":{"Value":3}}`), Warn, "scaling stops below compute.maxSize"},
		{"prod", "quota vCPUs", func(_ *testing.T, b *bench) { // the stack's own are among the 50
			b.programs["pulumi stack export"] = state4(nil, groupToken, "group")
			b.aws.On("GetMetricStatistics", opstest.Answer{Body: `{"Datapoints":[{"Maximum":50}]}`})
		}, OK, "50 are in use; the quota is 64"},
		{"prod", "quota vCPUs", answer("GetMetricStatistics", `{"Datapoints":[{"Maximum":50}]}`), Warn, "scaling stops below compute.maxSize"},
		{"other", "images", func(_ *testing.T, b *bench) {
			b.aws.On("DescribeImages", opstest.Answer{Func: func(c opstest.Call) opstest.Answer {
				if c.Form == nil {
					return opstest.Answer{Body: `{"imageDetails":[]}`}
				}
				return opstest.Answer{Body: images("al2023-ami-2023.9.20251117.1-kernel-6.1-x86_64", "2025-11-18T00:00:00.000Z")}
			}})
		}, OK, "pushed at an unknown time"},
		{"other", "images", func(_ *testing.T, b *bench) {
			b.aws.On("DescribeImages", opstest.Answer{Code: "RepositoryNotFoundException", Message: "The repository does not exist"})
		}, Fail, "images.agent: there is no repository scalable-backend/other/agent"},
		{"other", "secrets", answer("DescribeSecret",
			`{"ARN":"arn:aws:secretsmanager:us-west-2:123456789012:secret:payments-AbCdEf","DeletedDate":1769990400}`), Fail,
			"is deleted, since 2026-02-02"},
		{"other", "secrets", answer("DescribeSecret",
			`{"ARN":"arn:aws:secretsmanager:us-west-2:123456789012:secret:payments-AbCdEf","KmsKeyId":"alias/mine"}`), Fail,
			"is encrypted with alias/mine, which the stack's roles may not use"},
	} {
		c.check(t)
	}
}

// What the programs say that doctor runs.
func TestFindingsOfPrograms(t *testing.T) {
	t.Parallel()
	for _, c := range []finding{
		{"dev", "stack", func(_ *testing.T, b *bench) { delete(b.programs, "pulumi stack export") }, Warn,
			"not read: pulumi is not installed"},
		{"dev", "stack", func(_ *testing.T, b *bench) {
			b.programs["pulumi stack export"] = program{err: errors.New("exit status 255: error: PULUMI_ACCESS_TOKEN must be set for login")}
		}, Fail, "the Pulumi CLI is not logged in"},
		{"dev", "stack", func(_ *testing.T, b *bench) {
			b.programs["pulumi stack export"] = program{err: errors.New("exit status 255: error: the bucket is gone")}
		}, Warn, "not read: exit status 255: error: the bucket is gone"},
		{"dev", "stack", func(_ *testing.T, b *bench) { b.programs["pulumi stack export"] = program{text: "no JSON"} }, Warn,
			"not read: invalid"},
		{"dev", "stack", func(_ *testing.T, b *bench) {
			b.programs["pulumi stack export"] = program{text: `{"version":3,"deployment":{"resources":null}}`}
		}, OK, "dev has no resources yet"},
		{"dev", "state", func(_ *testing.T, b *bench) { delete(b.programs, "pulumi whoami") }, Warn, "not checked: pulumi is not installed"},
		{"dev", "state", func(_ *testing.T, b *bench) { b.programs["pulumi whoami"] = program{err: errors.New("not logged in")} }, Fail,
			"not logged in"},
		{"dev", "pulumi", func(_ *testing.T, b *bench) { b.programs["pulumi version"] = program{text: "v2.1.0"} }, Fail, "2.1.0: want 3"},
		{"dev", "state", func(t *testing.T, b *bench) {
			t.Helper()
			appendFile(t, filepath.Join(b.dir, "Pulumi.dev.yaml"), "encryptionsalt: v1:xyz\n")
		}, Fail, "the stack's secrets need a passphrase"},
		{"dev", "state", func(t *testing.T, b *bench) {
			t.Helper()
			b.Variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = "p"
			appendFile(t, filepath.Join(b.dir, "Pulumi.dev.yaml"), "encryptionsalt: v1:xyz\n")
		}, OK, "secrets by a passphrase"},
	} {
		c.check(t)
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, host string
		want          bool
	}{
		{"backend.example.com", "Backend.example.com", true},
		{"*.example.com", "backend.example.com", true},
		{"*.example.com", "a.backend.example.com", false},
		{"*.example.com", "example.com", false},
		{"*.", "com", false},
		{"example.com", "backend.example.com", false},
	} {
		require.Equal(t, c.want, covers(c.pattern, c.host), c)
	}
}

func TestOlder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version, than string
		want          bool
	}{
		{"3.9.0", "3.10.0", true}, {"3.276.0", "3.276.0", false}, {"3.276.1-alpha.1+x", "3.276.0", false}, {"3.275.9", "3.276.0", true},
		{"4.0.0", "3.276.0", false},
	} {
		require.Equal(t, c.want, older(c.version, c.than), c)
	}
}

func TestStandardFamilies(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"t4g.small": true, "m7i.large": true, "is4gen.large": true, "im4gn.large": true,
		"i4i.large": true, "z1d.large": true,
		"inf2.xlarge": false, "trn1.2xlarge": false, "mac2.metal": false, "hpc7g.4xlarge": false, "dl1.24xlarge": false, "g5.xlarge": false,
		"x2gd.large": false} {
		require.Equal(t, want, standard.MatchString(name), name)
	}
}

func TestReleased(t *testing.T) {
	t.Parallel()
	require.Equal(t, time.Date(2025, 11, 17, 0, 0, 0, 0, time.UTC), released("al2023-ami-2023.9.20251117.1-kernel-6.1-arm64"))
	require.True(t, released("ami-0123456789abcdef0").IsZero())
}
