package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/opstest"
)

// denied are a stack's operations, with the check that shows that one is denied.
var denied = map[string]map[string]struct{ check, action string }{
	"prod": {
		"DescribeRegions":                    {"region", "ec2:DescribeRegions"},
		"DescribeAvailabilityZones":          {"zones", "ec2:DescribeAvailabilityZones"},
		"DescribeInstanceTypeOfferings":      {"zones", "ec2:DescribeInstanceTypeOfferings"},
		"DescribeInstanceTypes":              {"quota vCPUs", "ec2:DescribeInstanceTypes"},
		"DescribeOrderableDBInstanceOptions": {"database class", "rds:DescribeOrderableDBInstanceOptions"},
		"GetServiceQuota":                    {"quota VPCs", "servicequotas:GetServiceQuota"},
		"GetAWSDefaultServiceQuota":          {"quota VPCs", "servicequotas:GetAWSDefaultServiceQuota"},
		"GetMetricStatistics":                {"quota vCPUs", "cloudwatch:GetMetricStatistics"},
		"DescribeVpcs":                       {"quota VPCs", "ec2:DescribeVpcs"},
		"DescribeAddresses":                  {"quota elastic IPs", "ec2:DescribeAddresses"},
		"DescribeSubnets":                    {"quota NAT gateways per zone", "ec2:DescribeSubnets"},
		"DescribeNatGateways":                {"quota NAT gateways per zone", "ec2:DescribeNatGateways"},
		"GET /account":                       {"api logging role", "apigateway:GET"},
		"GET /detector":                      {"guardduty", "guardduty:ListDetectors"},
		"DescribeConfigurationRecorders":     {"aws config", "config:DescribeConfigurationRecorders"},
		"POST /status/batch/get":             {"inspector", "inspector2:BatchGetAccountStatus"},
		"DescribeCertificate":                {"certificate", "acm:DescribeCertificate"},
		"ListSubscriptionsByTopic":           {"alert mails", "sns:ListSubscriptionsByTopic"},
		"ListCostAllocationTags":             {"cost tag", "ce:ListCostAllocationTags"},
		"DescribeImages":                     {"machine image", "ec2:DescribeImages"},
	},
	"other": {
		"GET /2013-04-01/hostedzone/Z0123456789ABCDEFGHIJ":       {"hosted zone", "route53:GetHostedZone"},
		"GET /2013-04-01/hostedzone/Z0123456789ABCDEFGHIJ/rrset": {"hosted zone", "route53:ListResourceRecordSets"},
		"DescribeSecret": {"secrets", "secretsmanager:DescribeSecret"},
		"DescribeImages": {"images", "ecr:DescribeImages"},
	},
}

// Each check says which permission it lacks, and the others go on.
func TestDenied(t *testing.T) {
	t.Parallel()
	for stack, operations := range denied {
		for operation, want := range operations {
			b := newBench(t, stack)
			if stack == "prod" {
				b.programs["pulumi stack export"] = state4(nil, topicToken, "arn:aws:sns:us-east-1:1:t")
			}
			b.aws.On(operation, opstest.Answer{Code: "AccessDenied", Message: "User: x is not authorized to perform this", Status: 403})
			f := b.finding(t, stack, want.check)
			require.Equal(t, Warn, f.Status, operation)
			require.Contains(t, f.Text, "not checked: needs "+want.action, operation)
			require.True(t, stack != "prod" || !strings.Contains(b.Out.String(), `"FAIL"`), operation)
		}
	}
}

