package plan

import (
	"context"
	"errors"
	"net"
	"os"
	"reflect"
	"strconv"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

// inlined runs a program in this process with the test program's project and stacks.
func inlined(t *testing.T, program pulumi.RunFunc) (*Graph, error) {
	t.Helper()
	o := options()
	o.Program = program
	return Run(t.Context(), o)
}

type thing struct{ pulumi.CustomResourceState }

func TestInlineProgramGetsStackAndConfiguration(t *testing.T) {
	t.Parallel()
	g, err := inlined(t, func(ctx *pulumi.Context) error {
		region, _ := ctx.GetConfig("aws:region")
		ctx.Export("told", pulumi.ToStringArray([]string{ctx.Organization(), ctx.Project(), ctx.Stack(), region}))
		ctx.Export("preview", pulumi.Bool(ctx.DryRun()))
		return ctx.RegisterResource(bucketToken, "data", pulumi.Map{}, &thing{}, pulumi.Protect(true))
	})
	require.NoError(t, err)
	require.Equal(t, []any{"organization", "program", "dev", "eu-west-1"}, g.Outputs["told"])
	require.Equal(t, true, g.Outputs["preview"])
	require.True(t, find(t, g, bucketToken, "data").Protect)
}

func TestInlineProgramKnowsItsSecrets(t *testing.T) {
	t.Parallel()
	o := options()
	o.StackFile = stackFile(t, "config: {token: {secure: AAABAHello}}")
	o.Program = func(ctx *pulumi.Context) error {
		ctx.Export("secret", pulumi.Bool(ctx.IsConfigSecret("program:token")))
		return nil
	}
	require.Equal(t, true, run(t, o).Outputs["secret"])
}

// An error has the same text as that of a program in its own process.
func TestInlineProgramFails(t *testing.T) {
	t.Parallel()
	started := options()
	started.ConfigOverrides = map[string]string{"behaviour": "fail"}
	_, want := Run(t.Context(), started)
	require.Error(t, want)
	g, err := inlined(t, func(*pulumi.Context) error {
		return errors.New("3 problems:\n  a is wrong\n  b is wrong\n  c is wrong")
	})
	require.Nil(t, g)
	require.EqualError(t, err, want.Error())

	_, err = inlined(t, func(ctx *pulumi.Context) error { return ctx.Log.Error("logged as an error", nil) })
	require.EqualError(t, err, "logged as an error")

	_, err = inlined(t, func(ctx *pulumi.Context) error {
		return errors.Join(ctx.RegisterResource(bucketToken, "same", pulumi.Map{}, &thing{}),
			ctx.RegisterResource(bucketToken, "same", pulumi.Map{}, &thing{}))
	})
	require.ErrorContains(t, err, bucketToken+"::same is registered twice")
}

func TestInlineProgramEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	o := options()
	o.Program = func(p *pulumi.Context) error {
		end()
		<-p.Context().Done()
		return p.RegisterResource(bucketToken, "late", pulumi.Map{}, &thing{})
	}
	_, err := Run(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
}

func TestForgetMachine(t *testing.T) {
	t.Setenv("AWS_PROFILE", "mine")
	t.Setenv("PULUMI_ACCESS_TOKEN", "mine")
	t.Setenv("AWSOME", "kept")
	require.NoError(t, ForgetMachine())
	for _, gone := range []string{"AWS_PROFILE", "PULUMI_ACCESS_TOKEN"} {
		_, found := os.LookupEnv(gone)
		require.False(t, found, gone)
	}
	require.Equal(t, "kept", os.Getenv("AWSOME"))
}

// The SDK serves a program's transforms and never stops serving. Fails if a new version of the SDK keeps its server elsewhere.
func TestInlineProgramLeavesNothingListening(t *testing.T) {
	t.Parallel()
	var server reflect.Value
	_, err := inlined(t, func(ctx *pulumi.Context) error {
		transform := func(context.Context, *pulumi.ResourceTransformArgs) *pulumi.ResourceTransformResult { return nil }
		option := pulumi.Transforms([]pulumi.ResourceTransform{transform})
		if err := ctx.RegisterResource(bucketToken, "data", pulumi.Map{}, &thing{}, option); err != nil {
			return err
		}
		server = callbackServer(ctx)
		return nil
	})
	require.NoError(t, err)
	handle, ok := unexported(server.Elem().FieldByName("handle")).(rpcutil.ServeHandle)
	require.True(t, ok)
	_, err = net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(handle.Port)))
	require.Error(t, err, "the SDK's callback server still listens: see stopCallbacks")
}
