package fargate

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	containerName = "agent"
	dataDir       = "/data"
	tempDir       = "/tmp"
	dataVolume    = "data"
	tempVolume    = "tmp"
)

// cpuArchitectures are ECS's names of the architectures.
var cpuArchitectures = map[string]string{"arm64": "ARM64", "x86_64": "X86_64"}

// newTaskDefinition creates the definition of an agent's task.
func (b *builder) newTaskDefinition(r *roles, f *files, logs *cloudwatch.LogGroup) (*ecs.TaskDefinition, error) {
	task, err := ecs.NewTaskDefinition(b.Ctx, b.Name("agent"), &ecs.TaskDefinitionArgs{
		Family:                  pulumi.String(b.Stack.Deployment() + "-agent"),
		RequiresCompatibilities: pulumi.ToStringArray([]string{"FARGATE"}),
		NetworkMode:             pulumi.String("awsvpc"),
		Cpu:                     pulumi.String(strconv.Itoa(b.args.CPU)),
		Memory:                  pulumi.String(strconv.Itoa(b.args.Memory)),
		EphemeralStorage:        ecs.TaskDefinitionEphemeralStorageArgs{SizeInGib: pulumi.Int(b.args.EphemeralStorage)},
		RuntimePlatform: ecs.TaskDefinitionRuntimePlatformArgs{
			CpuArchitecture:       pulumi.String(cpuArchitectures[b.args.Architecture]),
			OperatingSystemFamily: pulumi.String("LINUX"),
		},
		ExecutionRoleArn:     r.execution.Arn,
		TaskRoleArn:          r.task.Arn,
		Volumes:              b.volumes(f),
		ContainerDefinitions: b.containers(logs),
		// ECS undoes a bad deployment with the revision before, which must still exist: Pulumi would have deleted it by then.
		SkipDestroy: pulumi.Bool(!b.Stack.Disposable),
		Tags:        b.Tags("agent"),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating task definition: %w", err)
	}
	return task, nil
}

// volumes are the data directory's and one for each other writable directory.
func (b *builder) volumes(f *files) ecs.TaskDefinitionVolumeArray {
	volumes := ecs.TaskDefinitionVolumeArray{b.dataVolume(f)}
	for i := range b.args.Program.WritablePaths {
		volumes = append(volumes, ecs.TaskDefinitionVolumeArgs{Name: pulumi.String(b.args.Program.volumeName(i))})
	}
	return volumes
}

// dataVolume is the task's own disk, or the shared file system through its access point.
func (b *builder) dataVolume(f *files) ecs.TaskDefinitionVolumeArgs {
	volume := ecs.TaskDefinitionVolumeArgs{Name: pulumi.String(dataVolume)}
	if b.args.PersistentStorage {
		volume.EfsVolumeConfiguration = ecs.TaskDefinitionVolumeEfsVolumeConfigurationArgs{
			FileSystemId:      f.mountableID,
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

// containers are the container definitions, known when the values in them are.
func (b *builder) containers(logs *cloudwatch.LogGroup) pulumi.StringOutput {
	args := b.args
	return pulumi.All(args.Image, args.APIURL, args.BucketName, logs.Name).ApplyT(func(values []any) (string, error) {
		return Containers(Settings{
			Stack:       args.Stack.Stack,
			Region:      args.Stack.Region,
			APIURL:      values[1].(string),
			SourceHosts: []string{values[2].(string) + ".s3." + args.Stack.Region + "." + args.Stack.DNSSuffix()},
			RetainHours: args.RetainHours,
			Program:     args.Program,
		}, values[0].(string), values[3].(string))
	}).(pulumi.StringOutput)
}
