package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/compute"
	"scalable-backend/fargate"
)

func secretOf(region, account string) string {
	return "arn:aws:secretsmanager:" + region + ":" + account + ":secret:team/payments-AbCdEf:apiKey"
}

func TestPrograms(t *testing.T) {
	c, err := Parse(testProject, "dev", raw())
	require.NoError(t, err)
	require.Equal(t, compute.DefaultProgram(), c.Compute.Program)
	require.Equal(t, fargate.DefaultProgram(), c.Fargate.Program)
	require.True(t, c.Fargate.Enabled && c.Monitoring.ServiceMetrics)

	secret := secretOf("us-east-1", "111122223333")
	c, err = Parse(testProject, "dev", raw("aws:allowedAccountIds", `["111122223333"]`,
		"compute", `{"environment": {"LOG_FORMAT": "json", "http_proxy": "a", "HTTP_PROXY": "b", "WORKERS": 4, "DEBUG": true, "EMPTY": ""},
			"secrets": {"PAYMENTS_KEY": "`+secret+`"}, "command": ["/app", "-v", "x", "-v", "x", ""], "port": "9000", "gatewayPort": 9001,
			"healthPath": "/v1/health", "user": "1000:1001", "writablePaths": ["/tmp", "/var/cache/app"], "writableMiB": 8, "memory": 512,
			"stopSeconds": 60}`,
		"fargate", `{"environment": {"LOG_FORMAT": "json"}, "secrets": {"PAYMENTS_KEY": "`+secret+`"}, "command": [], "healthCommand": [],
			"user": "1000:1001", "writablePaths": [], "stopSeconds": 30, "minTasks": 0, "desiredTasks": 0, "cpuTarget": 30}`))
	require.NoError(t, err)
	require.Equal(t, compute.Program{
		Environment: map[string]string{
			"LOG_FORMAT": "json", "http_proxy": "a", "HTTP_PROXY": "b", "WORKERS": "4", "DEBUG": "true", "EMPTY": "",
		},
		Secrets: map[string]string{"PAYMENTS_KEY": secret}, Command: []string{"/app", "-v", "x", "-v", "x", ""}, Port: 9000, GatewayPort: 9001,
		HealthPath: "/v1/health", User: "1000:1001", WritablePaths: []string{"/tmp", "/var/cache/app"}, WritableMiB: 8, MemoryMiB: 512,
		StopSeconds: 60,
	}, c.Compute.Program)
	require.Equal(t, fargate.Program{
		Environment: map[string]string{"LOG_FORMAT": "json"}, Secrets: map[string]string{"PAYMENTS_KEY": secret}, User: "1000:1001",
		StopSeconds: 30,
	}, c.Fargate.Program)
	require.Empty(t, c.Placeholders())

	for _, none := range []string{`0`, `"0"`} {
		c, err = Parse(testProject, "dev", raw("compute", `{"memory": `+none+`}`))
		require.NoError(t, err)
		require.Zero(t, c.Compute.Program.MemoryMiB)
	}
}

// A stack without agents needs no addresses for them.
func TestWithoutAgents(t *testing.T) {
	values := `"minTasks": 500, "desiredTasks": 500, "maxTasks": 500`
	_, err := Parse(testProject, "dev", raw("network", `{"cidr": "10.20.0.0/23"}`, "fargate", `{`+values+`}`))
	require.ErrorContains(t, err, "fargate.minTasks")
	c, err := Parse(testProject, "dev", raw("network", `{"cidr": "10.20.0.0/23"}`, "fargate", `{"enabled": false, `+values+`}`))
	require.NoError(t, err)
	require.Empty(t, c.Warnings())
	require.False(t, c.Fargate.Enabled)

	// Nor does it matter what would start the first one.
	_, err = Parse(testProject, "dev", raw("fargate", `{"enabled": false, "minTasks": 0}`, "monitoring", `{"serviceMetrics": false}`))
	require.NoError(t, err)
}

