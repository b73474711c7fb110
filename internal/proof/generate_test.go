package proof

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"scalable-backend/config"
	imagestier "scalable-backend/images"
)

// configuration is a generated stack: any valid combination of settings.
type configuration struct {
	stack      string
	production bool
	text       string // the stack's file
}

// draw generates random valid values; the same seed gives the same values.
type draw struct{ *rand.Rand }

func (d draw) yes() bool            { return d.IntN(2) == 0 }
func (d draw) between(a, b int) int { return a + d.IntN(b-a+1) }
func pick[T any](d draw, of ...T) T { return of[d.IntN(len(of))] }
func some[T any](d draw, of ...T) []T { // any subset of a list, including none and all
	part := slices.Clone(of)
	d.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	return part[:d.IntN(len(part)+1)]
}

// small is mostly near the lower bound, like real stacks, and sometimes any number up to the upper bound.
func (d draw) small(a, b int) int {
	if d.IntN(4) == 0 {
		return d.between(a, b)
	}
	return d.between(a, min(a+5, b))
}

// generate returns the n-th configuration of a seed. The first has every option on, the second every option off.
func generate(seed uint64, n int) configuration {
	d := draw{rand.New(rand.NewPCG(seed, uint64(n)))}
	option := d.yes
	switch n {
	case 0:
		option = func() bool { return true }
	case 1:
		option = func() bool { return false }
	}
	c := configuration{stack: pick(d, "dev", "test", "staging-2", "qa_eu"), production: n > 1 && d.yes()}
	if c.production {
		c.stack = pick(d, "prod", "production", "eu-prod", "prod-2")
	}
	values := d.config(c, option)
	data, err := yaml.Marshal(map[string]any{"config": values})
	if err != nil {
		panic(err)
	}
	c.text = string(data)
	return c
}

func (d draw) config(c configuration, option func() bool) map[string]any {
	region := pick(d, "us-east-1", "eu-central-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1")
	account := fmt.Sprintf("%012d", d.Int64N(999_999_999_999)+1)
	partition, suffix := "aws", "amazonaws.com"
	switch {
	case strings.HasPrefix(region, "cn-"):
		partition, suffix = "aws-cn", "amazonaws.com.cn"
	case strings.HasPrefix(region, "us-gov-"):
		partition = "aws-us-gov"
	}
	certificate := ""
	if c.production || option() {
		certificate = fmt.Sprintf("arn:%s:acm:%s:%s:certificate/%08x-0000-4000-8000-%012x", partition, region, account, d.Uint32(), d.Uint32())
	}
	values := map[string]any{
		"aws:region": region, "aws:allowedAccountIds": []string{account},
		"network": d.network(c, option), "database": d.database(c, option),
		"compute": d.compute(c, option, certificate, partition != "aws-us-gov"),
		"fargate": d.fargate(option), "monitoring": d.monitoring(c, option),
		"api": map[string]any{
			"throttleRate": d.between(1, 10_000), "throttleBurst": d.between(1, 5_000), "manageAccountLogging": option(),
		},
		"stack": map[string]any{},
	}
	maps.Copy(values["compute"].(map[string]any), d.backendProgram(option, partition, region, account))
	maps.Copy(values["fargate"].(map[string]any), d.agentProgram(option, partition, region, account))
	if f := values["fargate"].(map[string]any); f["persistentStorage"] == true && len(f["writablePaths"].([]string)) == 0 {
		f["healthCommand"] = []string{} // its file would be every agent's
	}
	if values["fargate"].(map[string]any)["minTasks"] == 0 {
		values["monitoring"].(map[string]any)["serviceMetrics"] = true // CPU starts no first agent
	}
	images := map[string]any{}
	for _, service := range []string{"backend", "agent"} {
		if option() {
			images[service] = fmt.Sprintf("%s.dkr.ecr.%s.%s/%s@sha256:%064x", account, region, suffix,
				imagestier.RepositoryName("scalable-backend", c.stack, service), d.Uint64())
		}
	}
	if option() {
		images["rdsBundleChecksum"] = fmt.Sprintf("sha256:%064x", d.Uint64())
	}
	values["images"] = images
	if option() {
		values["stack"] = map[string]any{
			"permissionsBoundaryArn": "arn:" + partition + ":iam::" + account + ":policy/boundary",
			"tags":                   map[string]string{"cost-center": "4711", "owner": "platform"},
		}
	}
	return values
}

