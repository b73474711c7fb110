package plan

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	bucketToken = "aws:s3/bucketV2:BucketV2"
	secretToken = "aws:secretsmanager/secretVersion:SecretVersion"
	tierKey     = "scalable-backend:data:Data::data"
)

// options returns the options for the test program and its committed stack.
func options() Options { return Options{Dir: "testdata/program", Stack: "dev"} }

func run(t *testing.T, o Options) *Graph {
	t.Helper()
	g, err := Run(t.Context(), o)
	require.NoError(t, err)
	return g
}

func find(t *testing.T, g *Graph, token, name string) Resource {
	t.Helper()
	r, ok := g.Find(token, name)
	require.True(t, ok, "%s %s is not in the graph", token, name)
	return r
}

// stackFile writes the configuration of a stack for one test.
func stackFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "Pulumi.dev.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func asJSON(t *testing.T, g *Graph) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, g.WriteJSON(&b))
	return b.String()
}

func TestRunRecordsResourcesWithTheirOptions(t *testing.T) {
	t.Parallel()
	g := run(t, options())
	require.Equal(t, "program", g.Project)
	require.Equal(t, "dev", g.Stack)
	require.Equal(t, map[string]int{
		bucketToken: 1, "aws:s3/bucketPolicy:BucketPolicy": 1, "random:index/randomPassword:RandomPassword": 1,
		secretToken: 1, "scalable-backend:data:Data": 1,
		"awsx:ecr:Repository": 1, "aws:ecr/repository:Repository": 1, "aws:ecr/lifecyclePolicy:LifecyclePolicy": 1,
		"awsx:ecr:Image": 1, "docker-build:index:Image": 1,
	}, g.Counts())

	bucket := find(t, g, bucketToken, "data-bucket")
	require.Equal(t, tierKey, bucket.Parent)
	require.True(t, bucket.Custom)
	require.True(t, bucket.Protect)
	require.Equal(t, []string{"region", "token"}, bucket.IgnoreChanges)

	version := find(t, g, secretToken, "data-secret")
	require.True(t, version.DeleteBeforeReplace)
	require.Equal(t, []string{"secretId"}, version.ReplaceOnChanges)
	require.Equal(t, []string{
		"aws:s3/bucketPolicy:BucketPolicy::data-policy", bucketToken + "::data-bucket",
		"random:index/randomPassword:RandomPassword::data-password",
	}, version.DependsOn)
	require.Equal(t, map[string][]string{"secretString": {"random:index/randomPassword:RandomPassword::data-password"}},
		version.PropertyDependencies)

	require.True(t, find(t, g, "aws:s3/bucketPolicy:BucketPolicy", "data-policy").RetainOnDelete)
	require.Equal(t, map[string]any{"bucketArn": "arn:aws:s3:::data-bucket"}, find(t, g, "scalable-backend:data:Data", "data").Outputs)
	require.Len(t, g.Tiers(), 1)
	require.Len(t, g.Under(tierKey), 9)
}

func TestRunShapesOutputs(t *testing.T) {
	t.Parallel()
	g := run(t, options())
	policy, _ := find(t, g, "aws:s3/bucketPolicy:BucketPolicy", "data-policy").Get("policy")
	require.Equal(t, `{"Resource":"arn:aws:s3:::data-bucket/*"}`, policy)
	require.Equal(t, "arn:aws:s3:::data-bucket", g.Outputs["bucketArn"])
	require.Contains(t, g.Outputs["image"], "123456789012.dkr.ecr.eu-west-1.amazonaws.com/backend@sha256:")
	require.Equal(t, "aws:ecr/repository:Repository::backend", g.Outputs["repository"], "want the key for a reference to a resource")
	require.Equal(t, []any{"eu-west-1a", "eu-west-1b", "eu-west-1c", "eu-west-1d"}, g.Outputs["zones"])
}

func TestRunLeavesOutputsUnknown(t *testing.T) {
	t.Parallel()
	o := options()
	o.Unknown = true
	g := run(t, o)
	unknown := map[string]any{"unknown": true}
	policy := find(t, g, "aws:s3/bucketPolicy:BucketPolicy", "data-policy")
	require.Equal(t, map[string]any{"bucket": unknown, "policy": unknown}, policy.Inputs)
	require.Equal(t, unknown, g.Outputs["bucketArn"])
	require.Equal(t, unknown, g.Outputs["image"])
	// Outputs that depend on no resource stay known.
	require.Len(t, g.Outputs["zones"], 4)
	length, _ := find(t, g, "random:index/randomPassword:RandomPassword", "data-password").Get("length")
	require.InDelta(t, 32, length, 0)
	require.Len(t, g.Resources, len(run(t, options()).Resources), "unknown outputs must not change the number of resources")
}

func TestRunHidesSecrets(t *testing.T) {
	t.Parallel()
	g := run(t, options())
	secret := map[string]any{"secret": true}
	version := find(t, g, secretToken, "data-secret")
	marker, _ := version.Get("secretString")
	require.Equal(t, secret, marker)
	require.Equal(t, secret, g.Outputs["password"])
	value, _ := version.Revealed("secretString")
	require.Len(t, value, 32)
	output, _ := g.RevealedOutput("password")
	require.Equal(t, value, output)
	require.NotContains(t, asJSON(t, g), value)
}

