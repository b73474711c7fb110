// Package images builds and pushes the container images of the backend and the agent with awsx, one ECR repository each,
// or deploys images that the owner has put there: promotion copies a digest from one stack's repository to another's.
package images

import (
	"fmt"

	awsecr "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi-awsx/sdk/v2/go/awsx/ecr"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"scalable-backend/internal/component"
)

// Token is the component's type.
const Token = "scalable-backend:images:Images"

// The two services; each has a repository, a Dockerfile and an image of its own.
const (
	Backend = "backend"
	Agent   = "agent"
)

// Images are deployed by digest: Backend and Agent look like <repository URL>@sha256:<64 hex digits>. Agent is "" without agents.
type Images struct {
	pulumi.ResourceState

	Backend, Agent                             pulumi.StringOutput
	BackendRepositoryURL, AgentRepositoryURL   pulumi.StringOutput
	BackendRepositoryARN, AgentRepositoryARN   pulumi.StringOutput
	BackendRepositoryName, AgentRepositoryName pulumi.StringOutput
}

// image is what one service contributes to the component.
type image struct{ uri, repositoryURL, repositoryARN, repositoryName pulumi.StringOutput }

// builder creates the children of the component.
type builder struct {
	*component.Builder
	args *Args
}

// New creates both repositories and builds the images that Args does not name.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Images, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	i := &Images{}
	base, err := component.Register(ctx, Token, name, i, args.Stack, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{base, args}

	backend, err := b.newImage(Backend, args.Backend, true)
	if err != nil {
		return nil, err
	}
	agent, err := b.newImage(Agent, args.Agent, args.Agents)
	if err != nil {
		return nil, err
	}
	i.Backend, i.Agent = backend.uri, agent.uri
	i.BackendRepositoryURL, i.AgentRepositoryURL = backend.repositoryURL, agent.repositoryURL
	i.BackendRepositoryARN, i.AgentRepositoryARN = backend.repositoryARN, agent.repositoryARN
	i.BackendRepositoryName, i.AgentRepositoryName = backend.repositoryName, agent.repositoryName
	if err := b.RegisterOutputs(pulumi.Map{
		"backend":               i.Backend,
		"agent":                 i.Agent,
		"backendRepositoryUrl":  i.BackendRepositoryURL,
		"agentRepositoryUrl":    i.AgentRepositoryURL,
		"backendRepositoryArn":  i.BackendRepositoryARN,
		"agentRepositoryArn":    i.AgentRepositoryARN,
		"backendRepositoryName": i.BackendRepositoryName,
		"agentRepositoryName":   i.AgentRepositoryName,
	}); err != nil {
		return nil, err
	}
	return i, nil
}

// newImage creates the repository of a service and, if it is needed and uri does not name one, builds its image.
func (b *builder) newImage(service, uri string, needed bool) (*image, error) {
	args := b.args
	physical := RepositoryName(args.Stack.Project, args.Stack.Stack, service)
	repository, err := ecr.NewRepository(b.Ctx, b.Name(service), repositoryArgs(args, b.Name(service), physical),
		b.Options(pulumi.Transforms([]pulumi.ResourceTransform{b.protectRepository}))...)
	if err != nil {
		return nil, fmt.Errorf("creating repository of the %s image: %w", service, err)
	}
	result := &image{
		uri:            pulumi.String(uri).ToStringOutput(),
		repositoryURL:  repository.Url,
		repositoryARN:  pulumi.String(args.Stack.ARN("ecr", "repository/"+physical)).ToStringOutput(),
		repositoryName: pulumi.String(physical).ToStringOutput(),
	}
	if uri != "" || !needed {
		return result, nil
	}
	built, err := ecr.NewImage(b.Ctx, b.Name(service), &ecr.ImageArgs{
		RepositoryUrl: repository.Url,
		Context:       pulumi.String(args.context()),
		// Relative to the project, unlike `docker build -f` of older builders, which looked inside the context.
		Dockerfile: pulumi.String(args.context() + "/" + service + ".Dockerfile"),
		Platform:   pulumi.String(platforms[args.Architecture]),
		Args:       pulumi.ToStringMap(args.buildArgs(service)),
	}, b.Options(
		// Deleting the build resource deletes its manifest from the repository, and a replacement that built the same bytes
		// would delete what it just pushed. Only lifecycle rules remove images.
		pulumi.RetainOnDelete(true),
		pulumi.Transforms([]pulumi.ResourceTransform{changeBuilds}),
	)...)
	if err != nil {
		return nil, fmt.Errorf("building the %s image: %w", service, err)
	}
	result.uri = built.ImageUri
	return result, nil
}

func repositoryArgs(args *Args, name, physical string) *ecr.RepositoryArgs {
	return &ecr.RepositoryArgs{
		// A fixed name: configuration must be able to tell this stack's repository from another's before it exists.
		Name:        pulumi.String(physical),
		ForceDelete: pulumi.Bool(args.Stack.Disposable),
		// awsx tags every build of an image alike, so the tag must move. Deployment is by digest, which cannot.
		ImageTagMutability: pulumi.String("MUTABLE"),
		ImageScanningConfiguration: &awsecr.RepositoryImageScanningConfigurationArgs{
			ScanOnPush: pulumi.Bool(true),
		},
		// Whoever pulls needs no right to the key: ECR decrypts by a grant that it makes with the repository (Amazon ECR User
		// Guide, "Encryption at rest"). Set from the beginning: another key would replace the repository.
		EncryptionConfigurations: awsecr.RepositoryEncryptionConfigurationArray{
			&awsecr.RepositoryEncryptionConfigurationArgs{
				EncryptionType: pulumi.String("KMS"),
				KmsKey:         args.DataKeyARN.ToStringOutput().ToStringPtrOutput(),
			},
		},
		LifecyclePolicy: lifecyclePolicy(),
		Tags:            pulumi.ToStringMap(args.Stack.Tags("images", name)),
	}
}
