package compute

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

const (
	// idleSeconds is shorter than the backend's IdleTimeout, so that the load balancer closes a connection first.
	idleSeconds = 60
	// tlsPolicy offers TLS 1.3 and 1.2 with forward secrecy only.
	tlsPolicy = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
)

// publicDoor is the way in for users.
type publicDoor struct {
	balancer  *lb.LoadBalancer
	targets   *lb.TargetGroup
	forward   *lb.Listener      // the listener that sends requests to the targets
	listeners []pulumi.Resource // all of them
	url       pulumi.StringOutput
}

// newPublicDoor creates the load balancer for users. Names of target groups and load balancers may have 32 characters, so the
// suffixes are short.
func (b *builder) newPublicDoor() (*publicDoor, error) {
	d := &publicDoor{}
	var err error
	d.balancer, err = lb.NewLoadBalancer(b.Ctx, b.Name("alb"), &lb.LoadBalancerArgs{
		LoadBalancerType: pulumi.String("application"),
		Internal:         pulumi.Bool(false),
		Subnets:          b.args.PublicSubnetIDs,
		SecurityGroups:   pulumi.StringArray{b.args.LoadBalancerSecurityGroupID},
		AccessLogs: lb.LoadBalancerAccessLogsArgs{
			Bucket:  b.args.LogBucketName,
			Prefix:  pulumi.String(b.args.AccessLogPrefix),
			Enabled: pulumi.Bool(true),
		},
		DropInvalidHeaderFields:  pulumi.Bool(true),
		DesyncMitigationMode:     pulumi.String("defensive"),
		IdleTimeout:              pulumi.Int(idleSeconds),
		EnableDeletionProtection: pulumi.Bool(b.args.DeletionProtection),
		Tags:                     b.Tags("alb"),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating application load balancer: %w", err)
	}
	d.targets, err = lb.NewTargetGroup(b.Ctx, b.Name("public"), &lb.TargetGroupArgs{
		VpcId:                      b.args.VPCID.ToStringOutput(),
		TargetType:                 pulumi.String("instance"),
		Port:                       pulumi.Int(b.args.Program.Port),
		Protocol:                   pulumi.String("HTTP"),
		LoadBalancingAlgorithmType: pulumi.String("least_outstanding_requests"),
		DeregistrationDelay:        pulumi.Int(b.args.Program.deregistrationSeconds()),
		HealthCheck:                b.healthCheck(),
		Tags:                       b.Tags("public"),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating target group of the public door: %w", err)
	}
	if err := b.newPublicListeners(d); err != nil {
		return nil, err
	}
	return d, nil
}

// newPublicListeners creates the listener for HTTPS and one for HTTP that redirects to it; without a certificate, one for HTTP
// only. The listener on port 80 has one name in both cases: a second one on the same port could not be created before the first
// is deleted.
func (b *builder) newPublicListeners(d *publicDoor) error {
	forward := lb.ListenerDefaultActionArray{lb.ListenerDefaultActionArgs{
		Type: pulumi.String("forward"), TargetGroupArn: d.targets.Arn,
	}}
	onHTTP, scheme := forward, "http"
	if b.args.https() {
		certificate, err := b.certificate()
		if err != nil {
			return err
		}
		scheme = "https"
		onHTTP = lb.ListenerDefaultActionArray{lb.ListenerDefaultActionArgs{
			Type: pulumi.String("redirect"),
			Redirect: lb.ListenerDefaultActionRedirectArgs{
				Protocol: pulumi.String("HTTPS"), Port: pulumi.String("443"), StatusCode: pulumi.String("HTTP_301"),
			},
		}}
		https, err := lb.NewListener(b.Ctx, b.Name("https"), &lb.ListenerArgs{
			LoadBalancerArn: d.balancer.Arn,
			Port:            pulumi.Int(443),
			Protocol:        pulumi.String("HTTPS"),
			SslPolicy:       pulumi.String(tlsPolicy),
			CertificateArn:  certificate,
			DefaultActions:  forward,
			Tags:            b.Tags("https"),
		}, b.Options()...)
		if err != nil {
			return fmt.Errorf("creating HTTPS listener: %w", err)
		}
		d.forward, d.listeners = https, append(d.listeners, https)
	}
	http, err := lb.NewListener(b.Ctx, b.Name("http"), &lb.ListenerArgs{
		LoadBalancerArn: d.balancer.Arn,
		Port:            pulumi.Int(80),
		Protocol:        pulumi.String("HTTP"),
		DefaultActions:  onHTTP,
		Tags:            b.Tags("http"),
	}, b.Options()...)
	if err != nil {
		return fmt.Errorf("creating HTTP listener: %w", err)
	}
	d.listeners = append(d.listeners, http)
	if d.forward == nil {
		d.forward = http
	}
	name, err := b.publicName(d.balancer)
	if err != nil {
		return err
	}
	d.url = pulumi.Sprintf("%s://%s", scheme, name)
	return nil
}

// gatewayDoor is the way in for API Gateway.
type gatewayDoor struct {
	balancer *lb.LoadBalancer
	targets  *lb.TargetGroup
	listener *lb.Listener
	readyARN pulumi.StringOutput
}

// newGatewayDoor creates the load balancer for API Gateway, which reaches it through its VPC link; nobody else can.
func (b *builder) newGatewayDoor() (*gatewayDoor, error) {
	d := &gatewayDoor{}
	var err error
	d.balancer, err = lb.NewLoadBalancer(b.Ctx, b.Name("nlb"), &lb.LoadBalancerArgs{
		LoadBalancerType: pulumi.String("network"),
		Internal:         pulumi.Bool(true),
		Subnets:          b.args.BackendSubnetIDs,
		// A network load balancer made without a security group can never get one.
		SecurityGroups: pulumi.StringArray{b.args.GatewayLoadBalancerSecurityGroupID},
		// With "on" the group's rules would apply to addresses inside API Gateway, which nobody knows.
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: pulumi.String("off"),
		EnableCrossZoneLoadBalancing:                         pulumi.Bool(true),
		EnableDeletionProtection:                             pulumi.Bool(b.args.DeletionProtection),
		Tags:                                                 b.Tags("nlb"),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating network load balancer: %w", err)
	}
	tags := b.Tags("gateway")
	tags["balancer"] = d.balancer.ArnSuffix
	// Connections are not cut when the delay ends: the API gateway keeps them open between requests, and the backend closes
	// them itself while it drains.
	d.targets, err = lb.NewTargetGroup(b.Ctx, b.Name("gateway"), &lb.TargetGroupArgs{
		VpcId:               b.args.VPCID.ToStringOutput(),
		TargetType:          pulumi.String("instance"),
		Port:                pulumi.Int(b.args.Program.GatewayPort),
		Protocol:            pulumi.String("TCP"),
		PreserveClientIp:    pulumi.String("false"),
		DeregistrationDelay: pulumi.Int(b.args.Program.deregistrationSeconds()),
		HealthCheck:         b.healthCheck(),
		Tags:                tags,
	},
		// Fewer zones replace the balancer, and a group serves no second one while the first still forwards to it:
		// https://github.com/hashicorp/terraform-provider-aws/issues/22005
		b.Options(pulumi.ReplaceOnChanges([]string{"tags.balancer"}))...)
	if err != nil {
		return nil, fmt.Errorf("creating target group of the gateway door: %w", err)
	}
	d.listener, err = lb.NewListener(b.Ctx, b.Name("gateway"), &lb.ListenerArgs{
		LoadBalancerArn: d.balancer.Arn,
		Port:            pulumi.Int(b.args.Program.GatewayPort),
		Protocol:        pulumi.String("TCP"),
		DefaultActions: lb.ListenerDefaultActionArray{lb.ListenerDefaultActionArgs{
			Type: pulumi.String("forward"), TargetGroupArn: d.targets.Arn,
		}},
		Tags: b.Tags("gateway"),
	}, b.Options()...)
	if err != nil {
		return nil, fmt.Errorf("creating gateway listener: %w", err)
	}
	d.readyARN = component.After(d.balancer.Arn, d.listener.Arn)
	return d, nil
}

// healthCheck asks for a path that never depends on the database: a failover must not replace all instances.
func (b *builder) healthCheck() lb.TargetGroupHealthCheckArgs {
	return lb.TargetGroupHealthCheckArgs{
		Protocol:           pulumi.String("HTTP"),
		Path:               pulumi.String(b.args.Program.HealthPath),
		Port:               pulumi.String("traffic-port"),
		Matcher:            pulumi.String("200"),
		Interval:           pulumi.Int(10),
		Timeout:            pulumi.Int(5),
		HealthyThreshold:   pulumi.Int(2),
		UnhealthyThreshold: pulumi.Int(3),
	}
}