func TestRunAppliesTransformsBelowRemoteComponents(t *testing.T) {
	t.Parallel()
	g := run(t, options())
	image := find(t, g, "docker-build:index:Image", "backend-image")
	require.True(t, image.RetainOnDelete)
	require.Equal(t, "awsx:ecr:Image::backend-image", image.Parent)
	require.False(t, find(t, g, "aws:ecr/repository:Repository", "backend").RetainOnDelete)
}

func TestRunAppliesTransformsOfTheStack(t *testing.T) {
	t.Parallel()
	o := options()
	o.ConfigOverrides = map[string]string{"behaviour": "transform"}
	g := run(t, o)
	bucket := find(t, g, bucketToken, "data-bucket")
	marked, _ := bucket.Get("transformed")
	require.Equal(t, true, marked)
	require.True(t, bucket.Protect, "a transform must not drop other options")
	require.Equal(t, []string{"region", "token"}, bucket.IgnoreChanges)
	require.Len(t, g.Resources, len(run(t, options()).Resources))
	require.Equal(t, find(t, run(t, options()), secretToken, "data-secret"), find(t, g, secretToken, "data-secret"))
}

func TestRunPlansInTheAccountThatTheStackAllows(t *testing.T) {
	t.Parallel()
	o := options()
	o.StackFile = stackFile(t, `config: {aws:allowedAccountIds: ["000000000042"], aws:region: cn-north-1}`)
	require.Contains(t, run(t, o).Outputs["image"], "000000000042.dkr.ecr.cn-north-1.amazonaws.com.cn/backend@")
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	t.Run("defaults fill whole keys", func(t *testing.T) {
		o := options()
		o.StackFile = stackFile(t, "config: {}")
		settings, _ := find(t, run(t, o), bucketToken, "data-bucket").Get("settings")
		require.Equal(t, map[string]any{}, settings)
	})
	t.Run("an empty file is an empty configuration", func(t *testing.T) {
		o := options()
		o.StackFile = stackFile(t, "")
		token, _ := find(t, run(t, o), bucketToken, "data-bucket").Get("token")
		require.Equal(t, "open", token)
	})
	t.Run("the stack's objects arrive whole", func(t *testing.T) {
		settings, _ := find(t, run(t, options()), bucketToken, "data-bucket").Get("settings")
		require.Equal(t, map[string]any{"size": 3.0, "deep": map[string]any{"on": true}}, settings)
	})
	t.Run("a key may carry the project's name", func(t *testing.T) {
		o := options()
		o.StackFile = stackFile(t, "config: {program:token: mine}")
		token, _ := find(t, run(t, o), bucketToken, "data-bucket").Get("token")
		require.Equal(t, "mine", token)
	})
	t.Run("overrides act as config set --path", func(t *testing.T) {
		o := options()
		o.ConfigOverrides = map[string]string{"settings.deep.on": "false", "settings.more": "60.5", "aws:region": "us-east-1"}
		bucket := find(t, run(t, o), bucketToken, "data-bucket")
		settings, _ := bucket.Get("settings")
		require.Equal(t, map[string]any{"size": 3.0, "more": "60.5", "deep": map[string]any{"on": false}}, settings)
		region, _ := bucket.Get("region")
		require.Equal(t, "us-east-1", region)
	})
	t.Run("elements of a list are set in the order of their numbers", func(t *testing.T) {
		o := options()
		o.ConfigOverrides = map[string]string{}
		var want []any
		for i := range 12 {
			o.ConfigOverrides[fmt.Sprintf("settings.list[%d]", i)] = fmt.Sprintf("no. %d", i)
			want = append(want, fmt.Sprintf("no. %d", i))
		}
		settings, _ := find(t, run(t, o), bucketToken, "data-bucket").Get("settings")
		require.Equal(t, want, settings.(map[string]any)["list"])
	})
	t.Run("a colon in a quoted name is part of the name", func(t *testing.T) {
		o := options()
		o.ConfigOverrides = map[string]string{`settings.deep["a:b.c"]`: "1"}
		settings, _ := find(t, run(t, o), bucketToken, "data-bucket").Get("settings")
		require.Equal(t, map[string]any{"on": true, "a:b.c": 1.0}, settings.(map[string]any)["deep"])
	})
	for _, path := range []string{"", "[0]", `["settings"].size`, "settings[", "settings.list[0", "a:b:c"} {
		t.Run("no path: "+path, func(t *testing.T) {
			o := options()
			o.ConfigOverrides = map[string]string{path: "1"}
			_, err := Run(t.Context(), o)
			require.ErrorContains(t, err, "setting "+path+": ")
		})
	}
	t.Run("a renamed project keeps its bare keys", func(t *testing.T) {
		o := options()
		o.Project = "renamed"
		g := run(t, o)
		require.Equal(t, "renamed", g.Project)
		require.Len(t, g.Resources, len(run(t, options()).Resources))
	})
	t.Run("a secure value is blinded and secret", func(t *testing.T) {
		o := options()
		o.StackFile = stackFile(t, "config: {token: {secure: AAABAHello}}")
		bucket := find(t, run(t, o), bucketToken, "data-bucket")
		token, _ := bucket.Get("token")
		require.Equal(t, map[string]any{"secret": true}, token)
		value, _ := bucket.Revealed("token")
		require.Equal(t, "[secret]", value)
	})
}

