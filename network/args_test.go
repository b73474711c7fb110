package network

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

func TestValidation(t *testing.T) {
	for want, change := range map[string]func(*Args){
		"network.Args.CIDR: 10.0.0.0/8 is a /8, want /16 to /23":                                              func(a *Args) { a.CIDR = "10.0.0.0/8" },
		"network.Args.Zones: want 2..4, got 1":                                                                func(a *Args) { a.Zones = a.Zones[:1] },
		`network.Args.Zones[1]: "eu-central-1a" is there twice`:                                               func(a *Args) { a.Zones[1] = a.Zones[0] },
		`network.Args.Zones[0]: want an availability zone, got ""`:                                            func(a *Args) { a.Zones[0] = "" },
		`network.Args.NAT: want instance, single or one-per-az, got "none"`:                                   func(a *Args) { a.NAT = "none" },
		`network.Args.InterfaceEndpoints[0]: want a service other than s3, such as ecr.api, got "s3"`:         func(a *Args) { a.InterfaceEndpoints = []string{"s3"} },
		`network.Args.InterfaceEndpoints[1]: "logs" is there twice`:                                           func(a *Args) { a.InterfaceEndpoints = []string{"logs", "logs"} },
		`network.Args.AllowedCIDRs[0]: want an IPv4 range without host bits, got "203.0.113.1/24"`:            func(a *Args) { a.AllowedCIDRs = []string{"203.0.113.1/24"} },
		"network.Args.AllowedCIDRs: 0.0.0.0/0 without HTTPS would send tokens over the internet in the clear": func(a *Args) { a.AllowedCIDRs = []string{"0.0.0.0/0"} },
		"network.Args.BucketARNs: want at least one: the S3 endpoint would let nothing through":               func(a *Args) { a.BucketARNs = nil },
		"network.Args.LogRetentionDays: want at least 1 with FlowLogs, got 0":                                 func(a *Args) { a.LogRetentionDays = 0 },
		"network.Args.LogsKeyARN: want the ARN of a key with FlowLogs, got none":                              func(a *Args) { a.LogsKeyARN = nil },
	} {
		t.Run(want, func(t *testing.T) {
			args := development()
			change(args)
			err := infratest.RunError(t, func(ctx *pulumi.Context) error {
				_, err := New(ctx, "network", args)
				return err
			})
			require.ErrorContains(t, err, want)
		})
	}
}
