// Command program is a small stack for the plan engine's tests. It uses every feature that the engine supports, with only the
// Pulumi SDK. The configuration key "behaviour" makes it fail in some way.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

type tier struct {
	pulumi.ResourceState
}

type bucket struct {
	pulumi.CustomResourceState

	ARN    pulumi.StringOutput `pulumi:"arn"`
	Bucket pulumi.StringOutput `pulumi:"bucket"`
}

type password struct {
	pulumi.CustomResourceState

	Result pulumi.StringOutput `pulumi:"result"`
}

// anyOutput is pulumi.AnyOutput without its methods, of which the linker would keep every type of the SDK: they double the time of a build.
type anyOutput struct{ *pulumi.OutputState }

func (anyOutput) ElementType() reflect.Type { return reflect.TypeFor[any]() }

func init() { pulumi.RegisterOutputType(anyOutput{}) }

type repository struct {
	pulumi.ResourceState

	URL        pulumi.StringOutput `pulumi:"url"`
	Repository anyOutput           `pulumi:"repository"`
}

type image struct {
	pulumi.ResourceState

	ImageURI pulumi.StringOutput `pulumi:"imageUri"`
}

func main() { pulumi.Run(deploy) }

func deploy(ctx *pulumi.Context) error {
	if err := misbehave(ctx, get(ctx, "behaviour")); err != nil {
		return err
	}
	t := &tier{}
	if err := ctx.RegisterComponentResource("scalable-backend:data:Data", "data", t); err != nil {
		return fmt.Errorf("creating tier: %w", err)
	}
	if err := data(ctx, t); err != nil {
		return err
	}
	return images(ctx, t)
}

// get reads a key of the project's own namespace.
func get(ctx *pulumi.Context, key string) string {
	value, _ := ctx.GetConfig(ctx.Project() + ":" + key)
	return value
}

func data(ctx *pulumi.Context, t *tier) error {
	var settings map[string]any
	if err := json.Unmarshal([]byte(get(ctx, "settings")), &settings); err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	region, _ := ctx.GetConfig("aws:region")
	token := pulumi.String(get(ctx, "token")).ToStringOutput()
	if ctx.IsConfigSecret(ctx.Project() + ":token") {
		token = pulumi.ToSecret(token).(pulumi.StringOutput)
	}
	var b, policy, version bucket
	var p password
	if err := ctx.RegisterResource("aws:s3/bucketV2:BucketV2", "data-bucket", pulumi.Map{
		"settings": pulumi.ToMap(settings), "token": token, "region": pulumi.String(region),
	}, &b, pulumi.Parent(t), pulumi.Protect(true), pulumi.IgnoreChanges([]string{"token", "region"})); err != nil {
		return err
	}
	if err := ctx.RegisterResource("aws:s3/bucketPolicy:BucketPolicy", "data-policy", pulumi.Map{
		"bucket": b.Bucket,
		"policy": b.ARN.ApplyT(func(arn string) string { return `{"Resource":"` + arn + `/*"}` }).(pulumi.StringOutput),
	}, &policy, pulumi.Parent(t), pulumi.RetainOnDelete(true)); err != nil {
		return err
	}
	if err := ctx.RegisterResource("random:index/randomPassword:RandomPassword", "data-password", pulumi.Map{
		"length": pulumi.Int(32),
	}, &p, pulumi.Parent(t), pulumi.AdditionalSecretOutputs([]string{"result"})); err != nil {
		return err
	}
	if err := ctx.RegisterResource("aws:secretsmanager/secretVersion:SecretVersion", "data-secret", pulumi.Map{
		"secretId": pulumi.String("arn:aws:secretsmanager:::x"), "secretString": p.Result,
	}, &version, pulumi.Parent(t), pulumi.DependsOn([]pulumi.Resource{&b, &policy}), pulumi.DeleteBeforeReplace(true),
		pulumi.ReplaceOnChanges([]string{"secretId"})); err != nil {
		return err
	}
	var zones struct {
		Names []string `pulumi:"names"`
	}
	if err := ctx.Invoke("aws:index/getAvailabilityZones:getAvailabilityZones", nil, &zones); err != nil {
		return err
	}
	ctx.Export("bucketArn", b.ARN)
	ctx.Export("password", p.Result)
	ctx.Export("zones", pulumi.ToStringArray(zones.Names))
	return ctx.RegisterResourceOutputs(t, pulumi.Map{"bucketArn": b.ARN})
}

func images(ctx *pulumi.Context, t *tier) error {
	var r repository
	if err := ctx.RegisterRemoteComponentResource("awsx:ecr:Repository", "backend", pulumi.Map{}, &r, pulumi.Parent(t)); err != nil {
		return err
	}
	var i image
	if err := ctx.RegisterRemoteComponentResource("awsx:ecr:Image", "backend-image", pulumi.Map{
		"repositoryUrl": r.URL, "context": pulumi.String("./services"),
	}, &i, pulumi.Parent(t), pulumi.Transforms([]pulumi.ResourceTransform{keep})); err != nil {
		return err
	}
	ctx.Export("image", i.ImageURI)
	ctx.Export("repository", r.Repository)
	return nil
}

// keep sets RetainOnDelete on the image that the remote component registers, and leaves every other type alone.
func keep(_ context.Context, args *pulumi.ResourceTransformArgs) *pulumi.ResourceTransformResult {
	if args.Type != "docker-build:index:Image" {
		return nil
	}
	args.Opts.RetainOnDelete = true
	return &pulumi.ResourceTransformResult{Props: args.Props, Opts: args.Opts}
}

// rename marks the inputs of every bucket.
func rename(_ context.Context, args *pulumi.ResourceTransformArgs) *pulumi.ResourceTransformResult {
	if args.Type == "aws:s3/bucketV2:BucketV2" {
		args.Props["transformed"] = pulumi.Bool(true)
	}
	return &pulumi.ResourceTransformResult{Props: args.Props, Opts: args.Opts}
}

// misbehave fails in the way that a test asks for.
func misbehave(ctx *pulumi.Context, behaviour string) error {
	switch behaviour {
	case "":
		return nil
	case "fail":
		return errors.New("3 problems:\n  a is wrong\n  b is wrong\n  c is wrong")
	case "panic":
		panic("the program panicked")
	case "exit":
		os.Exit(7) //nolint:revive // the test needs a program that exits without a message
	case "warn":
		return ctx.Log.Warn("a warning of the program", nil)
	case "log":
		return ctx.Log.Error("logged as an error", nil)
	case "print":
		fmt.Println("printed by the program")
		return nil
	case "twice":
		for range 2 {
			var b bucket
			if err := ctx.RegisterResource("aws:s3/bucketV2:BucketV2", "same", pulumi.Map{}, &b); err != nil {
				return err
			}
		}
		return nil
	case "transform":
		return ctx.RegisterResourceTransform(rename)
	case "function":
		return ctx.Invoke("aws:none/getNothing:getNothing", nil, &struct{}{})
	case "preview":
		return fmt.Errorf("preview: %t", ctx.DryRun())
	case "environment":
		return fmt.Errorf("AWS_PROFILE=%q root=%q", os.Getenv("AWS_PROFILE"), ctx.RootDirectory())
	}
	return fmt.Errorf("unknown behaviour %q", behaviour)
}
