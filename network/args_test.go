package network

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

func TestValidation(t *testing.T) {
	for _, c := range []struct {
		change func(*Args)
		want   string // after network.Args.
	}{
		{func(a *Args) { a.CIDR = "10.0.0.0/8" }, "CIDR: 10.0.0.0/8 is a /8, want /16 to /23"},
		{func(a *Args) { a.Zones = a.Zones[:1] }, "Zones: want 2..4, got 1"},
		{func(a *Args) { a.Zones[1] = a.Zones[0] }, `Zones[1]: want each value once, got "eu-central-1a"`},
		{func(a *Args) { a.Zones[0] = "" }, `Zones[0]: want an availability zone, got ""`},
		{func(a *Args) { a.NAT = "none" }, `NAT: want instance, single or one-per-az, got "none"`},
		{func(a *Args) { a.InterfaceEndpoints = []string{"s3"} },
			`InterfaceEndpoints[0]: want a service other than s3, such as ecr.api, got "s3"`},
		{func(a *Args) { a.InterfaceEndpoints = []string{"logs", "logs"} }, `InterfaceEndpoints[1]: want each value once, got "logs"`},
		{func(a *Args) { a.AllowedCIDRs = []string{"203.0.113.1/24"} },
			`AllowedCIDRs[0]: want an IPv4 range without host bits, got "203.0.113.1/24"`},
		{func(a *Args) { a.AllowedCIDRs = []string{"0.0.0.0/0"} },
			"AllowedCIDRs: want no 0.0.0.0/0 without HTTPS: tokens would cross the internet unencrypted, got [0.0.0.0/0]"},
		{func(a *Args) { a.BucketARNs = nil }, "BucketARNs: want at least 1, got 0"},
		{func(a *Args) { a.LogRetentionDays = 0 }, "LogRetentionDays: want at least 1, got 0"},
		{func(a *Args) { a.LogsKeyARN = nil }, "LogsKeyARN: want a value, got nil"},
	} {
		t.Run(c.want, func(t *testing.T) {
			args := development()
			c.change(args)
			err := infratest.RunError(t, func(ctx *pulumi.Context) error {
				_, err := New(ctx, "network", args)
				return err
			})
			require.ErrorContains(t, err, "network.Args."+c.want)
		})
	}
}