func (d draw) network(c configuration, option func() bool) map[string]any {
	nats := []string{"single", "one-per-az"}
	if !c.production {
		nats = append(nats, "instance")
	}
	bits := d.between(16, 23)
	block := pick(d, 10<<24|d.between(0, 255)<<16, 172<<24|d.between(18, 31)<<16, 192<<24|168<<16)
	block |= d.between(0, 1<<(bits-16)-1) << (32 - bits)
	endpoints := some(d, "ec2", "ec2messages", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "elasticfilesystem", "kms",
		"logs", "monitoring", "secretsmanager", "sns", "ssm", "ssmmessages", "sts")
	if !option() {
		endpoints = []string{}
	}
	return map[string]any{
		"cidr":    fmt.Sprintf("%d.%d.%d.%d/%d", block>>24, block>>16&255, block>>8&255, block&255, bits),
		"azCount": d.between(2, 4), "nat": pick(d, nats...), "interfaceEndpoints": endpoints, "flowLogs": c.production || option(),
	}
}

func (d draw) database(c configuration, option func() bool) map[string]any {
	const largest = 65_536
	allocated := d.small(20, largest*10/11) // the limit is at least 10 % above it
	limit := pick(d, 0, min(largest, allocated*2))
	backups := d.between(1, 35)
	if c.production {
		backups = d.between(7, 35)
	}
	return map[string]any{
		"instanceClass": pick(d, "db.t4g.micro", "db.t4g.medium", "db.t3.small", "db.m7g.large", "db.r6i.2xlarge", "db.m6gd.4xlarge"),
		"engineVersion": pick(d, "15", "16", "17", "18"), "previousVersion": pick(d, "none", "none", "14"),
		"multiAz": c.production || option(), "allocatedStorage": allocated,
		"maxAllocatedStorage": limit, "backupRetentionDays": backups, "deletionProtection": c.production || option(),
		"replicas": d.between(0, 2), "passwordVersion": d.small(1, 1000),
	}
}

func (d draw) compute(c configuration, option func() bool, certificate string, zones bool) map[string]any {
	low := d.small(1, 5) // the smallest database has connections for five instances
	if c.production {
		low = max(low, 2)
	}
	desired := low + d.small(0, 100)
	domain, zone := "", ""
	if certificate != "" || option() {
		domain = pick(d, "files.example.org", "example.net", "a.b-c.xn--bcher-kva.example")
	}
	if domain != "" && option() && zones {
		zone = fmt.Sprintf("Z%019X", d.Uint64())
		certificate = pick(d, certificate, "")
	}
	sources := some(d, "203.0.113.0/24", "198.51.100.7/32", "8.0.0.0/8")
	if certificate+zone != "" && d.yes() {
		sources = []string{"0.0.0.0/0"}
	}
	ami := ""
	if option() {
		ami = fmt.Sprintf("ami-%017x", d.Uint64()>>1)
		ami = ami[:21]
	}
	release, credits := "", ""
	if ami == "" && option() {
		release = fmt.Sprintf("2023.%d.2025%02d%02d", d.between(0, 20), d.between(1, 12), d.between(1, 28))
	}
	instanceType := pick(d, "t4g.small", "t3.medium", "m7g.large", "c6i.xlarge", "m7g-flex.large", "c8gd.2xlarge", "t2.medium")
	if strings.HasPrefix(instanceType, "t") && option() {
		credits = pick(d, "standard", "unlimited")
	}
	return map[string]any{
		"instanceType": instanceType, "release": release, "cpuCredits": credits,
		"minSize": low, "desiredCapacity": desired, "maxSize": desired + d.small(0, 100), "spot": option(),
		"cpuTarget": d.between(10, 90), "requestsPerTarget": d.between(1, 1_000_000), "certificateArn": certificate,
		"domainName": domain, "hostedZoneId": zone, "allowedCidrs": sources, "amiId": ami, "ignoreRollbackAlarms": option(),
		"keepObjects": option(),
	}
}

func (d draw) fargate(option func() bool) map[string]any {
	cpu := pick(d, 256, 512, 1024, 2048, 4096, 8192, 16384)
	memory := pick(d, 2, 3, 4) * cpu
	switch cpu {
	case 256:
		memory = pick(d, 512, 1024, 2048)
	case 512:
		memory = pick(d, 1024, 2048, 4096)
	case 8192, 16384:
		memory = pick(d, 2, 4) * cpu
	}
	low := d.small(0, 20) // the smallest network with every endpoint has addresses for twenty agents
	desired := low + d.small(0, 100)
	return map[string]any{
		"enabled": option() || d.yes(), "cpuTarget": d.between(10, 90),
		"cpu": cpu, "memory": memory, "minTasks": low, "desiredTasks": desired, "maxTasks": max(1, desired+d.small(0, 500)),
		"spotWeight": d.between(0, 100), "backlogPerTask": d.between(1, 10_000), "ephemeralStorage": d.between(21, 200),
		"persistentStorage": option(), "retainHours": d.between(1, 8760),
	}
}

