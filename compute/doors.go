package compute

import (
	"cmp"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// deregistrationSeconds covers the longest request: the API gateway ends one after 29 s, the backend itself after 60 s. It
	// is shorter than drainTimeout: an instance that is stopped when its deregistration begins serves until that is over.
	deregistrationSeconds = 60
	// idleSeconds is shorter than the backend's own idle timeout, so that the load balancer closes first.
	idleSeconds = 60
	// tlsPolicy offers TLS 1.3 and 1.2 with forward secrecy only.
	tlsPolicy = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
	// defaultAccessLogPrefix is where the log bucket's policy lets load balancers write, unless the caller says otherwise.
	defaultAccessLogPrefix = "alb"
)

type publicDoor struct {
	balancer  *lb.LoadBalancer
	targets   *lb.TargetGroup
	forward   *lb.Listener // the listener that sends requests to the targets
	listeners []pulumi.Resource
	url       pulumi.StringOutput
}

// newPublicDoor makes the users' entrance. Target groups and load balancers may have 32 characters, so suffixes are short.
func (t *tier) newPublicDoor() (*publicDoor, error) {
	d := &publicDoor{}
	var err error
	d.balancer, err = lb.NewLoadBalancer(t.ctx, t.name+"-alb", &lb.LoadBalancerArgs{
		LoadBalancerType: pulumi.String("application"),
		Internal:         pulumi.Bool(false),
		Subnets:          t.args.PublicSubnetIDs,
		SecurityGroups:   pulumi.StringArray{t.args.LoadBalancerSecurityGroupID},
		AccessLogs: lb.LoadBalancerAccessLogsArgs{
			Bucket:  t.args.LogBucketName,
			Prefix:  pulumi.String(cmp.Or(t.args.AccessLogPrefix, defaultAccessLogPrefix)),
			Enabled: pulumi.Bool(true),
		},
		DropInvalidHeaderFields:  pulumi.Bool(true),
		DesyncMitigationMode:     pulumi.String("defensive"),
		IdleTimeout:              pulumi.Int(idleSeconds),
		EnableDeletionProtection: pulumi.Bool(t.args.DeletionProtection),
		Tags:                     t.tags("alb"),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating application load balancer: %w", err)
	}
	d.targets, err = lb.NewTargetGroup(t.ctx, t.name+"-public", &lb.TargetGroupArgs{
		VpcId:                      t.args.VPCID.ToStringOutput(),
		TargetType:                 pulumi.String("instance"),
		Port:                       pulumi.Int(PublicPort),
		Protocol:                   pulumi.String("HTTP"),
		LoadBalancingAlgorithmType: pulumi.String("least_outstanding_requests"),
		DeregistrationDelay:        pulumi.Int(deregistrationSeconds),
		HealthCheck:                healthCheck(),
		Tags:                       t.tags("public"),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating target group of the public door: %w", err)
	}
	if err := t.newPublicListeners(d); err != nil {
		return nil, err
	}
	return d, nil
}

// newPublicListeners serves HTTPS, with HTTP as a redirect, or without a certificate plain HTTP. The listener on port 80
// has one name in both cases: a second one on the same port could not be created before the first is gone.
func (t *tier) newPublicListeners(d *publicDoor) error {
	forward := lb.ListenerDefaultActionArray{lb.ListenerDefaultActionArgs{
		Type: pulumi.String("forward"), TargetGroupArn: d.targets.Arn,
	}}
	onHTTP, scheme := forward, "http"
	if t.args.CertificateARN != "" {
		scheme = "https"
		onHTTP = lb.ListenerDefaultActionArray{lb.ListenerDefaultActionArgs{
			Type: pulumi.String("redirect"),
			Redirect: lb.ListenerDefaultActionRedirectArgs{
				Protocol: pulumi.String("HTTPS"), Port: pulumi.String("443"), StatusCode: pulumi.String("HTTP_301"),
			},
		}}
		https, err := lb.NewListener(t.ctx, t.name+"-https", &lb.ListenerArgs{
			LoadBalancerArn: d.balancer.Arn,
			Port:            pulumi.Int(443),
			Protocol:        pulumi.String("HTTPS"),
			SslPolicy:       pulumi.String(tlsPolicy),
			CertificateArn:  pulumi.String(t.args.CertificateARN),
			DefaultActions:  forward,
			Tags:            t.tags("https"),
		}, t.child)
		if err != nil {
			return fmt.Errorf("creating HTTPS listener: %w", err)
		}
		d.forward, d.listeners = https, append(d.listeners, https)
	}
	http, err := lb.NewListener(t.ctx, t.name+"-http", &lb.ListenerArgs{
		LoadBalancerArn: d.balancer.Arn,
		Port:            pulumi.Int(80),
		Protocol:        pulumi.String("HTTP"),
		DefaultActions:  onHTTP,
		Tags:            t.tags("http"),
	}, t.child)
	if err != nil {
		return fmt.Errorf("creating HTTP listener: %w", err)
	}
	d.listeners = append(d.listeners, http)
	if d.forward == nil {
		d.forward = http
	}
	d.url = pulumi.All(d.balancer.DnsName, d.forward.Arn).ApplyT(func(values []any) string {
		return scheme + "://" + values[0].(string)
	}).(pulumi.StringOutput)
	return nil
}

type gatewayDoor struct {
	balancer *lb.LoadBalancer
	targets  *lb.TargetGroup
	listener *lb.Listener
	readyARN pulumi.StringOutput
}

// newGatewayDoor makes the API gateway's entrance, reachable only through its VPC link.
func (t *tier) newGatewayDoor() (*gatewayDoor, error) {
	d := &gatewayDoor{}
	var err error
	d.balancer, err = lb.NewLoadBalancer(t.ctx, t.name+"-nlb", &lb.LoadBalancerArgs{
		LoadBalancerType: pulumi.String("network"),
		Internal:         pulumi.Bool(true),
		Subnets:          t.args.BackendSubnetIDs,
		// A network load balancer made without a security group can never get one.
		SecurityGroups: pulumi.StringArray{t.args.GatewayLoadBalancerSecurityGroupID},
		// With "on" the group would be asked about addresses of the API gateway's side, which no rule can name.
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: pulumi.String("off"),
		EnableCrossZoneLoadBalancing:                         pulumi.Bool(true),
		EnableDeletionProtection:                             pulumi.Bool(t.args.DeletionProtection),
		Tags:                                                 t.tags("nlb"),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating network load balancer: %w", err)
	}
	tags := t.tags("gateway")
	tags["balancer"] = d.balancer.ArnSuffix
	// Connections are not cut when the delay ends: the API gateway keeps them open between requests, and the backend closes
	// them itself while it drains.
	d.targets, err = lb.NewTargetGroup(t.ctx, t.name+"-gateway", &lb.TargetGroupArgs{
		VpcId:               t.args.VPCID.ToStringOutput(),
		TargetType:          pulumi.String("instance"),
		Port:                pulumi.Int(GatewayPort),
		Protocol:            pulumi.String("TCP"),
		PreserveClientIp:    pulumi.String("false"),
		DeregistrationDelay: pulumi.Int(deregistrationSeconds),
		HealthCheck:         healthCheck(),
		Tags:                tags,
	},
		t.child,
		// Fewer zones replace the balancer, and a group serves no second one while the first still forwards to it:
		// https://github.com/hashicorp/terraform-provider-aws/issues/22005
		pulumi.ReplaceOnChanges([]string{"tags.balancer"}))
	if err != nil {
		return nil, fmt.Errorf("creating target group of the gateway door: %w", err)
	}
	d.listener, err = lb.NewListener(t.ctx, t.name+"-gateway", &lb.ListenerArgs{
		LoadBalancerArn: d.balancer.Arn,
		Port:            pulumi.Int(GatewayPort),
		Protocol:        pulumi.String("TCP"),
		DefaultActions: lb.ListenerDefaultActionArray{lb.ListenerDefaultActionArgs{
			Type: pulumi.String("forward"), TargetGroupArn: d.targets.Arn,
		}},
		Tags: t.tags("gateway"),
	}, t.child)
	if err != nil {
		return nil, fmt.Errorf("creating gateway listener: %w", err)
	}
	d.readyARN = pulumi.All(d.balancer.Arn, d.listener.Arn).ApplyT(func(values []any) string {
		return values[0].(string)
	}).(pulumi.StringOutput)
	return d, nil
}

// healthCheck asks the liveness path, which never depends on the database: a failover must not replace the fleet.
func healthCheck() lb.TargetGroupHealthCheckArgs {
	return lb.TargetGroupHealthCheckArgs{
		Protocol:           pulumi.String("HTTP"),
		Path:               pulumi.String(healthPath),
		Port:               pulumi.String("traffic-port"),
		Matcher:            pulumi.String("200"),
		Interval:           pulumi.Int(10),
		Timeout:            pulumi.Int(5),
		HealthyThreshold:   pulumi.Int(2),
		UnhealthyThreshold: pulumi.Int(3),
	}
}
