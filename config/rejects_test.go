package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rejected is a configuration with exactly these problems: the keys, and a part of each message.
type rejected struct {
	name    string
	stack   string // dev, if empty
	values  map[string]string
	secrets []string
	want    map[string]string
}

func (r rejected) check(t *testing.T) {
	t.Run(r.name, func(t *testing.T) {
		if r.stack == "" {
			r.stack = "dev"
		}
		c, err := Parse(testProject, r.stack, r.values, r.secrets...)
		require.Error(t, err)
		require.Zero(t, c)
		var keys []string
		for _, p := range problemsOf(t, err) {
			keys = append(keys, p.key)
			require.Contains(t, p.value+": "+p.want+" "+p.command, r.want[p.key])
			require.Contains(t, p.command, "pulumi config ")
			require.Contains(t, p.command, " --stack "+r.stack)
			for _, part := range []string{p.key, p.value, p.want, p.command} {
				require.Contains(t, err.Error(), part)
			}
		}
		require.Equal(t, slices.Sorted(maps.Keys(r.want)), keys, err.Error())
	})
}

func TestRejectsValues(t *testing.T) {
	for _, r := range []rejected{
		{name: "text", values: raw("compute", `{"maxSize": "many"}`), want: map[string]string{
			"compute.maxSize": `"many": want an integer from 1 to 500 pulumi config set --path compute.maxSize 3 --stack dev`}},
		{name: "fraction", values: raw("compute", `{"cpuTarget": "60.5"}`),
			want: map[string]string{"compute.cpuTarget": `"60.5": want an integer`}},
		{name: "exponent", values: raw("compute", `{"cpuTarget": 6e1}`), want: map[string]string{"compute.cpuTarget": `6e1: want`}},
		{name: "padded", values: raw("compute", `{"cpuTarget": " 60"}`), want: map[string]string{"compute.cpuTarget": `" 60": want`}},
		{name: "too large", values: raw("compute", `{"maxSize": 5000}`), want: map[string]string{
			"compute.maxSize": "5000: want an integer from 1 to 500 pulumi config set --path compute.maxSize 500"}},
		{name: "beyond an int", values: raw("compute", `{"maxSize": 99999999999999999999}`),
			want: map[string]string{"compute.maxSize": "from 1 to 500"}},
		{name: "no integer of the set", values: raw("monitoring", `{"logRetentionDays": 15}`),
			want: map[string]string{"monitoring.logRetentionDays": "15: want one of 1, 3, 5, 7, 14, 30"}},
		{name: "boolean by another word", values: raw("database", `{"multiAz": "yes"}`),
			want: map[string]string{"database.multiAz": `"yes": want true or false`}},
		{name: "boolean as a number", values: raw("database", `{"multiAz": 1}`),
			want: map[string]string{"database.multiAz": "1: want true or false"}},
		{name: "null", values: raw("database", `{"multiAz": null}`),
			want: map[string]string{"database.multiAz": "null: want true or false; null is no value"}},
		{name: "null list", values: raw("monitoring", `{"alertEmails": null}`),
			want: map[string]string{"monitoring.alertEmails": "'monitoring.alertEmails[0]' ops@example.com"}},
		{name: "choice", values: raw("network", `{"nat": "gateway"}`),
			want: map[string]string{"network.nat": `want one of instance, single, one-per-az`}},
		{name: "minor version", values: raw("database", `{"engineVersion": "17.2"}`),
			want: map[string]string{"database.engineVersion": `want one of 14, 15, 16, 17, 18`}},
		{name: "number for text", values: raw("network", `{"cidr": 10}`), want: map[string]string{"network.cidr": "it is not text"}},
		{name: "host bits", values: raw("network", `{"cidr": "10.20.1.0/16"}`), want: map[string]string{"network.cidr": "10.20.0.0/16"}},
		{name: "public range", values: raw("network", `{"cidr": "8.8.0.0/16"}`), want: map[string]string{"network.cidr": "public"}},
		{name: "small range", values: raw("network", `{"cidr": "10.0.0.0/28"}`), want: map[string]string{"network.cidr": "/28"}},
		{name: "endpoint", values: raw("network", `{"interfaceEndpoints": ["logs", "execute-api"]}`),
			want: map[string]string{"network.interfaceEndpoints[1]": `"execute-api": want a list of ec2, `}},
		{name: "text for a list", values: raw("network", `{"interfaceEndpoints": "logs"}`), want: map[string]string{
			"network.interfaceEndpoints": "pulumi config rm --path network.interfaceEndpoints --stack dev && pulumi config set --path " +
				"'network.interfaceEndpoints[0]' secretsmanager"}},
		{name: "elements", values: raw("monitoring", `{"alertEmails": ["a@b.io", "nobody", 7, "a@b.io", "Ann <a@b.io>", "x@localhost"]}`),
			want: map[string]string{
				"monitoring.alertEmails[1]": `"nobody"`, "monitoring.alertEmails[2]": "it is not text",
				"monitoring.alertEmails[3]": "it is there twice",
				"monitoring.alertEmails[4]": `Ann <a@b.io>`, "monitoring.alertEmails[5]": "x@localhost"}},
		{name: "long list", values: raw("compute", `{"allowedCidrs": [`+strings.Repeat("1,", 50)+`1]}`),
			want: map[string]string{"compute.allowedCidrs": "it is longer than 50"}},
		{name: "long value", values: raw("network", `{"cidr": "`+strings.Repeat("1", 1000)+`"}`),
			want: map[string]string{"network.cidr": "111…"}},
		{name: "instance class", values: raw("database", `{"instanceClass": "t4g.micro"}`),
			want: map[string]string{"database.instanceClass": "t4g.micro"}},
		{name: "instance size", values: raw("database", `{"instanceClass": "db.m7g.huge"}`),
			want: map[string]string{"database.instanceClass": "db.m7g.huge"}},
		{name: "instance type", values: raw("compute", `{"instanceType": "large"}`), want: map[string]string{"compute.instanceType": "large"}},
		{name: "macOS", values: raw("compute", `{"instanceType": "mac2.metal"}`), want: map[string]string{"compute.instanceType": "macOS"}},
		{name: "AMI", values: raw("compute", `{"amiId": "ami-12"}`), want: map[string]string{"compute.amiId": "ami-12"}},
		{name: "release", values: raw("compute", `{"release": "2023.9"}`), want: map[string]string{"compute.release": "2023.9"}},
		{name: "release and image", values: raw("compute", `{"release": "2023.9.20251117", "amiId": "ami-0123456789abcdef0"}`),
			want: map[string]string{"compute.release": "compute.amiId names the image already"}},
		{name: "credits", values: raw("compute", `{"cpuCredits": "infinite"}`), want: map[string]string{"compute.cpuCredits": "infinite"}},
		{name: "credits of another type", values: raw("compute", `{"cpuCredits": "standard", "instanceType": "m7g.large"}`),
			want: map[string]string{"compute.cpuCredits": "only burstable types have CPU credits, and compute.instanceType is m7g.large"}},
		{name: "runbook without TLS", values: raw("monitoring", `{"runbookUrl": "http://wiki.example.com/runbook"}`), want: map[string]string{
			"monitoring.runbookUrl": `want an https URL without query and fragment, at most 256 characters, or "" pulumi config set --path ` +
				`monitoring.runbookUrl https://wiki.example.com/runbook`}},
		{name: "certificate", values: raw("compute", `{"certificateArn": "arn:aws:iam::111122223333:server-certificate/x"}`),
			want: map[string]string{"compute.certificateArn": "want the ARN of an ACM certificate"}},
		{name: "source", values: raw("compute", `{"allowedCidrs": ["::/0", "10.0.0.1/8"]}`),
			want: map[string]string{"compute.allowedCidrs[0]": "IPv4", "compute.allowedCidrs[1]": "want 10.0.0.0/8"}},
		{name: "region", values: map[string]string{"aws:region": "Frankfurt"},
			want: map[string]string{"aws:region": `"Frankfurt": want an AWS region, such as us-east-1`}},
		{name: "no region", values: map[string]string{},
			want: map[string]string{"aws:region": "(not set): want the AWS region to deploy to, such as us-east-1 pulumi config set aws:region " +
				"us-east-1"}},
		{name: "unquoted account", values: raw("aws:allowedAccountIds", `[123456789012, "12"]`), want: map[string]string{
			"aws:allowedAccountIds[0]": "in quotes", "aws:allowedAccountIds[1]": "twelve digits"}},
		{name: "accounts that are no JSON", values: raw("aws:allowedAccountIds", `["1"`),
			want: map[string]string{"aws:allowedAccountIds": "want a list"}},
		{name: "one account", values: raw("aws:allowedAccountIds", `123456789012`),
			want: map[string]string{"aws:allowedAccountIds": "want a list"}},
	} {
		r.check(t)
	}
}