// docs/doctor.md names what doctor calls, and nothing else.
func TestDocumentedPermissions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs/doctor.md"))
	require.NoError(t, err)
	row := regexp.MustCompile("(?m)^\\| `doctor` \\| (`.*) \\|$").FindStringSubmatch(string(text))
	require.NotNil(t, row)
	var documented, called []string
	for _, m := range regexp.MustCompile("`([a-z0-9]+:\\w+)`").FindAllStringSubmatch(row[1], -1) {
		documented = append(documented, m[1])
	}
	known := map[string]bool{"GetCallerIdentity": true}
	for _, operations := range denied {
		for operation, want := range operations {
			known[operation] = true
			called = append(called, want.action)
		}
	}
	slices.Sort(called)
	require.Equal(t, slices.Compact(called), documented)
	for stack := range denied {
		b := newBench(t, stack)
		b.programs["pulumi stack export"] = state4(nil, topicToken, "arn:aws:sns:us-east-1:1:t")
		b.doctor(t, "-stack", stack)
		for _, call := range b.aws.Calls() {
			require.True(t, known[call.Operation], "%s is called, and not in the table", call.Operation)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer opstest.Answer
		status Status
		text   string
	}{
		{"throttled", opstest.Answer{Code: "ThrottlingException", Message: "Rate exceeded"},
			Warn, "not checked: AWS takes no more requests for now"},
		{"ended", opstest.Answer{Code: "ExpiredTokenException", Message: "The security token included in the request is expired"},
			Warn, "not checked: the credentials ended"},
		{"not signed up", opstest.Answer{Code: "OptInRequired", Message: "You are not subscribed to this service.", Status: 401}, Fail,
			"the account is not signed up for this: OptInRequired: You are not subscribed to this service."},
		{"network", opstest.Answer{Drop: true}, Warn, "not checked: AWS cannot be reached"},
		{"server", opstest.Answer{Code: "InternalFailure", Message: "try again", Status: 500},
			Warn, "not checked: acm:DescribeCertificate: InternalFailure: try again"},
	} {
		b := newBench(t, "prod")
		b.aws.On("DescribeCertificate", c.answer)
		f := b.finding(t, "prod", "certificate")
		require.Equal(t, c.status, f.Status, c.name)
		require.Contains(t, f.Text, c.text, c.name)
	}
}

// Without credentials nothing of AWS is checked, and everything else is.
func TestCredentials(t *testing.T) {
	t.Parallel()
	who := "<Account>" + number + "</Account><Arn>arn:aws:iam::" + number + ":user/me</Arn>"
	for _, c := range []struct {
		name    string
		answers []opstest.Answer
		region  string
		want    string
	}{
		{"ended", []opstest.Answer{{Code: "ExpiredToken", Message: "The security token included in the request is expired", Status: 403}},
			"us-east-1",
			"FAIL  credentials                  they have expired"},
		{"network", []opstest.Answer{{Drop: true}}, "us-east-1", "FAIL  credentials                  AWS does not answer"},
		{"unknown", []opstest.Answer{{Code: "InvalidClientTokenId", Message: "The security token is invalid.", Status: 403}},
			"us-east-1",
			"FAIL  credentials                  there are no valid AWS credentials"},
		{"region not enabled", []opstest.Answer{{Code: "InvalidClientTokenId", Message: "invalid", Status: 403}, {Body: who}}, "ap-east-1",
			"is valid, but not in ap-east-1: the region is not enabled in account " + number},
		{"unknown everywhere", []opstest.Answer{{Code: "InvalidClientTokenId", Message: "invalid", Status: 403}}, "ap-east-1",
			"FAIL  credentials                  there are no valid AWS credentials"},
	} {
		b := newBench(t, "dev")
		require.NoError(t, os.WriteFile(filepath.Join(b.dir, "Pulumi.dev.yaml"), []byte("config:\n  aws:region: "+c.region+"\n"), 0o600))
		b.aws.On("GetCallerIdentity", c.answers...)
		text, status := b.doctor(t, "-stack", "dev")
		require.Equal(t, command.Failed, status, c.name)
		require.Contains(t, text, c.want, c.name)
		require.Contains(t, text, "WARN  zones                        not checked: there are no valid credentials", c.name)
		require.Contains(t, text, "OK    pulumi", c.name)
	}
	b := newBench(t, "dev")
	b.AWS = func(context.Context, string, string) (aws.Config, error) {
		return aws.Config{}, errors.New("failed to get shared config profile, x")
	}
	text, status := b.doctor(t, "-stack", "dev")
	require.Equal(t, command.Failed, status)
	require.Contains(t, text, "FAIL  credentials                  there are no valid AWS credentials")
}

