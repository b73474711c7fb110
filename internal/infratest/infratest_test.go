package infratest

import (
	"errors"
	"reflect"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

const componentToken = "scalable-backend:test:Component"

// component is a small tier for these tests.
type component struct {
	pulumi.ResourceState

	ARN    pulumi.StringOutput
	Groups struct{ Backend pulumi.StringOutput }
	IDs    []pulumi.StringOutput
}

// bucket has the outputs of a resource without linking its provider.
type bucket struct {
	pulumi.CustomResourceState

	ARN    pulumi.StringOutput `pulumi:"arn"`
	Bucket pulumi.StringOutput `pulumi:"bucket"`
}

type password struct {
	pulumi.CustomResourceState

	Result pulumi.StringOutput `pulumi:"result"`
}

const (
	bucketToken   = "aws:s3/bucketV2:BucketV2"
	policyToken   = "aws:s3/bucketPolicy:BucketPolicy"
	passwordToken = "random:index/randomPassword:RandomPassword"
	secretToken   = "aws:secretsmanager/secretVersion:SecretVersion"
)

func newBucket(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) (*bucket, error) {
	var b bucket
	return &b, ctx.RegisterResource(bucketToken, name, pulumi.Map{"forceDestroy": pulumi.Bool(true)}, &b, opts...)
}

// newComponent builds a correct component; a test can change it before its outputs are registered.
func newComponent(ctx *pulumi.Context, spoil func(*component)) (*component, error) {
	c := &component{}
	if err := ctx.RegisterComponentResource(componentToken, "c", c); err != nil {
		return nil, err
	}
	b, err := newBucket(ctx, "c-data", pulumi.Parent(c), pulumi.Protect(true))
	if err != nil {
		return nil, err
	}
	c.ARN, c.Groups.Backend, c.IDs = b.ARN, b.Bucket, []pulumi.StringOutput{b.ID().ToStringOutput()}
	if spoil != nil {
		spoil(c)
	}
	return c, ctx.RegisterResourceOutputs(c, pulumi.Map{"arn": c.ARN})
}

func TestRunRecords(t *testing.T) {
	g := Run(t, func(ctx *pulumi.Context) error {
		c, err := newComponent(ctx, nil)
		if err != nil {
			return err
		}
		require.Equal(t, "arn:aws:s3:::c-data", Value[string](t, c.ARN))
		return nil
	})
	g.RequireCounts(t, map[string]int{bucketToken: 1})
	g.RequireNames(t, bucketToken, "c-data")
	g.RequireDescend(t, componentToken+"::c")
	g.RequireNone(t, policyToken)
	b := g.Only(t, bucketToken)
	require.Equal(t, b, g.Find(t, bucketToken, "c-data"))
	require.True(t, b.Protect)
	require.True(t, b.Bool(t, "forceDestroy"))
	require.Equal(t, componentToken+"::c", b.Parent)
	require.Equal(t, map[string]any{"ARN": "arn:aws:s3:::c-data", "Groups.Backend": "c-data", "IDs[0]": "c-data"},
		g.Outputs(t, componentToken+"::c"))
}

func TestRunReportsMistakes(t *testing.T) {
	register := func(typ string, inputs pulumi.Map) func(*pulumi.Context) error {
		return func(ctx *pulumi.Context) error {
			var b bucket
			return ctx.RegisterResource(typ, "x", inputs, &b)
		}
	}
	cases := map[string]struct {
		program func(*pulumi.Context) error
		want    string
	}{
		"a type::name registered twice": {func(ctx *pulumi.Context) error {
			if _, err := newBucket(ctx, "same"); err != nil {
				return err
			}
			_, err := newBucket(ctx, "same")
			return err
		}, bucketToken + "::same: registered twice"},
		"an empty ARN": {register(policyToken, pulumi.Map{"keys": pulumi.Array{pulumi.Map{"roleArn": pulumi.String("")}}}),
			policyToken + "::x: input keys[0].roleArn is an empty ARN"},
		"an empty ARN in a list": {register(policyToken, pulumi.Map{"targetGroupArns": pulumi.StringArray{pulumi.String("")}}),
			policyToken + "::x: input targetGroupArns[0] is an empty ARN"},
		"a policy on the rest of an empty ARN": {register(policyToken, pulumi.Map{
			"policy": pulumi.String(`{"Statement":[{"Resource":["arn:aws:s3:::b","/*"]}]}`)}),
			policyToken + `::x: input policy: policy resource "/*" is not an ARN`},
		"a policy on one empty ARN": {register(policyToken, pulumi.Map{"policy": pulumi.String(`{"Statement":[{"Resource":""}]}`)}),
			policyToken + `::x: input policy: policy resource "" is not an ARN`},
		"an output that is never assigned": {func(ctx *pulumi.Context) error {
			_, err := newComponent(ctx, func(c *component) { c.Groups.Backend = pulumi.StringOutput{} })
			return err
		}, componentToken + "::c: output Groups.Backend is never assigned"},
		"outputs that are never registered": {func(ctx *pulumi.Context) error {
			c := &component{ARN: known(), IDs: nil}
			c.Groups.Backend = known()
			return ctx.RegisterComponentResource(componentToken, "c", c)
		}, "1 of these components did not register their outputs: " + componentToken + "::c"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, problems, err := run(c.program)
			require.NoError(t, err)
			require.Equal(t, []string{c.want}, problems)
		})
	}
}

