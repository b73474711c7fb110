// Package compute is the tier of the backend: an Auto Scaling group of instances behind two doors. The public door is an
// application load balancer for users, the gateway door an internal network load balancer for API Gateway.
package compute

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

// Token is the component's type.
const Token = "scalable-backend:compute:Compute"

// Compute is the component.
type Compute struct {
	pulumi.ResourceState

	LoadBalancerURL              pulumi.StringOutput // of its name, or of the balancer where it has none
	LoadBalancerDNSName          pulumi.StringOutput // AWS's name
	LoadBalancerARN              pulumi.StringOutput
	LoadBalancerARNSuffix        pulumi.StringOutput
	TargetGroupARNSuffix         pulumi.StringOutput
	GatewayLoadBalancerARN       pulumi.StringOutput // known when its listener exists
	GatewayLoadBalancerDNSName   pulumi.StringOutput
	GatewayLoadBalancerARNSuffix pulumi.StringOutput
	GatewayTargetGroupARNSuffix  pulumi.StringOutput
	AutoScalingGroupName         pulumi.StringOutput
	GuardARNs                    pulumi.StringArrayOutput // the alarms that stop an instance refresh
	AdminTokenSecretARN          pulumi.StringOutput      // known when the secret has its value
	LogGroupName                 pulumi.StringOutput
	MachineImage                 pulumi.StringOutput // its name, with the release; with Args.AMIID that id
	RoleARN                      pulumi.StringOutput
}

// builder creates the children of the component.
type builder struct {
	*component.Builder
	args *Args
}

// New creates the tier.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Compute, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	c := &Compute{}
	base, err := component.Register(ctx, Token, name, c, args.Stack, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{base, args}

	adminToken, err := b.newAdminToken()
	if err != nil {
		return nil, err
	}
	logs, err := b.NewLogGroup("logs", component.LogGroup{RetentionDays: args.LogRetentionDays, KeyARN: args.LogsKeyARN})
	if err != nil {
		return nil, err
	}
	identity, err := b.newIdentity(adminToken, logs)
	if err != nil {
		return nil, err
	}
	public, err := b.newPublicDoor()
	if err != nil {
		return nil, err
	}
	gateway, err := b.newGatewayDoor()
	if err != nil {
		return nil, err
	}
	guards, err := b.newGuards(public, gateway)
	if err != nil {
		return nil, err
	}
	template, image, err := b.newLaunchTemplate(identity, adminToken, logs)
	if err != nil {
		return nil, err
	}
	group, err := b.newGroup(template, guards, public, gateway, append(identity.attachments, logs))
	if err != nil {
		return nil, err
	}
	if err := b.newNotifications(group); err != nil {
		return nil, err
	}
	if err := b.newScaling(group, public); err != nil {
		return nil, err
	}

	c.LoadBalancerURL = public.url
	c.LoadBalancerDNSName = public.balancer.DnsName
	c.LoadBalancerARN = public.balancer.Arn
	c.LoadBalancerARNSuffix = public.balancer.ArnSuffix
	c.TargetGroupARNSuffix = public.targets.ArnSuffix
	c.GatewayLoadBalancerARN = gateway.readyARN
	c.GatewayLoadBalancerDNSName = gateway.balancer.DnsName
	c.GatewayLoadBalancerARNSuffix = gateway.balancer.ArnSuffix
	c.GatewayTargetGroupARNSuffix = gateway.targets.ArnSuffix
	c.AutoScalingGroupName = group.Name
	c.GuardARNs = component.AlarmARNs(guards).ToStringArrayOutput()
	c.AdminTokenSecretARN = adminToken
	c.LogGroupName = logs.Name
	c.MachineImage = image
	c.RoleARN = identity.role.Arn
	if err := b.RegisterOutputs(pulumi.Map{
		"loadBalancerUrl":              c.LoadBalancerURL,
		"loadBalancerDnsName":          c.LoadBalancerDNSName,
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
		"machineImage":                 c.MachineImage,
		"roleArn":                      c.RoleARN,
	}); err != nil {
		return nil, err
	}
	return c, nil
}
