package fargate_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/fargate"
	"scalable-backend/internal/infratest"
	"scalable-backend/internal/policy"
)

func TestTaskDefinition(t *testing.T) {
	g := run(t, prod())
	td := g.Only(t, task)
	require.Equal(t, "scalable-backend-test-agent", td.String(t, "family"))
	require.Equal(t, []any{"FARGATE"}, value(t, td, "requiresCompatibilities"))
	require.Equal(t, "awsvpc", td.String(t, "networkMode"))
	require.Equal(t, "1024", td.String(t, "cpu"))
	require.Equal(t, "2048", td.String(t, "memory"))
	require.EqualValues(t, 100, td.Number(t, "ephemeralStorage", "sizeInGib"))
	require.Equal(t, map[string]any{"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}, value(t, td, "runtimePlatform"))
	require.Equal(t, "ARM64", run(t, dev()).Only(t, task).String(t, "runtimePlatform", "cpuArchitecture"))
	require.NotEqual(t, td.String(t, "executionRoleArn"), td.String(t, "taskRoleArn"))
	require.Equal(t, g.Outputs(t, componentKey)["TaskRoleARN"], td.String(t, "taskRoleArn"))
	require.Equal(t, []any{map[string]any{"name": "data"}, map[string]any{"name": "tmp"}}, value(t, td, "volumes"))
	require.Equal(t, true, value(t, td, "skipDestroy"), "a rollback needs the old revision")
	require.Equal(t, false, value(t, run(t, dev()).Only(t, task), "skipDestroy"))
}

func TestContainer(t *testing.T) {
	g := run(t, prod())
	var containers []fargate.Container
	require.NoError(t, json.Unmarshal([]byte(g.Only(t, task).String(t, "containerDefinitions")), &containers))
	require.Len(t, containers, 1)
	agent := containers[0]
	environment := map[string]string{}
	for _, entry := range agent.Environment {
		environment[entry.Name] = entry.Value
	}
	require.Len(t, agent.Environment, len(environment))
	require.Equal(t, map[string]string{
		"AWS_REGION":         infratest.Region,
		"AGENT_API_URL":      url,
		"AGENT_AUTH":         "sigv4",
		"AGENT_DATA_DIR":     "/data",
		"AGENT_STACK":        infratest.StackID,
		"AGENT_SOURCE_HOSTS": "data-bucket.s3.eu-central-1.amazonaws.com",
		"AGENT_RETAIN":       "24h",
		"AGENT_HEALTH_FILE":  "/tmp/agent-health",
		"AGENT_STOP_TIMEOUT": "105s",
	}, environment)
	agent.Environment = nil
	require.Equal(t, fargate.Container{
		Name:         "agent",
		Image:        image,
		Essential:    true,
		EntryPoint:   []string{"/agent"},
		Command:      []string{"run"},
		User:         "65532:65532",
		ReadonlyRoot: true,
		StopTimeout:  120,
		MountPoints: []fargate.MountPoint{
			{SourceVolume: "data", ContainerPath: "/data"}, {SourceVolume: "tmp", ContainerPath: "/tmp"},
		},
		LinuxParameters: fargate.LinuxParameters{
			InitProcessEnabled: true, Capabilities: fargate.Capabilities{Add: []string{}, Drop: []string{"ALL"}},
		},
		Ulimits: []fargate.Ulimit{{Name: "nofile", SoftLimit: 65536, HardLimit: 65536}},
		HealthCheck: &fargate.HealthCheck{
			Command: []string{"CMD", "/agent", "healthcheck"}, Interval: 15, Timeout: 5, Retries: 3, StartPeriod: 30,
		},
		LogConfiguration: fargate.LogConfiguration{LogDriver: "awslogs", Options: map[string]string{
			"awslogs-group": g.Outputs(t, componentKey)["LogGroupName"].(string), "awslogs-region": infratest.Region,
			"awslogs-stream-prefix": "agent", "mode": "non-blocking", "max-buffer-size": "8m",
		}},
	}, agent)
}

// The keys of a container definition are those of ECS, which ignores unknown ones without an error.
func TestContainerKeys(t *testing.T) {
	text, err := fargate.Containers(fargate.Settings{Program: fargate.DefaultProgram()}, image, "logs")
	require.NoError(t, err)
	var containers []map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &containers))
	require.Equal(t, true, containers[0]["readonlyRootFilesystem"])
	require.Equal(t, false, containers[0]["privileged"])
	require.EqualValues(t, 120, containers[0]["stopTimeout"])
	require.Equal(t, true, containers[0]["linuxParameters"].(map[string]any)["initProcessEnabled"])
	for _, absent := range []string{"secrets", "portMappings"} {
		require.NotContains(t, containers[0], absent)
	}
	again, err := fargate.Containers(fargate.Settings{Program: fargate.DefaultProgram()}, image, "logs")
	require.NoError(t, err)
	require.Equal(t, text, again)
}

