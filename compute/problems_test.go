package compute

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/component"
)

// One error names every problem with the expected value.
func TestEveryProblemIsNamed(t *testing.T) {
	require.EqualError(t, (*Args)(nil).validate(), "compute.Args: want a value, got nil")
	require.EqualError(t, (&Args{MinSize: 3, DesiredCapacity: 2, MaxSize: 1}).validate(), `compute.Args.VPCID: want a value, got nil
compute.Args.PublicSubnetIDs: want a value, got nil
compute.Args.BackendSubnetIDs: want a value, got nil
compute.Args.LoadBalancerSecurityGroupID: want a value, got nil
compute.Args.GatewayLoadBalancerSecurityGroupID: want a value, got nil
compute.Args.BackendSecurityGroupID: want a value, got nil
compute.Args.Image: want a value, got nil
compute.Args.RepositoryARN: want a value, got nil
compute.Args.BucketName: want a value, got nil
compute.Args.BucketARN: want a value, got nil
compute.Args.DataKeyARN: want a value, got nil
compute.Args.LogBucketName: want a value, got nil
compute.Args.LogsKeyARN: want a value, got nil
compute.Args.DatabaseSecretARN: want a value, got nil
compute.Args.AlarmTopicARN: want a value, got nil
compute.Args.InstanceType: instance type "": want family and size, e.g. m7g.large
compute.Args.MinSize, DesiredCapacity, MaxSize: want 1 <= min <= desired <= max, got [3 2 1]
compute.Args.CPUTarget: want 10..90, got 0
compute.Args.RequestsPerTarget: want at least 1, got 0
compute.Args.Program.Port: want 1024..65535, got 0
compute.Args.Program.GatewayPort: want 1024..65535, got 0
compute.Args.Program.GatewayPort: want another port than Port, got 0
compute.Args.Program.HealthPath: want a path of letters, digits and ._~/-, got ""
compute.Args.Program.User: want uid:gid as numbers from 1 to 2147483647, got ""
compute.Args.Program.WritableMiB: want at least 1, got 0
compute.Args.Program.StopSeconds: want 60..140, got 0
compute.Args.StageName: want a name, got ""
compute.Args.MetricsNamespace: want a name, got ""
compute.Args.AccessLogPrefix: want a name, got ""
compute.Args.LogRetentionDays: want at least 1, got 0`)
}

// So does the error about a program.
func TestEveryProblemOfAProgramIsNamed(t *testing.T) {
	p := Program{
		Environment: map[string]string{"BACKEND_STACK": "a\nb", "1": "", "TWICE": "x"},
		Secrets:     map[string]string{"TWICE": "x", "PATH": testTokenSecret + ":token", "AWS_REGION": testTokenSecret + ":token"},
		Command:     []string{"", "\x00"}, Port: 80, GatewayPort: 65536, HealthPath: "/a?b", User: "root",
		WritablePaths: []string{"/tmp", "tmp"}, WritableMiB: -1, MemoryMiB: 63, StopSeconds: 141,
	}
	check := component.NewCheck("Args")
	p.validate(check)
	require.EqualError(t, check.Err(), strings.TrimPrefix(`
Args.Program.Environment["1"]: the name has to be 1 to 128 letters, digits and underscores, and no digit first
Args.Program.Environment["BACKEND_STACK"]: the infrastructure sets BACKEND_STACK itself
Args.Program.Environment["BACKEND_STACK"]: want one line of text without control characters
Args.Program.Secrets["AWS_REGION"]: AWS_REGION would change how the container is started
Args.Program.Secrets["PATH"]: PATH would change how the container is started
Args.Program.Secrets["TWICE"]: want a secret's whole ARN, a colon and a key of its JSON object, got "x"
Args.Program.Secrets["TWICE"]: want a name that is not in Environment, got "TWICE"
Args.Program.Command[1]: want one line of text without control characters
Args.Program.Command[0]: want a program, got ""
Args.Program.Port: want 1024..65535, got 80
Args.Program.GatewayPort: want 1024..65535, got 65536
Args.Program.HealthPath: want a path of letters, digits and ._~/-, got "/a?b"
Args.Program.User: want uid:gid as numbers from 1 to 2147483647, got "root"
Args.Program.WritablePaths[1]: want an absolute path of letters, digits, dashes and underscores, got "tmp"
Args.Program.WritableMiB: want at least 1, got -1
Args.Program.MemoryMiB: want 0 or at least 64, got 63
Args.Program.StopSeconds: want 60..140, got 141`, "\n"))
	own := DefaultProgram()
	check = component.NewCheck("Args")
	own.validate(check)
	require.NoError(t, check.Err())
	for _, change := range []func(p *Program){
		func(p *Program) { p.Port, p.GatewayPort = MinPort, MaxPort },
		func(p *Program) { p.Port, p.GatewayPort = MaxPort, MinPort },
		func(p *Program) { p.WritableMiB, p.MemoryMiB, p.StopSeconds = 1, MinMemoryMiB, MinStopSeconds },
		func(p *Program) { p.StopSeconds, p.Command = MaxStopSeconds, []string{"/app", ""} },
	} {
		p := DefaultProgram()
		change(&p)
		check = component.NewCheck("Args")
		p.validate(check)
		require.NoError(t, check.Err())
	}
	for _, good := range []string{"HTTP_PROXY", "OTEL_EXPORTER_OTLP_HEADERS", "PGPASSWORD", "GOAL_KEY"} {
		require.NoError(t, ValidateSecretName(good))
	}
	for _, bad := range []string{
		"HOME", "TMPDIR", "GODEBUG", "LD_PRELOAD", "DOCKER_HOST", "PYTHONPATH", "PYTHON_X", "BACKEND_BUCKET", "1",
		"BACKEND_BUCKET_SWEEP_INTERVAL",
	} {
		require.Error(t, ValidateSecretName(bad), bad)
	}
}
