package images

import (
	"context"
	"maps"

	"github.com/pulumi/pulumi-awsx/sdk/v2/go/awsx/ecr"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// The awsx default keeps one untagged image, so instances could not pull the version that a rollback goes back to.
//
// ECR counts manifests, and BuildKit pushes three for each build: the index that is deployed, the image, and the image's
// provenance. It removes none that an index still names (Amazon ECR User Guide, "Lifecycle policy evaluation rules").
const (
	manifestsPerBuild = 3
	keepUntagged      = 30 * manifestsPerBuild  // former builds: each push takes the tag from the one before
	keepImages        = 100 * manifestsPerBuild // of any kind; what was tagged on purpose outlives the builds
)

// buildToken is the resource that awsx creates below an Image; its delete is the one that removes the manifest.
const buildToken = "docker-build:index:Image"

// repositoryToken is the resource that awsx creates below a Repository, beside its lifecycle policy.
const repositoryToken = "aws:ecr/repository:Repository"

func lifecyclePolicy() *ecr.LifecyclePolicyArgs {
	return &ecr.LifecyclePolicyArgs{Rules: ecr.LifecyclePolicyRuleArray{
		ecr.LifecyclePolicyRuleArgs{
			Description:           pulumi.String("keep former builds for rollbacks"),
			TagStatus:             ecr.LifecycleTagStatusUntagged,
			MaximumNumberOfImages: pulumi.Float64(keepUntagged),
		},
		ecr.LifecyclePolicyRuleArgs{
			Description:           pulumi.String("bound the repository"),
			TagStatus:             ecr.LifecycleTagStatusAny,
			MaximumNumberOfImages: pulumi.Float64(keepImages),
		},
	}}
}

// changeBuilds keeps the manifests of builds that awsx replaces, and leaves BuildKit's cache out of the images. awsx puts it
// into each image's configuration, with the hour of the build and the keys of its inputs, so that no two builds of the same
// source had the same digest, and each would have replaced the fleet. Every other type passes untouched: a transform that
// returns a result sends all of the resource's properties and options through this program.
func changeBuilds(_ context.Context, args *pulumi.ResourceTransformArgs) *pulumi.ResourceTransformResult {
	if args.Type != buildToken {
		return nil
	}
	options := args.Opts
	options.RetainOnDelete = true
	props := maps.Clone(args.Props)
	delete(props, "cacheTo")
	delete(props, "cacheFrom") // there is nothing to find
	return &pulumi.ResourceTransformResult{Props: props, Opts: options}
}

// protectRepository protects a repository as Builder.Protect does, and not its lifecycle policy: new rules replace that, and an
// option of the component would protect both.
func (b *builder) protectRepository(_ context.Context, args *pulumi.ResourceTransformArgs) *pulumi.ResourceTransformResult {
	if args.Type != repositoryToken || b.Stack.Disposable {
		return nil
	}
	options := args.Opts
	options.Protect = true
	return &pulumi.ResourceTransformResult{Props: args.Props, Opts: options}
}
