package system

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/config"
	"scalable-backend/internal/stack"
)

// busy is an account with databases and little else left.
type busy struct {
	databases
	account
}

func (b busy) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if strings.Contains(args.Token, ":rds/") {
		return b.databases.Call(args)
	}
	if strings.Contains(args.Token, ":route53/") {
		return hostedZone{name: "corp.io", private: new(true)}.Call(args)
	}
	return b.account.Call(args)
}

func (busy) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return args.Name, args.Inputs, nil
}

func TestLookAround(t *testing.T) {
	look := func(b busy, zone ...string) (warnings []string, err error) {
		var cfg config.Config
		cfg.Network.NAT, cfg.Network.AZCount = "single", 2
		cfg.Compute.HostedZoneID = strings.Join(zone, "")
		cfg.Database.Replicas, cfg.Database.EngineVersion, cfg.Database.PreviousVersion = 1, "18", "17"
		require.NoError(t, pulumi.RunErr(func(ctx *pulumi.Context) error {
			warnings, err = lookAround(ctx, cfg, stack.Info{Project: "p", Stack: "prod", Region: "eu-central-1"})
			return nil
		}, pulumi.WithMocks("p", "prod", b)))
		return warnings, err
	}
	warnings, err := look(busy{databases{"17.6"}, account{quota: 5}})
	require.NoError(t, err)
	require.Empty(t, warnings)
	warnings, err = look(busy{databases{"18.1"}, account{vpcs: 5, quota: 5}})
	require.NoError(t, err)
	require.Len(t, warnings, 2)
	require.Contains(t, warnings[0], "set database.previousVersion to none")
	require.Contains(t, warnings[1], "the stack needs 1 VPCs")
	_, err = look(busy{databases{"17.6"}, account{quota: 5}}, "Z1")
	require.ErrorContains(t, err, "a private zone")
	_, err = look(busy{databases{"16.9"}, account{quota: 5}})
	require.ErrorContains(t, err, "an upgrade takes two updates")
}
