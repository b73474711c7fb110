package fargate

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/naming"
)

const (
	containerName = "agent"
	containerUser = 65532 // uid and gid, as in the image
	dataDir       = "/data"
	tempDir       = "/tmp"
	dataVolume    = "data"
	tempVolume    = "tmp"

	// stopSeconds is the longest that Fargate waits between SIGTERM and SIGKILL; the agent is done before.
	stopSeconds      = 120
	agentStopSeconds = 105

	maxFamily = 255
)

// cpuArchitectures are ECS's names of the architectures.
var cpuArchitectures = map[string]string{"arm64": "ARM64", "x86_64": "X86_64"}

func (t *tier) newTaskDefinition(r *roles, f *files, logs *cloudwatch.LogGroup) (*ecs.TaskDefinition, error) {
	task, err := ecs.NewTaskDefinition(t.ctx, t.name+"-agent", &ecs.TaskDefinitionArgs{
		Family:                  pulumi.String(naming.Cap(t.args.Stack.Project+"-"+t.args.Stack.Stack+"-agent", maxFamily)),
		RequiresCompatibilities: pulumi.ToStringArray([]string{"FARGATE"}),
		NetworkMode:             pulumi.String("awsvpc"),
		Cpu:                     pulumi.String(strconv.Itoa(t.args.CPU)),
		Memory:                  pulumi.String(strconv.Itoa(t.args.Memory)),
		EphemeralStorage:        ecs.TaskDefinitionEphemeralStorageArgs{SizeInGib: pulumi.Int(t.args.EphemeralStorage)},
		RuntimePlatform: ecs.TaskDefinitionRuntimePlatformArgs{
			CpuArchitecture:       pulumi.String(cpuArchitectures[t.args.Architecture]),
			OperatingSystemFamily: pulumi.String("LINUX"),
		},
		ExecutionRoleArn:     r.execution.Arn,
		TaskRoleArn:          r.task.Arn,
		Volumes:              ecs.TaskDefinitionVolumeArray{t.dataVolume(f), ecs.TaskDefinitionVolumeArgs{Name: pulumi.String(tempVolume)}},
		ContainerDefinitions: t.containers(logs),
		// ECS rolls a bad deployment back to the revision before, and to Pulumi that looks like success: it must still be there.
		SkipDestroy: pulumi.Bool(!t.args.Stack.Disposable),
		Tags:        t.tags("agent"),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating task definition: %w", err)
	}
	return task, nil
}

// dataVolume is the task's own disk, or the shared file system through its access point.
func (t *tier) dataVolume(f *files) ecs.TaskDefinitionVolumeArgs {
	volume := ecs.TaskDefinitionVolumeArgs{Name: pulumi.String(dataVolume)}
	if t.args.PersistentStorage {
		volume.EfsVolumeConfiguration = ecs.TaskDefinitionVolumeEfsVolumeConfigurationArgs{
			FileSystemId:      f.fileSystemID,
			RootDirectory:     pulumi.String("/"), // of the access point
			TransitEncryption: pulumi.String("ENABLED"),
			AuthorizationConfig: ecs.TaskDefinitionVolumeEfsVolumeConfigurationAuthorizationConfigArgs{
				AccessPointId: f.accessPointID,
				Iam:           pulumi.String("ENABLED"),
			},
		}
	}
	return volume
}

func (t *tier) containers(logs *cloudwatch.LogGroup) pulumi.StringOutput {
	args := t.args
	return pulumi.All(args.Image, args.APIURL, args.BucketName, logs.Name).ApplyT(func(values []any) (string, error) {
		return Containers(Settings{
			Stack:       args.Stack.Stack,
			Region:      args.Stack.Region,
			APIURL:      values[1].(string),
			SourceHosts: []string{values[2].(string) + ".s3." + args.Stack.Region + "." + args.Stack.DNSSuffix()},
			RetainHours: args.RetainHours,
		}, values[0].(string), values[3].(string))
	}).(pulumi.StringOutput)
}
