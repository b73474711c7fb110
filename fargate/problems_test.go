package fargate

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/component"
)

// One error names every problem with the expected value.
func TestEveryProblemIsNamed(t *testing.T) {
	require.EqualError(t, (*Args)(nil).validate(), "fargate.Args: want a value, got nil")
	wrong := &Args{PersistentStorage: true, SpotWeight: -1, OnDemandBase: -1, MinTasks: 3, DesiredTasks: 2, MaxTasks: 1}
	require.EqualError(t, wrong.validate(), `fargate.Args.SubnetIDs: want a value, got nil
fargate.Args.SecurityGroupID: want a value, got nil
fargate.Args.FileSystemSecurityGroupID: want a value, got nil
fargate.Args.Image: want a value, got nil
fargate.Args.RepositoryARN: want a value, got nil
fargate.Args.APIURL: want a value, got nil
fargate.Args.MethodARNs: want a value, got nil
fargate.Args.BucketName: want a value, got nil
fargate.Args.DataKeyARN: want a value, got nil
fargate.Args.LogsKeyARN: want a value, got nil
fargate.Args.AlarmTopicARN: want a value, got nil
fargate.Args.CPU, Memory: cpu: want one of 256, 512, 1024, 2048, 4096, 8192, 16384, got 0
fargate.Args.MinTasks, DesiredTasks, MaxTasks: want 0 <= min <= desired <= max, and max of at least 1, got [3 2 1]
fargate.Args.CPUTarget: want 10..90, got 0
fargate.Args.SpotWeight: want 0..1000, got -1
fargate.Args.OnDemandBase: want 0..1, got -1
fargate.Args.BacklogPerTask: want at least 1, got 0
fargate.Args.EphemeralStorage: want 21..200, got 0
fargate.Args.RetainHours: want at least 1, got 0
fargate.Args.ZoneCount: want at least 1, got 0
fargate.Args.Architecture: want arm64 or x86_64, got ""
fargate.Args.Program.User: want uid:gid as numbers from 1 to 2147483647, got ""
fargate.Args.Program.StopSeconds: want 30..120, got 0
fargate.Args.MetricsNamespace: want a name, got ""
fargate.Args.BacklogMetric: want a name, got ""
fargate.Args.AgentsMetric: want a name, got ""
fargate.Args.LogRetentionDays: want at least 1, got 0`)
}

// So does the error about a program.
func TestEveryProblemOfAProgramIsNamed(t *testing.T) {
	const secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-AbCdEf:key"
	p := Program{
		Environment: map[string]string{"AGENT_STACK": "a\nb", "1": "", "TWICE": "x"},
		Secrets:     map[string]string{"TWICE": "x", "AWS_REGION": secret, "PATH": secret},
		Command:     []string{""}, HealthCommand: []string{"", "\x00"}, User: "0:0",
		WritablePaths: []string{"/data", "/tmp", "tmp"}, StopSeconds: 121,
	}
	check := component.NewCheck("Args")
	p.validate(check)
	require.EqualError(t, check.Err(), strings.TrimPrefix(`
Args.Program.Environment["1"]: the name has to be 1 to 128 letters, digits and underscores, and no digit first
Args.Program.Environment["AGENT_STACK"]: the infrastructure sets AGENT_STACK itself
Args.Program.Environment["AGENT_STACK"]: want one line of text without control characters
Args.Program.Secrets["AWS_REGION"]: the infrastructure sets AWS_REGION itself
Args.Program.Secrets["TWICE"]: want a secret's whole ARN, a colon and a key of its JSON object, got "x"
Args.Program.Secrets["TWICE"]: want a name that is not in Environment, got "TWICE"
Args.Program.Command[0]: want a program, got ""
Args.Program.HealthCommand[1]: want one line of text without control characters
Args.Program.HealthCommand[0]: want a program, got ""
Args.Program.User: want uid:gid as numbers from 1 to 2147483647, got "0:0"
Args.Program.WritablePaths[0]: /data is writable always
Args.Program.WritablePaths[2]: want an absolute path of letters, digits, dashes and underscores, got "tmp"
Args.Program.StopSeconds: want 30..120, got 121`, "\n"))
	own := DefaultProgram()
	check = component.NewCheck("Args")
	own.validate(check)
	require.NoError(t, check.Err())
}
