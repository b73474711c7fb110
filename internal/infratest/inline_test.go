package infratest

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/plan"
)

// planOptions are those of the plan's own test program.
func planOptions(program pulumi.RunFunc) plan.Options {
	o := plan.Options{Dir: "../plan/testdata/program", Stack: "dev"}
	if program != nil {
		o.Program = Inline(program)
	}
	return o
}

// inlined runs a program in this process with the test program's project and stacks.
func inlined(t *testing.T, program pulumi.RunFunc) (*plan.Graph, error) {
	t.Helper()
	return plan.Run(t.Context(), planOptions(program))
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
	data, found := g.Find(bucketToken, "data")
	require.True(t, found)
	require.True(t, data.Protect)
}

func TestInlineProgramKnowsItsSecrets(t *testing.T) {
	t.Parallel()
	o := planOptions(func(ctx *pulumi.Context) error {
		ctx.Export("secret", pulumi.Bool(ctx.IsConfigSecret("program:token")))
		return nil
	})
	o.StackFile = filepath.Join(t.TempDir(), "Pulumi.dev.yaml")
	require.NoError(t, os.WriteFile(o.StackFile, []byte("config: {token: {secure: AAABAHello}}"), 0o600))
	g, err := plan.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, true, g.Outputs["secret"])
}

// An error has the same text as that of a program in its own process.
func TestInlineProgramFails(t *testing.T) {
	t.Parallel()
	started := planOptions(nil)
	started.ConfigOverrides = map[string]string{"behaviour": "fail"}
	_, want := plan.Run(t.Context(), started)
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
	_, err := plan.Run(ctx, planOptions(func(p *pulumi.Context) error {
		end()
		<-p.Context().Done()
		return p.RegisterResource(bucketToken, "late", pulumi.Map{}, &thing{})
	}))
	require.ErrorIs(t, err, context.Canceled)
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