func TestRoles(t *testing.T) {
	g := run(t, prod())
	for _, r := range g.OfType(role) {
		require.JSONEq(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
			"Principal":{"Service":["ecs-tasks.amazonaws.com"]},"Action":["sts:AssumeRole"],
			"Condition":{"StringEquals":{"aws:SourceAccount":["123456789012"]},
				"ArnLike":{"aws:SourceArn":["arn:aws:ecs:eu-central-1:123456789012:*"]}}}]}`, r.String(t, "assumeRolePolicy"))
	}
	require.JSONEq(t, `{"Version":"2012-10-17","Statement":[{"Sid":"CallAPI","Effect":"Allow",
		"Action":["execute-api:Invoke"],"Resource":["`+leaseMethod+`","`+leaseMethod+`/x"]}]}`,
		g.Find(t, iamPolicy, "fargate-task").String(t, "policy"))

	execution := g.Find(t, iamPolicy, "fargate-execution").String(t, "policy")
	var document policy.Document
	require.NoError(t, json.Unmarshal([]byte(execution), &document))
	require.Len(t, document.Statement, 3)
	require.Equal(t, []string{repository}, document.Statement[0].Resource)
	require.Equal(t, []string{"ecr:GetAuthorizationToken"}, document.Statement[1].Action)
	require.Equal(t, []string{"*"}, document.Statement[1].Resource)
	require.Equal(t, []string{"logs:CreateLogStream", "logs:PutLogEvents"}, document.Statement[2].Action)
	require.Len(t, document.Statement[2].Resource, 1)
}

func TestPersistentStorage(t *testing.T) {
	g := run(t, persistent())
	system, point := g.Only(t, fileSystem), g.Only(t, accessPoint)
	require.True(t, system.Bool(t, "encrypted"))
	require.Equal(t, dataKey, system.String(t, "kmsKeyId"))
	require.Equal(t, map[string]any{"uid": 65532.0, "gid": 65532.0}, value(t, point, "posixUser"))
	require.Equal(t, map[string]any{"path": "/agents", "creationInfo": map[string]any{
		"ownerUid": 65532.0, "ownerGid": 65532.0, "permissions": "0750",
	}}, value(t, point, "rootDirectory"))
	for i, mount := range g.OfType(mountTarget) {
		require.Equal(t, []string{"clients-1", "clients-2", "clients-3"}[i], mount.String(t, "subnetId"))
		require.Equal(t, []any{"sg-files"}, value(t, mount, "securityGroups"))
	}
	outputs := g.Outputs(t, componentKey)
	require.Equal(t, map[string]any{"name": "data", "efsVolumeConfiguration": map[string]any{
		"fileSystemId": outputs["FileSystemID"], "rootDirectory": "/", "transitEncryption": "ENABLED",
		"authorizationConfig": map[string]any{"accessPointId": outputs["AccessPointID"], "iam": "ENABLED"},
	}}, value(t, g.Only(t, task), "volumes", 0))

	var own, resource policy.Document
	require.NoError(t, json.Unmarshal([]byte(g.Find(t, iamPolicy, "fargate-task").String(t, "policy")), &own))
	require.Len(t, own.Statement, 2)
	mount := own.Statement[1]
	require.Equal(t, []string{"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"}, mount.Action)
	require.Len(t, mount.Condition["StringEquals"]["elasticfilesystem:AccessPointArn"], 1)

	require.NoError(t, json.Unmarshal([]byte(g.Only(t, filePolicy).String(t, "policy")), &resource))
	require.Len(t, resource.Statement, 2)
	require.Equal(t, map[string]any{"AWS": []any{outputs["TaskRoleARN"]}}, resource.Statement[0].Principal)
	require.Equal(t, mount.Resource, resource.Statement[0].Resource)
	require.Equal(t, policy.Deny, resource.Statement[1].Effect)
	require.Equal(t, map[string]map[string][]string{"Bool": {"aws:SecureTransport": {"false"}}}, resource.Statement[1].Condition)
}
