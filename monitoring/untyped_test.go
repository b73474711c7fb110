package monitoring

import (
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

// Resources of the SDK have the version that go.mod has; one without it gets another provider.
func TestUntypedResourcesHaveTheProvidersVersion(t *testing.T) {
	args := testArgs()
	args.WAF, args.GuardDuty, args.Config, args.Inspector = true, true, true, true
	var mu sync.Mutex
	versions := map[string]string{}
	infratest.Run(t, func(ctx *pulumi.Context) error {
		note := func(r *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
			mu.Lock()
			defer mu.Unlock()
			if _, untyped := r.Props.(pulumi.Map); untyped {
				options, err := pulumi.NewResourceOptions(r.Opts...)
				require.NoError(t, err)
				versions[r.Type] = options.Version
			}
			return nil
		}
		_, err := New(ctx, "monitoring", args, pulumi.Transformations([]pulumi.ResourceTransformation{note}))
		return err
	})
	require.Contains(t, versions, webACLToken)
	for token, version := range versions {
		require.Equal(t, providerVersion, version, token)
	}
}