func TestOtherAccount(t *testing.T) {
	t.Parallel()
	b := newBench(t, "prod")
	b.aws.On("GetCallerIdentity", opstest.Answer{Body: "<Account>999999999999</Account><Arn>arn:aws:iam::999999999999:root</Arn>"})
	text, status := b.doctor(t, "-stack", "prod")
	require.Equal(t, command.Failed, status)
	require.Contains(t, text, "FAIL  account                      the credentials are of 999999999999, and aws:allowedAccountIds is "+number)
	require.Contains(t, text, "WARN  credentials                  arn:aws:iam::999999999999:root is the account's root user")
}

// A check that hangs ends with its time, and the others are printed all the same.
func TestHangs(t *testing.T) {
	t.Parallel()
	b := newBench(t, "prod")
	b.programs["docker version"] = program{hang: true}
	b.programs["pulumi version"] = program{hang: true}
	b.programs["pulumi stack export"] = program{hang: true}
	begun := time.Now()
	text, status := b.doctor(t, "-stack", "prod", "-timeout", "3s")
	require.Less(t, time.Since(begun), time.Minute)
	require.Equal(t, command.Done, status, text)
	for _, name := range []string{"docker", "pulumi", "stack "} {
		require.Contains(t, text, fmt.Sprintf("WARN  %-*s  not checked: no answer within 3s", width, strings.TrimSpace(name)))
	}
	require.Contains(t, text, "OK    certificate")
}

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-outputs", "x"}, {"-timeout", "0s"}, {"dev"}} {
		text, status := newBench(t, "dev").doctor(t, append([]string{"-stack", "dev"}, args...)...)
		require.Equal(t, command.Misused, status, args)
		require.Empty(t, text)
	}
}

// What stops it is no finding.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	b := newBench(t, "prod")
	ctx, cancel := context.WithCancel(t.Context())
	b.aws.On("DescribeCertificate", opstest.Answer{Func: func(opstest.Call) opstest.Answer {
		cancel()
		return opstest.Answer{Drop: true}
	}})
	err := run(ctx, b.Env, []string{"-C", b.dir, "-stack", "prod"})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, command.Unfinished, command.Status(err))
	require.NotContains(t, b.Out.String(), " FAIL\n", "no sum of what was not looked at")
}