func (d draw) monitoring(c configuration, option func() bool) map[string]any {
	emails := some(d, "ops@example.org", "oncall+aws@team.example.org", "a.b@example.net")
	if c.production {
		emails = append(emails, "duty@example.org")
	}
	return map[string]any{
		"runbookUrl":  pick(d, "", "https://wiki.example.com/runbook", "https://git.example.org:8443/a%20b/blob/main/docs/runbook.md"),
		"alertEmails": emails, "monthlyBudgetUsd": d.between(1, 1_000_000),
		"logRetentionDays": pick(d, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
		"serviceMetrics":   option() || d.yes(), "waf": option(), "guardDuty": option(), "awsConfig": option(), "inspector": option(),
	}
}

// settings are the variables and secrets of a program.
func (d draw) settings(option func() bool, partition, region, account string) (environment, secrets map[string]string) {
	environment, secrets = map[string]string{}, map[string]string{}
	if option() {
		environment = map[string]string{"LOG_FORMAT": pick(d, "json", "text"), "NOTE": `100 % of "$HOME" & more`}
	}
	if option() {
		arn := fmt.Sprintf("arn:%s:secretsmanager:%s:%s:secret:team/payments-Ab%04d", partition, region, account, d.IntN(10_000))
		secrets = map[string]string{"PAYMENTS_KEY": arn + ":key", "PAYMENTS_USER": arn + ":user"}
	}
	return environment, secrets
}

func (d draw) backendProgram(option func() bool, partition, region, account string) map[string]any {
	environment, secrets := d.settings(option, partition, region, account)
	port, memory := d.between(1024, 65534), pick(d, 0, 64, 4096)
	most := 65_536
	if memory > 0 {
		most = memory
	}
	command := []string{}
	if option() {
		command = []string{"/usr/bin/python3", "-c", "print('50 %')", "-c"}
	}
	return map[string]any{
		"environment": environment, "secrets": secrets, "command": command, "port": port, "gatewayPort": d.between(port+1, 65535),
		"healthPath": pick(d, "/healthz", "/v1/health"), "user": pick(d, "65532:65532", "1000:1001"),
		"writablePaths": some(d, "/tmp", "/var/cache/app"), "writableMiB": d.small(1, most), "memory": memory,
		"stopSeconds": d.between(60, 140),
	}
}

func (d draw) agentProgram(option func() bool, partition, region, account string) map[string]any {
	environment, secrets := d.settings(option, partition, region, account)
	return map[string]any{
		"environment": environment, "secrets": secrets, "command": pick(d, []string{"/agent", "run"}, []string{"/app"}, []string{}),
		"healthCommand": pick(d, []string{"/agent", "healthcheck"}, []string{}), "user": pick(d, "65532:65532", "1000:1001"),
		"writablePaths": some(d, "/tmp", "/var/cache/app"), "stopSeconds": d.between(30, 120),
	}
}

// The generator gives every key more than one value.
func TestGeneratedConfigurationsUseEveryKey(t *testing.T) {
	t.Parallel()
	seen := map[string]map[string]bool{}
	for n := range 100 {
		var file struct{ Config map[string]any }
		require.NoError(t, yaml.Unmarshal([]byte(generate(1, n).text), &file))
		for _, key := range config.Keys() {
			object, name, _ := strings.Cut(key.Name, ".")
			tier, ok := file.Config[object].(map[string]any)
			require.True(t, ok, "nothing for %s", object)
			if seen[key.Name] == nil {
				seen[key.Name] = map[string]bool{}
			}
			seen[key.Name][fmt.Sprint(tier[name])] = true
		}
	}
	for _, key := range config.Keys() {
		require.Greater(t, len(seen[key.Name]), 1, "generate never changes %s: give it values in generate_test.go", key.Name)
	}
	require.Equal(t, generate(7, 3), generate(7, 3), "the same seed must give the same configuration")
	require.NotEqual(t, generate(7, 3), generate(8, 3))
	require.Equal(t, 1, cmp.Compare(len(generate(1, 0).text), len(generate(1, 1).text)), "the first has everything on")
}