func known() pulumi.StringOutput { return pulumi.String("known").ToStringOutput() }

func TestRunErrorReturnsTheProgramsError(t *testing.T) {
	want := errors.New("creating x: no")
	require.ErrorContains(t, RunError(t, func(*pulumi.Context) error { return want }), "creating x: no")
}

func TestRunErrorReportsAnUnknownFunction(t *testing.T) {
	err := RunError(t, func(ctx *pulumi.Context) error {
		return ctx.Invoke("aws:none/getNothing:getNothing", nil, &struct{}{})
	})
	require.ErrorContains(t, err, "no made-up answer for the provider function aws:none/getNothing:getNothing")
}

func TestSecretsStaySecret(t *testing.T) {
	g := Run(t, func(ctx *pulumi.Context) error {
		var p password
		if err := ctx.RegisterResource(passwordToken, "p", pulumi.Map{"length": pulumi.Int(20)}, &p); err != nil {
			return err
		}
		text := p.Result.ApplyT(func(s string) string { return `{"password":"` + s + `"}` }).(pulumi.StringOutput)
		var v bucket
		return ctx.RegisterResource(secretToken, "v", pulumi.Map{
			"secretString": text, "secretId": pulumi.String("arn:aws:x"), "plain": pulumi.String("y"),
		}, &v, pulumi.DependsOn([]pulumi.Resource{&p}))
	})
	v := g.Only(t, secretToken)
	require.True(t, v.IsSecret("secretString"))
	require.False(t, v.IsSecret("plain"))
	require.Equal(t, []string{passwordToken + "::p"}, v.DependsOn)
	marker, ok := v.Get("secretString")
	require.True(t, ok)
	require.Equal(t, map[string]any{"secret": true}, marker)
	require.Len(t, v.Secret(t, "secretString"), len(`{"password":""}`)+20)
}

func TestSecretInputsAndAdditionalSecretOutputsStaySecret(t *testing.T) {
	g := Run(t, func(ctx *pulumi.Context) error {
		var a, b bucket
		if err := ctx.RegisterResource(bucketToken, "a", pulumi.Map{"bucket": pulumi.ToSecret("hidden")}, &a,
			pulumi.AdditionalSecretOutputs([]string{"arn"})); err != nil {
			return err
		}
		return ctx.RegisterResource(bucketToken, "b", pulumi.Map{"tags": pulumi.StringMap{"arn": a.ARN, "bucket": a.Bucket}}, &b)
	})
	b := g.Find(t, bucketToken, "b")
	require.True(t, b.IsSecret("tags") || (b.IsSecret("tags", "arn") && b.IsSecret("tags", "bucket")))
}

func TestInvokes(t *testing.T) {
	Run(t, func(ctx *pulumi.Context) error {
		var zones struct {
			Names []string `pulumi:"names"`
		}
		require.NoError(t, ctx.Invoke("aws:index/getAvailabilityZones:getAvailabilityZones", nil, &zones))
		require.Equal(t, []string{"eu-central-1a", "eu-central-1b", "eu-central-1c", "eu-central-1d"}, zones.Names)
		var identity struct {
			AccountID string `pulumi:"accountId"`
		}
		require.NoError(t, ctx.Invoke("aws:index/getCallerIdentity:getCallerIdentity", nil, &identity))
		require.Equal(t, Stack().AccountID, identity.AccountID)
		return nil
	})
}

// anyOutput is pulumi.AnyOutput without its methods, of which the linker would keep every type of the SDK: they double the time of a build.
type anyOutput struct{ *pulumi.OutputState }

func (anyOutput) ElementType() reflect.Type { return reflect.TypeFor[any]() }

func init() { pulumi.RegisterOutputType(anyOutput{}) }

type remoteRepository struct {
	pulumi.ResourceState

	URL        pulumi.StringOutput `pulumi:"url"`
	Repository anyOutput           `pulumi:"repository"`
}

func TestRemoteComponentsHaveOutputsAndChildrenToReferTo(t *testing.T) {
	g := Run(t, func(ctx *pulumi.Context) error {
		var r remoteRepository
		if err := ctx.RegisterRemoteComponentResource("awsx:ecr:Repository", "repo", pulumi.Map{}, &r); err != nil {
			return err
		}
		require.Equal(t, "123456789012.dkr.ecr.eu-central-1.amazonaws.com/repo", Value[string](t, r.URL))
		require.NotNil(t, Await(t, r.Repository))
		return nil
	})
	g.RequireCounts(t, map[string]int{"awsx:ecr:Repository": 1})
}
