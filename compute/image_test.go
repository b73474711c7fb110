package compute_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/compute"
	"scalable-backend/internal/infratest"
)

// The group launches from a copy, which nobody but the stack withdraws. Later releases are ignored.
func TestInstancesStartFromTheStacksOwnImage(t *testing.T) {
	for _, args := range []*compute.Args{dev(), prod()} {
		g := run(t, args)
		image := g.Only(t, machineImage)
		require.Equal(t, "compute-image-arm64", image.Name)
		require.Regexp(t, `^ami-`, image.String(t, "sourceAmiId"))
		require.Equal(t, "eu-central-1", image.String(t, "sourceAmiRegion"))
		require.True(t, image.Bool(t, "encrypted"))
		require.Equal(t, []string{"sourceAmiId", "description"}, image.IgnoreChanges)
		lt := g.Only(t, launchTemplate)
		require.Contains(t, lt.DependsOn, image.Key())
		require.NotEqual(t, image.String(t, "sourceAmiId"), lt.String(t, "imageId"))
		require.Equal(t, image.String(t, "description"), g.Outputs(t, componentKey)["MachineImage"])
	}
}

func TestReleaseMovesTheFleetOnPurpose(t *testing.T) {
	args := prod()
	args.Release = "2023.9.20251117"
	g := run(t, args)
	image := g.Only(t, machineImage)
	require.Empty(t, image.IgnoreChanges)
	require.Equal(t, "al2023-ami-2023.9.20251117.0-kernel-6.1-arm64", image.String(t, "description"))

	args.InstanceType = "m7i.large"
	require.Equal(t, "compute-image-x86_64", run(t, args).Only(t, machineImage).Name, "an image of the other architecture is another one")
}

func TestOwnersImageIsTakenAsItIs(t *testing.T) {
	args := prod()
	args.AMIID = "ami-0123456789abcdef0"
	g := run(t, args)
	g.RequireNone(t, machineImage)
	require.Equal(t, "ami-0123456789abcdef0", g.Only(t, launchTemplate).String(t, "imageId"))
	require.Equal(t, "ami-0123456789abcdef0", g.Outputs(t, componentKey)["MachineImage"])
}

// Standard credits, and the time that an instance without any at launch takes to boot; for burstable types only.
func TestCredits(t *testing.T) {
	for _, c := range []struct {
		instanceType, credits string
		want                  any
		grace                 float64
	}{
		{"t4g.small", compute.CreditsStandard, map[string]any{"cpuCredits": "standard"}, 600},
		{"t3.medium", compute.CreditsUnlimited, map[string]any{"cpuCredits": "unlimited"}, 240},
		{"t4g.small", "", nil, 240},
		{"m7g.large", compute.CreditsStandard, nil, 240},
		{"trn1.2xlarge", compute.CreditsStandard, nil, 240},
	} {
		args := dev()
		args.InstanceType, args.CPUCredits = c.instanceType, c.credits
		g := run(t, args)
		got, _ := g.Only(t, launchTemplate).Get("creditSpecification")
		require.Equal(t, c.want, got, c.instanceType+" "+c.credits)
		require.EqualValues(t, c.grace, g.Only(t, group).Number(t, "healthCheckGracePeriod"), c.instanceType)
		require.EqualValues(t, c.grace, g.Only(t, group).Number(t, "defaultInstanceWarmup"), c.instanceType)
	}
	args := dev()
	args.CPUCredits = "infinite"
	require.ErrorContains(t, infratest.RunError(t, func(ctx *pulumi.Context) error {
		_, err := compute.New(ctx, "compute", args)
		return err
	}), `compute.Args.CPUCredits: want standard, unlimited or "", got "infinite"`)
}
