package compute_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

func TestPublicDoor(t *testing.T) {
	g := run(t, prod())
	alb := g.Find(t, balancer, "compute-alb")
	require.Equal(t, "application", alb.String(t, "loadBalancerType"))
	require.False(t, alb.Bool(t, "internal"))
	require.Equal(t, []any{"public-1", "public-2"}, value(t, alb, "subnets"))
	require.Equal(t, []any{"sg-alb"}, value(t, alb, "securityGroups"))
	require.Equal(t, map[string]any{"bucket": "log-bucket", "enabled": true, "prefix": "alb"}, value(t, alb, "accessLogs"))
	require.True(t, alb.Bool(t, "dropInvalidHeaderFields"))
	require.Equal(t, "defensive", alb.String(t, "desyncMitigationMode"))
	require.True(t, alb.Bool(t, "enableDeletionProtection"))

	targets := g.Find(t, targetGroup, "compute-public")
	require.Equal(t, "HTTP", targets.String(t, "protocol"))
	require.EqualValues(t, 8080, targets.Number(t, "port"))
	require.EqualValues(t, 60, targets.Number(t, "deregistrationDelay"))
	requireHealthCheck(t, targets)

	https := g.Find(t, listener, "compute-https")
	require.Equal(t, "HTTPS", https.String(t, "protocol"))
	require.EqualValues(t, 443, https.Number(t, "port"))
	require.Equal(t, "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", https.String(t, "sslPolicy"))
	require.Equal(t, certificate, https.String(t, "certificateArn"))
	require.Equal(t, "forward", https.String(t, "defaultActions", 0, "type"))

	redirect := g.Find(t, listener, "compute-http")
	require.EqualValues(t, 80, redirect.Number(t, "port"))
	require.Equal(t, map[string]any{"type": "redirect", "redirect": map[string]any{
		"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301",
	}}, value(t, redirect, "defaultActions", 0))
	require.Equal(t, "https://"+domain, g.Outputs(t, componentKey)["LoadBalancerURL"])
}

func TestPublicDoorWithoutCertificate(t *testing.T) {
	g := run(t, dev())
	http := g.Find(t, listener, "compute-http")
	require.EqualValues(t, 80, http.Number(t, "port"))
	require.Equal(t, "HTTP", http.String(t, "protocol"))
	require.Equal(t, "forward", http.String(t, "defaultActions", 0, "type"))
	require.False(t, g.Find(t, balancer, "compute-alb").Bool(t, "enableDeletionProtection"))
	require.True(t, strings.HasPrefix(g.Outputs(t, componentKey)["LoadBalancerURL"].(string), "http://"))
}

func TestGatewayDoor(t *testing.T) {
	g := run(t, prod())
	nlb := g.Find(t, balancer, "compute-nlb")
	require.Equal(t, "network", nlb.String(t, "loadBalancerType"))
	require.True(t, nlb.Bool(t, "internal"))
	require.Equal(t, []any{"backend-1", "backend-2"}, value(t, nlb, "subnets"))
	require.Equal(t, []any{"sg-nlb"}, value(t, nlb, "securityGroups"))
	require.True(t, nlb.Bool(t, "enableCrossZoneLoadBalancing"))
	require.Equal(t, "off", nlb.String(t, "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic"))
	require.True(t, nlb.Bool(t, "enableDeletionProtection"))

	targets := g.Find(t, targetGroup, "compute-gateway")
	require.Equal(t, "TCP", targets.String(t, "protocol"))
	require.EqualValues(t, 8081, targets.Number(t, "port"))
	require.EqualValues(t, 60, targets.Number(t, "deregistrationDelay"))
	require.Contains(t, targets.String(t, "tags", "balancer"), "net/compute-nlb/")
	require.Equal(t, []string{"tags.balancer"}, targets.ReplaceOnChanges, "another load balancer needs another target group")
	requireHealthCheck(t, targets)

	tcp := g.Find(t, listener, "compute-gateway")
	require.Equal(t, "TCP", tcp.String(t, "protocol"))
	require.EqualValues(t, 8081, tcp.Number(t, "port"))
}

func requireHealthCheck(t *testing.T, targets infratest.Resource) {
	t.Helper()
	require.Equal(t, "instance", targets.String(t, "targetType"))
	require.Equal(t, map[string]any{
		"protocol": "HTTP", "path": "/healthz", "port": "traffic-port", "matcher": "200",
		"interval": 10.0, "timeout": 5.0, "healthyThreshold": 2.0, "unhealthyThreshold": 3.0,
	}, value(t, targets, "healthCheck"))
}

// Ports, health path and stop time of another program reach both doors.
func TestDoorsOfAnotherProgram(t *testing.T) {
	args := prod()
	args.Program.Port, args.Program.GatewayPort, args.Program.HealthPath, args.Program.StopSeconds = 9000, 9001, "/health", 120
	g := run(t, args)
	for name, port := range map[string]float64{"compute-public": 9000, "compute-gateway": 9001} {
		targets := g.Find(t, targetGroup, name)
		require.Equal(t, port, targets.Number(t, "port"))
		require.Equal(t, "/health", targets.String(t, "healthCheck", "path"))
		require.EqualValues(t, 90, targets.Number(t, "deregistrationDelay"))
	}
	require.EqualValues(t, 9001, g.Find(t, listener, "compute-gateway").Number(t, "port"))
}