func TestRejectsKeys(t *testing.T) {
	for _, r := range []rejected{
		{name: "unknown in a tier", values: raw("compute", `{"colour": "red"}`),
			want: map[string]string{"compute.colour": `"red": unknown key; compute has instanceType, minSize`}},
		{name: "misspelt", values: raw("compute", `{"maxSiz": 20}`), want: map[string]string{
			"compute.maxSiz": "20: unknown key; did you mean compute.maxSize? pulumi config rm --path compute.maxSiz --stack dev && pulumi config " +
				"set --path compute.maxSize 20 --stack dev"}},
		{name: "with punctuation", values: raw("compute", `{"max.Size!": 20}`),
			want: map[string]string{
				"compute.max.Size!": `pulumi config rm --path 'compute["max.Size!"]' --stack dev && pulumi config set --path compute.maxSize 20`}},
		{name: "case", values: raw("compute", `{"MaxSize": 20}`), want: map[string]string{"compute.MaxSize": "did you mean compute.maxSize?"}},
		{name: "of another tier", values: raw("compute", `{"azCount": 3}`),
			want: map[string]string{"compute.azCount": "did you mean network.azCount?"}},
		{name: "twice", values: raw("compute", `{"maxSize": 20, "maxSize": 30}`), want: map[string]string{"compute.maxSize": "twice"}},
		{name: "unknown tier", values: raw("frontend", `{}`), want: map[string]string{"frontend": "unknown key; the keys are network, database"}},
		{name: "misspelt tier", values: raw("Computes", `{"maxSize": 2}`), want: map[string]string{"Computes": "did you mean compute?"}},
		{name: "without its tier", values: raw("maxSize", `20`),
			want: map[string]string{"maxSize": "pulumi config rm maxSize --stack dev && pulumi config set --path compute.maxSize 20"}},
		{name: "without its tier, no value of it", values: raw("backend", `{}`),
			want: map[string]string{"backend": "did you mean images.backend? pulumi config rm backend --stack dev && pulumi config set --path " +
				"images.backend '<account>"}},
		{name: "without --path", values: raw("compute.maxSize", `20`), want: map[string]string{"compute.maxSize": "--path was left out"}},
		{name: "no object", values: raw("compute", `20`, "network", ``, "api", `[]`, "images", `{"agent": }`, "fargate", `{} {}`, "monitoring",
			`null`, "database", `{"multiAz": true`), want: map[string]string{
			"compute": `"20": want an object with the keys of compute`, "network": "want an object", "api": "want an object",
			"images": "not JSON", "database": "not JSON", "fargate": "something follows", "monitoring": "want an object"}},
		// A misspelt key is one problem, although the right key is missing too.
		{name: "misspelt and required", stack: "prod", values: production("monitoring", `{"alertEmail": ["a@corp.io"]}`), want: map[string]string{
			"monitoring.alertEmail": "did you mean monitoring.alertEmails?"}},
		{name: "misspelt and beside the right one", values: raw("compute", `{"maxSiz": 20, "maxSize": "x"}`), want: map[string]string{
			"compute.maxSiz": "did you mean", "compute.maxSize": `"x": want an integer`}},
	} {
		r.check(t)
	}
}

