package fargate_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/fargate"
	"scalable-backend/internal/policy"
)

const (
	payments = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:payments-AbCdEf"
	mail     = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mail-AbCdEf"
)

// Another program in the place of the agent: everything that an owner may set is in the task, and the hardening stays.
func TestAnotherProgram(t *testing.T) {
	args := persistent()
	args.Program = fargate.Program{
		Environment: map[string]string{"LOG_FORMAT": "json", "EMPTY": ""},
		Secrets:     map[string]string{"KEY": payments + ":key", "USER": payments + ":user", "MAIL": mail + ":password"},
		Command:     []string{"/usr/bin/python3", "-m", "agent"}, HealthCommand: []string{"/usr/bin/python3", "/healthy.py"},
		User: "1000:1001", WritablePaths: []string{"/var/cache/app", "/tmp"}, StopSeconds: 60,
	}
	g := run(t, args)
	var containers []fargate.Container
	require.NoError(t, json.Unmarshal([]byte(g.Only(t, task).String(t, "containerDefinitions")), &containers))
	c := containers[0]
	environment := map[string]string{}
	for _, entry := range c.Environment {
		environment[entry.Name] = entry.Value
	}
	require.Equal(t, "json", environment["LOG_FORMAT"])
	require.Contains(t, environment, "EMPTY")
	require.Equal(t, "/var/cache/app/agent-health", environment["AGENT_HEALTH_FILE"])
	require.Equal(t, "45s", environment["AGENT_STOP_TIMEOUT"])
	require.Len(t, environment, len(fargate.Environment(fargate.Settings{}))+2)
	require.Equal(t, []fargate.KeyFrom{
		{Name: "KEY", ValueFrom: payments + ":key::"}, {Name: "MAIL", ValueFrom: mail + ":password::"},
		{Name: "USER", ValueFrom: payments + ":user::"},
	}, c.Secrets)
	require.Equal(t, []string{"/usr/bin/python3"}, c.EntryPoint)
	require.Equal(t, []string{"-m", "agent"}, c.Command)
	require.Equal(t, []string{"CMD", "/usr/bin/python3", "/healthy.py"}, c.HealthCheck.Command)
	require.Equal(t, "1000:1001", c.User)
	require.Equal(t, 60, c.StopTimeout)
	require.Equal(t, []fargate.MountPoint{
		{SourceVolume: "data", ContainerPath: "/data"}, {SourceVolume: "writable-1", ContainerPath: "/var/cache/app"},
		{SourceVolume: "tmp", ContainerPath: "/tmp"},
	}, c.MountPoints)
	require.True(t, c.ReadonlyRoot)
	require.Equal(t, []string{"ALL"}, c.LinuxParameters.Capabilities.Drop)
	require.Equal(t, "writable-1", g.Only(t, task).String(t, "volumes", 1, "name"))
	require.Equal(t, "tmp", g.Only(t, task).String(t, "volumes", 2, "name"))
	require.Len(t, value(t, g.Only(t, task), "volumes"), 3)
	require.Equal(t, map[string]any{"uid": 1000.0, "gid": 1001.0}, value(t, g.Only(t, accessPoint), "posixUser"))
	require.Equal(t, map[string]any{"ownerUid": 1000.0, "ownerGid": 1001.0, "permissions": "0750"},
		value(t, g.Only(t, accessPoint), "rootDirectory", "creationInfo"))

	var execution policy.Document
	require.NoError(t, json.Unmarshal([]byte(g.Find(t, iamPolicy, "fargate-execution").String(t, "policy")), &execution))
	require.Len(t, execution.Statement, 4)
	require.Equal(t, []string{"secretsmanager:GetSecretValue"}, execution.Statement[3].Action)
	require.Equal(t, []string{mail, payments}, execution.Statement[3].Resource, "each secret once, and no other")
	require.NotContains(t, g.Find(t, iamPolicy, "fargate-task").String(t, "policy"), "secretsmanager", "the program itself reads none")
}

// What an owner leaves out is the image's own, or not there.
func TestProgramOfTheImage(t *testing.T) {
	text, err := fargate.Containers(fargate.Settings{Program: fargate.Program{User: "1:1", StopSeconds: 30}}, image, "logs")
	require.NoError(t, err)
	var containers []map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &containers))
	for _, absent := range []string{"entryPoint", "command", "healthCheck", "secrets"} {
		require.NotContains(t, containers[0], absent)
	}
	require.Contains(t, text, `{"name":"AGENT_HEALTH_FILE","value":"/data/agent-health"}`)
	require.Contains(t, text, `{"name":"AGENT_STOP_TIMEOUT","value":"15s"}`)
}

// One word is a program without arguments.
func TestCommandsOfOneWord(t *testing.T) {
	p := fargate.Program{User: "1:1", StopSeconds: 30, Command: []string{"/run"}, HealthCommand: []string{"/healthy"}}
	text, err := fargate.Containers(fargate.Settings{Program: p}, image, "logs")
	require.NoError(t, err)
	var containers []fargate.Container
	require.NoError(t, json.Unmarshal([]byte(text), &containers))
	require.Equal(t, []string{"/run"}, containers[0].EntryPoint)
	require.Empty(t, containers[0].Command)
	require.Equal(t, []string{"CMD", "/healthy"}, containers[0].HealthCheck.Command)
}

func TestTheAgentsTokenIsRefused(t *testing.T) {
	require.ErrorContains(t, fargate.ValidateVariable("AGENT_TOKEN"), "the infrastructure sets AGENT_AUTH in its place")
}
