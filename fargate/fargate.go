// Package fargate runs the download agents as an ECS service on Fargate, scaled by the backlog of jobs.
package fargate

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const componentType = "scalable-backend:fargate:Fargate"

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

// tier is what every part of the component needs to register its children.
type tier struct {
	ctx   *pulumi.Context
	name  string
	args  *Args
	child pulumi.ResourceOption // makes the component the parent
}

func (t *tier) tags(suffix string) pulumi.StringMap {
	return t.args.Stack.Tags("fargate", t.name+"-"+suffix)
}

// New registers the agents' cluster and service.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Fargate, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	f := &Fargate{}
	if err := ctx.RegisterComponentResource(componentType, name, f, opts...); err != nil {
		return nil, fmt.Errorf("registering component %s: %w", name, err)
	}
	t := &tier{ctx: ctx, name: name, args: args, child: pulumi.Parent(f)}

	logs, err := t.newLogGroup("logs", nil)
	if err != nil {
		return nil, err
	}
	roles, err := t.newRoles(logs)
	if err != nil {
		return nil, err
	}
	files, err := t.newFiles(roles)
	if err != nil {
		return nil, err
	}
	if err := t.allowTask(roles, files); err != nil {
		return nil, err
	}
	cluster, err := t.newCluster()
	if err != nil {
		return nil, err
	}
	task, err := t.newTaskDefinition(roles, files, logs)
	if err != nil {
		return nil, err
	}
	guards, err := t.newGuards()
	if err != nil {
		return nil, err
	}
	ready := append(append([]pulumi.Resource{logs}, roles.attachments...), files.ready...)
	service, err := t.newService(cluster, task, guards, append(ready, cluster.ready...))
	if err != nil {
		return nil, err
	}
	if err := t.newScaling(cluster, service); err != nil {
		return nil, err
	}

	f.ClusterName = cluster.cluster.Name
	f.ServiceName = service.Name
	f.LogGroupName = logs.Name
	f.TaskRoleARN = roles.task.Arn
	f.TaskDefinitionARN = task.Arn
	arns := pulumi.StringArray{}
	for _, alarm := range guards {
		arns = append(arns, alarm.Arn)
	}
	f.GuardARNs = arns.ToStringArrayOutput()
	f.FileSystemID, f.AccessPointID = files.fileSystemID, files.accessPointID
	return f, f.registerOutputs(ctx)
}

func (f *Fargate) registerOutputs(ctx *pulumi.Context) error {
	err := ctx.RegisterResourceOutputs(f, pulumi.Map{
		"clusterName":       f.ClusterName,
		"serviceName":       f.ServiceName,
		"logGroupName":      f.LogGroupName,
		"taskRoleArn":       f.TaskRoleARN,
		"taskDefinitionArn": f.TaskDefinitionARN,
		"guardArns":         f.GuardARNs,
		"fileSystemId":      f.FileSystemID,
		"accessPointId":     f.AccessPointID,
	})
	if err != nil {
		return fmt.Errorf("registering outputs of fargate: %w", err)
	}
	return nil
}

// newLogGroup makes a group before anything can write to it: created by AWS it would keep its lines for ever and
// unencrypted.
func (t *tier) newLogGroup(suffix string, groupName pulumi.StringPtrInput) (*cloudwatch.LogGroup, error) {
	group, err := cloudwatch.NewLogGroup(t.ctx, t.name+"-"+suffix, &cloudwatch.LogGroupArgs{
		Name:            groupName,
		RetentionInDays: pulumi.Int(t.args.LogRetentionDays),
		KmsKeyId:        t.args.LogsKeyARN.ToStringOutput(),
		Tags:            t.tags(suffix),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating log group %s of the agents: %w", suffix, err)
	}
	return group, nil
}