func TestRejectsContradictions(t *testing.T) {
	const open = `"allowedCidrs": ["0.0.0.0/0"]`
	uri := func(account, region, repository string) string {
		return fmt.Sprintf(`{"agent": "%s.dkr.ecr.%s.amazonaws.com/%s@sha256:%s"}`, account, region, repository, strings.Repeat("a", 64))
	}
	own := "scalable-backend/dev/agent"
	for _, r := range []rejected{
		{name: "max", values: raw("compute", `{"minSize": 3, "desiredCapacity": 3, "maxSize": 2}`), want: map[string]string{
			"compute.maxSize": "2: want minSize <= desiredCapacity <= maxSize, but compute.minSize is 3 and compute.desiredCapacity is 3 pulumi " +
				"config set --path compute.maxSize 3"}},
		{name: "min", values: raw("compute", `{"minSize": 9}`), want: map[string]string{"compute.minSize": "9: want minSize <="}},
		{name: "desired", values: raw("fargate", `{"desiredTasks": 9}`),
			want: map[string]string{"fargate.desiredTasks": "pulumi config set --path fargate.desiredTasks 4"}},
		{name: "min and max", values: raw("fargate", `{"minTasks": 9, "desiredTasks": 5}`),
			want: map[string]string{"fargate.minTasks": "9", "fargate.maxTasks": "4 (the default)"}},
		{name: "task size", values: raw("fargate", `{"cpu": 1024}`), want: map[string]string{
			"fargate.memory": "512 (the default): want 2048 to 8192 MiB in steps of 1024 with fargate.cpu 1024 pulumi config set --path " +
				"fargate.memory 2048"}},
		{name: "smallest task", values: raw("fargate", `{"memory": 3072}`),
			want: map[string]string{"fargate.memory": "want 512, 1024, 2048 MiB with fargate.cpu 256"}},
		{name: "largest task", values: raw("fargate", `{"cpu": "16384", "memory": 36864}`),
			want: map[string]string{"fargate.memory": "steps of 8192"}},
		{name: "storage", values: raw("database", `{"allocatedStorage": 95}`),
			want: map[string]string{"database.maxAllocatedStorage": "100 (the default): want at least 10 % above database.allocatedStorage, " +
				"which is 95"}},
		{name: "plain HTTP to everyone", values: raw("compute", `{`+open+`}`), want: map[string]string{"compute.certificateArn": "in the clear"}},
		{name: "everyone in two halves", values: raw("compute", `{"allowedCidrs": ["0.0.0.0/1", "128.0.0.0/1"]}`),
			want: map[string]string{"compute.certificateArn": "in the clear"}},
		{name: "overlap", values: raw("compute", `{"allowedCidrs": ["198.51.100.0/24", "198.51.100.128/25"]}`),
			want: map[string]string{"compute.allowedCidrs[1]": "it overlaps 198.51.100.0/24"}},
		{name: "own network", values: raw("compute", `{"allowedCidrs": ["10.20.4.0/24"]}`),
			want: map[string]string{"compute.allowedCidrs[0]": "want a range outside network.cidr"}},
		{name: "certificate's region", values: raw("compute", `{`+testName+`, "certificateArn": "`+
			certificateOf("eu-west-1", "111122223333")+`"}`),
			want: map[string]string{"compute.certificateArn": "want a certificate of us-east-1"}},
		{name: "certificate's account", values: raw("aws:allowedAccountIds", `["444455556666"]`, "compute", `{`+testName+`, "certificateArn": "`+
			certificateOf("us-east-1", "111122223333")+`"}`),
			want: map[string]string{"compute.certificateArn": "444455556666"}},
		{name: "image by tag", values: raw("images", `{"agent": "111122223333.dkr.ecr.us-east-1.amazonaws.com/`+own+`:latest"}`),
			want: map[string]string{"images.agent": "not a digest URI"}},
		{name: "image of another stack", values: raw("images", uri("111122223333", "us-east-1", "scalable-backend/prod/agent")),
			want: map[string]string{"images.agent": "copy the image there first"}},
		{name: "image of the other service", values: raw("images", uri("111122223333", "us-east-1", "scalable-backend/dev/backend")),
			want: map[string]string{"images.agent": "this stack's own is " + own}},
		{name: "image of another region", values: raw("images", uri("111122223333", "eu-west-1", own)),
			want: map[string]string{"images.agent": "region eu-west-1"}},
		{name: "image of another account", values: raw("aws:allowedAccountIds", `["444455556666"]`, "images",
			uri("111122223333", "us-east-1", own)), want: map[string]string{"images.agent": "account 111122223333"}},
		{name: "boundary's account", values: raw("aws:allowedAccountIds", `["444455556666"]`, "stack",
			`{"permissionsBoundaryArn": "arn:aws:iam::111122223333:policy/limits"}`),
			want: map[string]string{"stack.permissionsBoundaryArn": "want a policy of an account in aws:allowedAccountIds, 444455556666 pulumi " +
				"config set --path stack.permissionsBoundaryArn arn:aws:iam::444455556666:policy/boundary"}},
		{name: "boundary's partition", values: raw("stack", `{"permissionsBoundaryArn": "arn:aws-cn:iam::111122223333:policy/limits"}`),
			want: map[string]string{"stack.permissionsBoundaryArn": "want a policy of the partition aws, which us-east-1 belongs to"}},
		{name: "production", stack: "prod", values: raw("network", `{"flowLogs": false, "nat": "instance"}`, "database",
			`{"deletionProtection": false, "backupRetentionDays": 2}`), want: map[string]string{
			"network.flowLogs": "want true in production", "network.nat": "in production", "database.deletionProtection": "want true in production",
			"database.multiAz": "false (the default): want true in production", "database.backupRetentionDays": "2: want at least 7 in production",
			"compute.minSize": "at least 2", "compute.certificateArn": "required in production", "compute.domainName": "required in production",
			"monitoring.alertEmails": "at least one address",
			"aws:allowedAccountIds":  "pulumi config set --path --type string 'aws:allowedAccountIds[0]' 123456789012"}},
		{name: "production without certificate", stack: "prod", values: production("compute", `{"minSize": 2, "desiredCapacity": 2, `+
			testName+`, `+open+`}`), want: map[string]string{"compute.certificateArn": "required in production"}},
	} {
		r.check(t)
	}
}