func TestRunFails(t *testing.T) {
	t.Parallel()
	behave := func(name string) func(*testing.T, *Options) {
		return func(_ *testing.T, o *Options) { o.ConfigOverrides = map[string]string{"behaviour": name} }
	}
	file := func(text string) func(*testing.T, *Options) {
		return func(t *testing.T, o *Options) { o.StackFile = stackFile(t, text) }
	}
	cases := map[string]struct {
		change func(*testing.T, *Options)
		want   []string
	}{
		"with the program's whole error":   {behave("fail"), []string{"3 problems:\n  a is wrong\n  b is wrong\n  c is wrong"}},
		"when the program logs an error":   {behave("log"), []string{"logged as an error"}},
		"with the panic of the program":    {behave("panic"), []string{"the program panicked"}},
		"when the program exits":           {behave("exit"), []string{"running the program: exit status 7"}},
		"on a type::name registered twice": {behave("twice"), []string{bucketToken + "::same is registered twice"}},
		"on a function without an answer": {behave("function"),
			[]string{"no made-up answer for the provider function aws:none/getNothing:getNothing"}},
		"without a stack": {func(_ *testing.T, o *Options) { o.Stack = "" }, []string{"no stack: name one of bad, dev"}},
		"on a stack without a file": {func(_ *testing.T, o *Options) { o.Stack = "prdo" },
			[]string{`stack "prdo" has no file Pulumi.prdo.yaml`, "stacks are bad, dev"}},
		"without a project":          {func(t *testing.T, o *Options) { o.Dir = t.TempDir() }, []string{"reading the project"}},
		"on a file that is not YAML": {file("config: ["), []string{"reading Pulumi.dev.yaml"}},
		"on every value of the wrong type": {file("config: {settings: text, token: [1]}"),
			[]string{"key settings must be of type object", "key token must be of type string"}},
		"on a secure value in a wrong place": {file("config: {settings: {secure: AAABAHello}}"), []string{"key settings must be of type object"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := options()
			c.change(t, &o)
			g, err := Run(t.Context(), o)
			require.Nil(t, g)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "error occurred")
		})
	}
}

func TestRunTellsTheProgramWhetherItIsAPreview(t *testing.T) {
	t.Parallel()
	for _, update := range []bool{false, true} {
		o := options()
		o.Update, o.ConfigOverrides = update, map[string]string{"behaviour": "preview"}
		_, err := Run(t.Context(), o)
		require.ErrorContains(t, err, map[bool]string{false: "preview: true", true: "preview: false"}[update])
	}
}

func TestRunKeepsTheMachineOutOfThePlan(t *testing.T) {
	t.Setenv("AWS_PROFILE", "mine")
	o := options()
	o.ConfigOverrides = map[string]string{"behaviour": "environment"}
	_, err := Run(t.Context(), o)
	dir, absErr := filepath.Abs(o.Dir)
	require.NoError(t, absErr)
	require.ErrorContains(t, err, `AWS_PROFILE="" root="`+dir+`"`)
	require.NotContains(t, asJSON(t, run(t, options())), dir)
}

func TestRunReturnsWarningsAndOutput(t *testing.T) {
	t.Parallel()
	o := options()
	o.ConfigOverrides = map[string]string{"behaviour": "warn"}
	require.Equal(t, []string{"a warning of the program"}, run(t, o).Warnings)

	var printed bytes.Buffer
	o.ConfigOverrides, o.Stderr = map[string]string{"behaviour": "print"}, &printed
	require.Empty(t, run(t, o).Warnings)
	require.Equal(t, "printed by the program\n", printed.String())
}

func TestRunIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	for _, unknown := range []bool{false, true} {
		o := options()
		o.Unknown = unknown
		first := asJSON(t, run(t, o))
		for range 3 {
			require.Equal(t, first, asJSON(t, run(t, o)))
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	run(t, options()) // so that the program is built
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	_, err := Run(ctx, options())
	require.Error(t, err)
}

func TestWriteTree(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	require.NoError(t, run(t, options()).WriteTree(&b))
	for _, want := range []string{
		"program (stack dev)\n", "\ndata  scalable-backend:data:Data, 9 resources\n",
		"  aws s3 BucketV2                                      1  data-bucket (protected)\n",
		"    docker-build Image                                 1  backend-image (retained)\n",
		"Total: 10 resources of 10 types in 1 tier\n", "  bucketArn: arn:aws:s3:::data-bucket\n", "  password: [secret]\n",
	} {
		require.Contains(t, b.String(), want)
	}
}