func TestRejectsPrograms(t *testing.T) {
	long := strings.Repeat("x", 1024)
	var many, more []string
	for i := range 7 {
		many = append(many, fmt.Sprintf(`"V%d": "%s"`, i, long))
	}
	for i := range 40 {
		more = append(more, fmt.Sprintf(`"VARIABLE_%030d": "%s"`, i, long))
	}
	var secrets []string
	for i := range 40 {
		secrets = append(secrets, fmt.Sprintf(`"SECRET_%030d": "%s"`, i,
			strings.Replace(secretOf("us-east-1", "111122223333"), "team/", strings.Repeat("x", 200)+"/", 1)))
	}
	both := func(values string) map[string]string { return raw("compute", values, "fargate", values) }
	for _, r := range []rejected{
		{name: "variables", values: both(`{"environment":
			{"1A": "x", "AWS_ACCESS_KEY_ID": "x", "A": "a\nb", "B": null, "C": {}, "AWS_REGION": "x"}}`),
			want: func() map[string]string {
				want := map[string]string{}
				for _, tier := range []string{"compute", "fargate"} {
					for name, text := range map[string]string{
						"1A": "no digit first", "AWS_ACCESS_KEY_ID": "credentials come from the role", "A": "want one line of text", "B": "it is not text",
						"C": "it is not text", "AWS_REGION": "the infrastructure sets AWS_REGION itself",
					} {
						want[tier+`.environment["`+name+`"]`] = text
					}
				}
				return want
			}()},
		{name: "what the infrastructure sets", values: raw("compute", `{"environment": {"BACKEND_STACK": "x", "AGENT_STACK": "x"}}`,
			"fargate", `{"environment": {"BACKEND_STACK": "x", "AGENT_STACK": "x"}}`), want: map[string]string{
			`compute.environment["BACKEND_STACK"]`: "the infrastructure sets BACKEND_STACK itself",
			`fargate.environment["AGENT_STACK"]`: `the infrastructure sets AGENT_STACK itself pulumi config rm --path ` +
				`'fargate.environment["AGENT_STACK"]' --stack dev`}},
		{name: "a name that no value mends", values: both(`{"environment": {"": "x", "AWS_SECRET_KEY": "a\nb", "C": "a\nb"},
			"secrets": {"É": "` + secretOf("us-east-1", "111122223333") + `"}}`), want: map[string]string{
			`compute.environment[""]`:               `pulumi config rm --path 'compute.environment[""]' --stack dev`,
			`compute.environment["AWS_SECRET_KEY"]`: `pulumi config rm --path 'compute.environment["AWS_SECRET_KEY"]' --stack dev`,
			`compute.environment["C"]`:              `pulumi config set --path 'compute.environment["C"]' json`,
			`compute.secrets["É"]`:                  `pulumi config rm --path 'compute.secrets["É"]' --stack dev`,
			`fargate.environment[""]`:               "config rm", `fargate.environment["AWS_SECRET_KEY"]`: "config rm",
			`fargate.environment["C"]`: "config set", `fargate.secrets["É"]`: "config rm"}},
		{name: "what would stand beside it", values: raw("compute", `{"environment": {"BACKEND_DATABASE_URL": "postgres://u:p@h/d"},
			"secrets": {"BACKEND_ADMIN_TOKEN": "`+secretOf("us-east-1", "111122223333")+`"}}`,
			"fargate", `{"environment": {"AGENT_TOKEN": "0123456789abcdef"}}`), want: map[string]string{
			`compute.environment["BACKEND_DATABASE_URL"]`: "the infrastructure sets BACKEND_DATABASE_SECRET_ARN in its place pulumi config rm",
			`compute.secrets["BACKEND_ADMIN_TOKEN"]`:      "the infrastructure sets BACKEND_ADMIN_TOKEN_SECRET_ARN in its place",
			`fargate.environment["AGENT_TOKEN"]`:          "the infrastructure sets AGENT_AUTH in its place"}},
		{name: "no map", values: raw("compute", `{"environment": ["A=b"]}`), want: map[string]string{
			"compute.environment": `it is not a map pulumi config rm --path compute.environment --stack dev && pulumi config set --path ` +
				`'compute.environment["LOG_FORMAT"]' json`}},
		{name: "secrets", values: both(`{"secrets": {"A": "team/payments:key", "BACKEND_STACK": 7}}`), want: map[string]string{
			`compute.secrets["A"]`: "want a secret's whole ARN", `compute.secrets["BACKEND_STACK"]`: "the infrastructure sets",
			`fargate.secrets["A"]`: "want a secret's whole ARN", `fargate.secrets["BACKEND_STACK"]`: "want a secret's whole ARN"}},
		{name: "what docker reads", values: both(`{"secrets": {"DOCKER_HOST": "` + secretOf("us-east-1", "111122223333") + `"}}`),
			want: map[string]string{`compute.secrets["DOCKER_HOST"]`: "would change how the container is started"}},
		{name: "another region", values: both(`{"secrets": {"A": "` + secretOf("eu-west-1", "111122223333") + `"}}`), want: map[string]string{
			`compute.secrets["A"]`: `want a secret of us-east-1, the stack's region pulumi config set --path 'compute.secrets["A"]' ` +
				`arn:aws:secretsmanager:us-east-1:123456789012:secret:team/payments-AbCdEf:apiKey`,
			`fargate.secrets["A"]`: "want a secret of us-east-1"}},
		{name: "another partition", values: raw("compute",
			`{"secrets": {"A": "`+strings.Replace(secretOf("us-east-1", "111122223333"), "aws:", "aws-cn:", 1)+`"}}`),
			want: map[string]string{`compute.secrets["A"]`: "want a secret of us-east-1"}},
		{name: "another account", values: raw("aws:allowedAccountIds", `["444455556666"]`, "fargate",
			`{"secrets": {"A": "`+secretOf("us-east-1", "111122223333")+`"}}`),
			want: map[string]string{`fargate.secrets["A"]`: "want a secret of an account in aws:allowedAccountIds, 444455556666"}},
		{name: "in both", values: both(`{"environment": {"A": "x"}, "secrets": {"A": "` + secretOf("us-east-1", "111122223333") + `"}}`),
			want: map[string]string{
				`compute.secrets["A"]`: `it is in compute.environment too; remove one of the two pulumi config rm --path 'compute.environment["A"]'`,
				`fargate.secrets["A"]`: "it is in fargate.environment too"}},
		{name: "commands", values: raw("compute", `{"command": ["", "x"]}`,
			"fargate", `{"command": "/app run", "healthCommand": ["/app", "a\tb"]}`),
			want: map[string]string{"compute.command[0]": "want a program", "fargate.command": "it is not a list",
				"fargate.healthCommand[1]": "want one line of text"}},
		{name: "first words", values: raw("fargate", `{"command": [""], "healthCommand": [""]}`),
			want: map[string]string{"fargate.command[0]": "want a program", "fargate.healthCommand[0]": "want a program"}},
		{name: "ports", values: raw("compute", `{"port": 80, "gatewayPort": 70000}`), want: map[string]string{
			"compute.port": "80: want an integer from 1024 to 65535", "compute.gatewayPort": "70000: want"}},
		{name: "one port", values: raw("compute", `{"port": 8081}`), want: map[string]string{
			"compute.gatewayPort": "8081 (the default): want another port than compute.port: what comes through the gateway door is trusted " +
				"pulumi config set --path compute.gatewayPort 8082"}},
		{name: "one port, another", values: raw("compute", `{"port": 9000, "gatewayPort": 9000}`),
			want: map[string]string{"compute.gatewayPort": "compute.gatewayPort 8081"}},
		{name: "health path", values: raw("compute", `{"healthPath": "healthz"}`),
			want: map[string]string{"compute.healthPath": "want a path of letters"}},
		{name: "user", values: both(`{"user": "root"}`), want: map[string]string{
			"compute.user": "want `uid:gid` in numbers", "fargate.user": "want uid:gid as numbers"}},
		{name: "paths", values: both(`{"writablePaths": ["/tmp", "/tmp", "data", "/data"]}`), want: map[string]string{
			"compute.writablePaths[1]": "it is there twice pulumi config rm --path 'compute.writablePaths[1]'",
			"compute.writablePaths[2]": "want an absolute path",
			"fargate.writablePaths[1]": "it is there twice", "fargate.writablePaths[2]": "want an absolute path",
			"fargate.writablePaths[3]": "/data is writable always"}},
		{name: "memory", values: raw("compute", `{"memory": 63, "writableMiB": 0, "stopSeconds": 141}`), want: map[string]string{
			"compute.memory": "63: want 0, or an integer from 64 to 1048576", "compute.writableMiB": "0: want", "compute.stopSeconds": "141: want"}},
		{name: "directories larger than the memory", values: raw("compute", `{"memory": 64, "writableMiB": 65}`), want: map[string]string{
			"compute.writableMiB": "want at most compute.memory, which is 64: files in memory count towards it"}},
		{name: "a health file that agents share", values: raw("fargate", `{"persistentStorage": true, "writablePaths": []}`),
			want: map[string]string{"fargate.writablePaths": "want a directory of the task's own with fargate.persistentStorage: all agents share " +
				"/data, and the health file of one there would speak for all pulumi config rm --path fargate.writablePaths --stack dev && pulumi " +
				"config set --path 'fargate.writablePaths[0]' /tmp"}},
		{name: "stop", values: raw("fargate", `{"stopSeconds": 121}`), want: map[string]string{"fargate.stopSeconds": "from 30 to 120"}},
		{name: "more than user data holds", values: raw("compute", `{"environment": {`+strings.Join(many, ",")+`}}`), want: map[string]string{
			"compute.environment": "an instance's user data has no more room"}},
		{name: "more than a task definition holds", values: raw("fargate",
			`{"environment": {`+strings.Join(more, ",")+`}, "secrets": {`+strings.Join(secrets, ",")+`}}`),
			want: map[string]string{"fargate.environment": "a task definition has no more room"}},
		{name: "from zero on CPU", values: raw("fargate", `{"minTasks": 0}`, "monitoring", `{"serviceMetrics": false}`),
			want: map[string]string{"fargate.minTasks": "want at least 1 with monitoring.serviceMetrics false"}},
		{name: "never an agent", values: raw("fargate", `{"minTasks": 0, "desiredTasks": 0, "maxTasks": 0}`),
			want: map[string]string{"fargate.maxTasks": "from 1 to 1000"}},
		{name: "a secret in its place", values: raw("compute", `{"environment": {"PASSWORD": "[secret]"}}`),
			secrets: []string{testProject + ":compute"},
			want:    map[string]string{`compute.environment["PASSWORD"]`: "no setting of this program is a secret"}},
	} {
		r.check(t)
	}
	c, err := Parse(testProject, "dev", raw("compute", `{"secrets": {"A": "`+exampleSecret+`"}}`, "fargate",
		`{"secrets": {"B": "`+exampleSecret+`"}}`))
	require.NoError(t, err)
	require.Len(t, c.Placeholders(), 2)
	require.Contains(t, c.Placeholders()[0], `compute.secrets["A"] is still arn:`)
	require.Contains(t, c.Placeholders()[1], `fargate.secrets["B"] is still arn:`)
}
