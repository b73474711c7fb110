// Package compute holds the backend's instances and their two doors: a public load balancer for users and an internal
// network load balancer for the API gateway, in front of one Auto Scaling group.
package compute

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const componentType = "scalable-backend:compute:Compute"

// The backend's two ports: the public one serves the application load balancer and demands bearer tokens, the gateway one
// serves the network load balancer and trusts the identity that the API gateway sets.
const (
	PublicPort  = 8080
	GatewayPort = 8081
	healthPath  = "/healthz"
)

// Compute is the component. Outputs that another tier needs ready resolve only when what they stand for is.
type Compute struct {
	pulumi.ResourceState

	LoadBalancerURL              pulumi.StringOutput // resolves after its listener exists
	LoadBalancerARN              pulumi.StringOutput
	LoadBalancerARNSuffix        pulumi.StringOutput
	TargetGroupARNSuffix         pulumi.StringOutput
	GatewayLoadBalancerARN       pulumi.StringOutput // resolves after its listener exists
	GatewayLoadBalancerDNSName   pulumi.StringOutput
	GatewayLoadBalancerARNSuffix pulumi.StringOutput
	GatewayTargetGroupARNSuffix  pulumi.StringOutput
	AutoScalingGroupName         pulumi.StringOutput
	GuardARNs                    pulumi.StringArrayOutput // the alarms that stop an instance refresh
	AdminTokenSecretARN          pulumi.StringOutput      // resolves after the secret has its value
	LogGroupName                 pulumi.StringOutput
	RoleARN                      pulumi.StringOutput
}

// tier is what every part of the component needs to register its children.
type tier struct {
	ctx   *pulumi.Context
	name  string
	args  *Args
	child pulumi.ResourceOption // makes the component the parent
}

func (t *tier) tags(suffix string) pulumi.StringMap {
	return t.args.Stack.Tags("compute", t.name+"-"+suffix)
}

// New registers the backend's instances and their doors.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Compute, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	c := &Compute{}
	if err := ctx.RegisterComponentResource(componentType, name, c, opts...); err != nil {
		return nil, fmt.Errorf("registering component %s: %w", name, err)
	}
	t := &tier{ctx: ctx, name: name, args: args, child: pulumi.Parent(c)}

	adminToken, err := t.newAdminToken()
	if err != nil {
		return nil, err
	}
	logs, err := t.newLogGroup()
	if err != nil {
		return nil, err
	}
	identity, err := t.newIdentity(adminToken, logs)
	if err != nil {
		return nil, err
	}
	public, err := t.newPublicDoor()
	if err != nil {
		return nil, err
	}
	gateway, err := t.newGatewayDoor()
	if err != nil {
		return nil, err
	}
	guards, err := t.newGuards(public, gateway)
	if err != nil {
		return nil, err
	}
	template, err := t.newLaunchTemplate(identity, adminToken, logs)
	if err != nil {
		return nil, err
	}
	group, err := t.newGroup(template, guards, public, gateway, append(identity.attachments, logs))
	if err != nil {
		return nil, err
	}
	if err := t.newNotifications(group); err != nil {
		return nil, err
	}
	if err := t.newScaling(group, public); err != nil {
		return nil, err
	}

	c.LoadBalancerURL = public.url
	c.LoadBalancerARN = public.balancer.Arn
	c.LoadBalancerARNSuffix = public.balancer.ArnSuffix
	c.TargetGroupARNSuffix = public.targets.ArnSuffix
	c.GatewayLoadBalancerARN = gateway.readyARN
	c.GatewayLoadBalancerDNSName = gateway.balancer.DnsName
	c.GatewayLoadBalancerARNSuffix = gateway.balancer.ArnSuffix
	c.GatewayTargetGroupARNSuffix = gateway.targets.ArnSuffix
	c.AutoScalingGroupName = group.Name
	arns := pulumi.StringArray{}
	for _, alarm := range guards {
		arns = append(arns, alarm.Arn)
	}
	c.GuardARNs = arns.ToStringArrayOutput()
	c.AdminTokenSecretARN = adminToken
	c.LogGroupName = logs.Name
	c.RoleARN = identity.role.Arn
	return c, c.registerOutputs(ctx)
}

func (c *Compute) registerOutputs(ctx *pulumi.Context) error {
	err := ctx.RegisterResourceOutputs(c, pulumi.Map{
		"loadBalancerUrl":              c.LoadBalancerURL,
		"loadBalancerArn":              c.LoadBalancerARN,
		"loadBalancerArnSuffix":        c.LoadBalancerARNSuffix,
		"targetGroupArnSuffix":         c.TargetGroupARNSuffix,
		"gatewayLoadBalancerArn":       c.GatewayLoadBalancerARN,
		"gatewayLoadBalancerDnsName":   c.GatewayLoadBalancerDNSName,
		"gatewayLoadBalancerArnSuffix": c.GatewayLoadBalancerARNSuffix,
		"gatewayTargetGroupArnSuffix":  c.GatewayTargetGroupARNSuffix,
		"autoScalingGroupName":         c.AutoScalingGroupName,
		"guardArns":                    c.GuardARNs,
		"adminTokenSecretArn":          c.AdminTokenSecretARN,
		"logGroupName":                 c.LogGroupName,
		"roleArn":                      c.RoleARN,
	})
	if err != nil {
		return fmt.Errorf("registering outputs of compute: %w", err)
	}
	return nil
}

// newLogGroup makes the group before anything can write to it: created by the log driver it would keep its lines for ever
// and unencrypted.
func (t *tier) newLogGroup() (*cloudwatch.LogGroup, error) {
	group, err := cloudwatch.NewLogGroup(t.ctx, t.name+"-logs", &cloudwatch.LogGroupArgs{
		RetentionInDays: pulumi.Int(t.args.LogRetentionDays),
		KmsKeyId:        t.args.LogsKeyARN.ToStringOutput(),
		Tags:            t.tags("logs"),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating log group of the backend: %w", err)
	}
	return group, nil
}
