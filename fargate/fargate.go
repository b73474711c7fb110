// Package fargate is the tier of the download agents: an ECS service on Fargate that is scaled by the backlog of jobs.
package fargate

import (
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

// Token is the component's type.
const Token = "scalable-backend:fargate:Fargate"

// Fargate is the component. FileSystemID and AccessPointID are empty without persistent storage.
type Fargate struct {
	pulumi.ResourceState

	ClusterName       pulumi.StringOutput
	ServiceName       pulumi.StringOutput
	LogGroupName      pulumi.StringOutput
	TaskRoleARN       pulumi.StringOutput
	TaskDefinitionARN pulumi.StringOutput
	GuardARNs         pulumi.StringArrayOutput // the alarms that end a deployment
	FileSystemID      pulumi.StringOutput
	AccessPointID     pulumi.StringOutput
}

// builder creates the children of the component.
type builder struct {
	*component.Builder
	args *Args
}

// New creates the tier.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Fargate, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	f := &Fargate{}
	base, err := component.Register(ctx, Token, name, f, args.Stack, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{base, args}

	logs, err := b.NewLogGroup("logs", component.LogGroup{RetentionDays: args.LogRetentionDays, KeyARN: args.LogsKeyARN})
	if err != nil {
		return nil, err
	}
	roles, err := b.newRoles(logs)
	if err != nil {
		return nil, err
	}
	files, err := b.newFiles(roles)
	if err != nil {
		return nil, err
	}
	if err := b.newTaskPermissions(roles, files); err != nil {
		return nil, err
	}
	cluster, err := b.newCluster()
	if err != nil {
		return nil, err
	}
	task, err := b.newTaskDefinition(roles, files, logs)
	if err != nil {
		return nil, err
	}
	guards, err := b.newGuards()
	if err != nil {
		return nil, err
	}
	ready := slices.Concat([]pulumi.Resource{logs}, roles.attachments, files.ready, cluster.ready)
	service, err := b.newService(cluster, task, guards, ready)
	if err != nil {
		return nil, err
	}
	if err := b.newScaling(cluster, service); err != nil {
		return nil, err
	}

	f.ClusterName = cluster.cluster.Name
	f.ServiceName = service.Name
	f.LogGroupName = logs.Name
	f.TaskRoleARN = roles.task.Arn
	f.TaskDefinitionARN = task.Arn
	f.GuardARNs = component.AlarmARNs(guards).ToStringArrayOutput()
	f.FileSystemID, f.AccessPointID = files.fileSystemID, files.accessPointID
	if err := b.RegisterOutputs(pulumi.Map{
		"clusterName":       f.ClusterName,
		"serviceName":       f.ServiceName,
		"logGroupName":      f.LogGroupName,
		"taskRoleArn":       f.TaskRoleARN,
		"taskDefinitionArn": f.TaskDefinitionARN,
		"guardArns":         f.GuardARNs,
		"fileSystemId":      f.FileSystemID,
		"accessPointId":     f.AccessPointID,
	}); err != nil {
		return nil, err
	}
	return f, nil
}