func TestPages(t *testing.T) {
	t.Parallel()
	pages := func(token, next string, bodies ...string) opstest.Answer {
		return opstest.Answer{Func: func(c opstest.Call) opstest.Answer {
			n := 0
			if at := c.Form.Get(token); at != "" {
				_, _ = fmt.Sscan(at, &n)
			}
			more := ""
			if n+1 < len(bodies) {
				more = fmt.Sprintf("<%[1]s>%[2]d</%[1]s>", next, n+1)
			}
			return opstest.Answer{Body: bodies[n] + more}
		}}
	}
	b := newBench(t, "prod")
	vpc := "<item><vpcId>vpc-1</vpcId></item>"
	b.aws.On("DescribeVpcs", pages("NextToken", "nextToken", "<vpcSet>"+vpc+vpc+"</vpcSet>", "<vpcSet/>", "<vpcSet>"+vpc+vpc+vpc+"</vpcSet>"))
	f := b.finding(t, "prod", "quota VPCs")
	require.Equal(t, Fail, f.Status)
	require.Equal(t, "the stack needs 1; others have 5; the quota is 5", f.Text)
	require.Contains(t, f.Mend, "--service-code vpc --quota-code L-F678F1CE --desired-value 6")

	b = newBench(t, "prod")
	b.programs["pulumi stack export"] = state4(nil, topicToken, "arn:aws:sns:us-east-1:1:t")
	b.aws.On("ListSubscriptionsByTopic", pages("NextToken", "NextToken", "<Subscriptions/>",
		"<Subscriptions>"+subscription("ops@example.com", "PendingConfirmation")+"</Subscriptions>"))
	require.Contains(t, b.finding(t, "prod", "alert mails").Text, "alarms do not reach ops@example.com")

	b = newBench(t, "prod")
	nat := "<item><natGatewayId>nat-%d</natGatewayId><subnetId>subnet-1</subnetId></item>"
	b.programs["pulumi stack export"] = state4(nil, gatewayToken, "nat-1")
	b.aws.On("DescribeNatGateways", pages("NextToken", "nextToken",
		"<natGatewaySet>"+fmt.Sprintf(nat, 1)+fmt.Sprintf(nat, 2)+"</natGatewaySet>",
		"<natGatewaySet>"+fmt.Sprintf(nat, 3)+"</natGatewaySet>"))
	require.Equal(t, "the stack needs 1; others have 2; the quota is 5", b.finding(t, "prod", "quota NAT gateways per zone").Text)
}

// The programs are found in PATH, run in the project's directory, and are killed when they hang.
func TestRealPrograms(t *testing.T) {
	b := newBench(t, "dev")
	bin := t.TempDir()
	script := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text), 0o755))
	}
	plan, err := filepath.Abs(filepath.Join(root, "testdata/dev.json"))
	require.NoError(t, err)
	script("go", `test "$*" = "run ./cmd/plan graph -stack dev -format json" && test -f Pulumi.yaml && exec cat "`+plan+`"`)
	script("pulumi", `case "$1 $2" in
"version ") echo v3.300.1;; "whoami --json") echo '{"user":"u","url":"s3://b"}';;
*) echo "error: no stack named 'dev' found" >&2; exit 255;; esac`)
	script("docker", `test "$1" = version && echo 28.0.0 && exit; echo "docker: 'buildx' is not a docker command." >&2; exit 1`)
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	b.Program = command.System().Program
	text, status := b.doctor(t, "-stack", "dev")
	require.Equal(t, command.Failed, status)
	require.Contains(t, text, "OK    configuration                dev is valid")
	require.Contains(t, text, "OK    stack                        dev is not made yet")
	require.Contains(t, text, "OK    pulumi                       3.300.1")
	require.Contains(t, text, "WARN  state                        s3://b, as u; Pulumi.dev.yaml names no secrets provider")
	require.Contains(t, text,
		"FAIL  docker                       docker buildx version: exit status 1: docker: 'buildx' is not a docker command.")
	require.Contains(t, text, "mend: install the plugin buildx")
	t.Setenv("PATH", t.TempDir())
	b.Out.Reset()
	text, status = b.doctor(t, "-stack", "dev")
	require.Equal(t, command.Failed, status)
	require.Contains(t, text, "FAIL  configuration                not checked: go is not installed")
	require.Contains(t, text, "FAIL  pulumi                       pulumi is not installed")
}

// The environment's credentials win over the stack's aws:profile.
func TestProfile(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]string{"": "work", "AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": ""} {
		b := newBench(t, "dev")
		b.edit(t, "dev", "  aws:region: us-east-1\n", "  aws:region: us-east-1\n  aws:profile: work\n")
		if variable != "" {
			b.Variables[variable] = "x"
		}
		inner, asked := b.AWS, ""
		b.AWS = func(ctx context.Context, region, profile string) (aws.Config, error) {
			asked = profile
			return inner(ctx, region, profile)
		}
		_, status := b.doctor(t, "-stack", "dev")
		require.Equal(t, command.Done, status)
		require.Equal(t, want, asked, variable)
	}
}
