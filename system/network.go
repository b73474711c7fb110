package system

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/network"
)

// addNetwork makes the network and, from the one table of flows, every security-group rule.
func (s *system) addNetwork(ctx *pulumi.Context) (err error) {
	s.network, err = network.New(ctx, "network", &network.Args{
		Stack:              s.at,
		CIDR:               s.cfg.Network.CIDR,
		Zones:              s.zones,
		NAT:                network.NAT(s.cfg.Network.NAT),
		Release:            s.cfg.Compute.Release,
		InterfaceEndpoints: s.cfg.Network.InterfaceEndpoints,
		FlowLogs:           s.cfg.Network.FlowLogs,
		LogRetentionDays:   s.cfg.Monitoring.LogRetentionDays,
		LogsKeyARN:         s.storage.LogsKeyARN,
		AlarmTopicARN:      s.alerts.TopicARN,
		AllowedCIDRs:       s.cfg.Compute.AllowedCIDRs,
		HTTPS:              s.cfg.HTTPS(),
		BackendPort:        s.cfg.Compute.Program.Port,
		GatewayPort:        s.cfg.Compute.Program.GatewayPort,
		Agents:             s.cfg.Fargate.Enabled,
		PersistentStorage:  s.cfg.Fargate.Enabled && s.cfg.Fargate.PersistentStorage,
		BucketARNs:         []pulumi.StringInput{s.storage.BucketARN},
	})
	return err
}
