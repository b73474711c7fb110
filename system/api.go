package system

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	apitier "scalable-backend/api"
	backendconfig "scalable-backend/services/backend/config"
)

// addAPI makes the REST API in front of the internal load balancer.
func (s *system) addAPI(ctx *pulumi.Context) (err error) {
	s.api, err = apitier.New(ctx, "api", &apitier.Args{
		Stack:                s.at,
		Document:             s.document,
		StageName:            backendconfig.DefaultStage,
		LoadBalancerARN:      s.compute.GatewayLoadBalancerARN,
		LoadBalancerDNSName:  s.compute.GatewayLoadBalancerDNSName,
		Port:                 s.cfg.Compute.Program.GatewayPort,
		ThrottleRate:         s.cfg.API.ThrottleRate,
		ThrottleBurst:        s.cfg.API.ThrottleBurst,
		ManageAccountLogging: s.cfg.API.ManageAccountLogging,
		Tracing:              s.cfg.Production,
		LogRetentionDays:     s.cfg.Monitoring.LogRetentionDays,
		LogsKeyARN:           s.storage.LogsKeyARN,
	})
	return err
}
