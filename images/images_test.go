package images

import (
	"context"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"scalable-backend/internal/infratest"
)

const componentKey = Token + "::images"

const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func ownURI(service string) string {
	return "123456789012.dkr.ecr.eu-central-1.amazonaws.com/scalable-backend/test/" + service + digest
}

const dataKey = "arn:aws:kms:eu-central-1:123456789012:key/data"

func deploy(t *testing.T, args *Args) *infratest.Graph {
	t.Helper()
	args.Agents = true
	return deployWith(t, args)
}

func deployWith(t *testing.T, args *Args) *infratest.Graph {
	t.Helper()
	args.DataKeyARN = pulumi.String(dataKey)
	return infratest.Run(t, func(ctx *pulumi.Context) error {
		_, err := New(ctx, "images", args)
		return err
	})
}

// Without agents their image is not built. Their repository stays: in a stack that lasts it is protected, and agents may come back.
func TestWithoutAgents(t *testing.T) {
	graph := deployWith(t, &Args{Stack: infratest.Stack(), Architecture: "arm64"})
	graph.RequireNames(t, "awsx:ecr:Repository", "images-backend", "images-agent")
	graph.RequireNames(t, "awsx:ecr:Image", "images-backend")
	require.Empty(t, graph.Outputs(t, componentKey)["Agent"])
}

// TestBuildsBothImages checks the inputs for awsx. It does not check what awsx does with them: that needs its plugin.
func TestBuildsBothImages(t *testing.T) {
	graph := deploy(t, &Args{Stack: infratest.Stack(), Architecture: "arm64"})
	graph.RequireCounts(t, map[string]int{"awsx:ecr:Repository": 2, "awsx:ecr:Image": 2})
	graph.RequireDescend(t, componentKey)

	for _, service := range []string{Backend, Agent} {
		repository := graph.Find(t, "awsx:ecr:Repository", "images-"+service)
		require.Equal(t, "scalable-backend/test/"+service, repository.String(t, "name"))
		require.True(t, repository.Bool(t, "imageScanningConfiguration", "scanOnPush"))
		require.Equal(t, "MUTABLE", repository.String(t, "imageTagMutability"))
		require.Equal(t, "KMS", repository.String(t, "encryptionConfigurations", 0, "encryptionType"))
		require.Equal(t, dataKey, repository.String(t, "encryptionConfigurations", 0, "kmsKey"))
		require.False(t, repository.Bool(t, "forceDelete"))
		for key, want := range map[string]string{
			"project": "scalable-backend", "stack": "test",
			"deployment": "scalable-backend-test", "tier": "images", "managed-by": "pulumi", "Name": "images-" + service,
		} {
			require.Equal(t, want, repository.String(t, "tags", key))
		}

		image := graph.Find(t, "awsx:ecr:Image", "images-"+service)
		require.Equal(t, "./services", image.String(t, "context"))
		require.Equal(t, "./services/"+service+".Dockerfile", image.String(t, "dockerfile"))
		require.Equal(t, "linux/arm64", image.String(t, "platform"))
		require.Contains(t, image.String(t, "repositoryUrl"), "scalable-backend/test/"+service)
		// awsx hashes all of this into the image's name, so it must not change from commit to commit.
		args := map[string]any{"SOURCE_DATE_EPOCH": "0"}
		if service == Backend {
			args["RDS_CA_URL"] = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
		}
		given, _ := image.Get("args")
		require.Equal(t, args, given)
		for _, input := range []string{"imageName", "imageTag", "target"} {
			_, set := image.Get(input)
			require.False(t, set, "input %s of the image", input)
		}
	}

	outputs := graph.Outputs(t, componentKey)
	for field, service := range map[string]string{"Backend": Backend, "Agent": Agent} {
		require.Equal(t, "arn:aws:ecr:eu-central-1:123456789012:repository/scalable-backend/test/"+service, outputs[field+"RepositoryARN"])
		require.Regexp(t, `/scalable-backend/test/`+service+`@sha256:[0-9a-f]{64}$`, outputs[field])
	}
}

func TestImagesAreRetained(t *testing.T) {
	graph := deploy(t, &Args{Stack: infratest.Stack(), Architecture: "arm64"})
	for _, image := range graph.OfType("awsx:ecr:Image") {
		require.True(t, image.RetainOnDelete, image.Name)
		require.Equal(t, 1, image.Transforms, image.Name)
	}

	props := pulumi.Map{
		"push":      pulumi.Bool(true),
		"cacheTo":   pulumi.Array{pulumi.Map{"inline": pulumi.Map{}}},
		"cacheFrom": pulumi.Array{pulumi.Map{"registry": pulumi.StringMap{"ref": pulumi.String("repository:tag")}}},
	}
	result := changeBuilds(context.Background(), &pulumi.ResourceTransformArgs{
		Type: "docker-build:index:Image", Props: props, Opts: pulumi.ResourceOptions{Version: "0.0.8"},
	})
	require.NotNil(t, result)
	require.True(t, result.Opts.RetainOnDelete)
	require.Equal(t, "0.0.8", result.Opts.Version, "other options must not change")
	require.Equal(t, pulumi.Map{"push": pulumi.Bool(true)}, result.Props, "a cache in the image would change its digest")
	require.Len(t, props, 3, "the given map must not change")
	for _, other := range []string{"awsx:ecr:Image", "aws:ecr/repository:Repository", "pulumi:providers:docker-build"} {
		require.Nil(t, changeBuilds(context.Background(), &pulumi.ResourceTransformArgs{Type: other}), other)
	}
}

func TestLifecycleKeepsRollbacks(t *testing.T) {
	graph := deploy(t, &Args{Stack: infratest.Stack(), Architecture: "arm64"})
	for _, repository := range graph.OfType("awsx:ecr:Repository") {
		rules, ok := repository.Get("lifecyclePolicy", "rules")
		require.True(t, ok)
		require.Len(t, rules, 2)
		require.Equal(t, "untagged", repository.String(t, "lifecyclePolicy", "rules", 0, "tagStatus"))
		untagged := repository.Number(t, "lifecyclePolicy", "rules", 0, "maximumNumberOfImages")
		require.GreaterOrEqual(t, untagged, 3*20.0, "three manifests a build")
		require.Equal(t, "any", repository.String(t, "lifecyclePolicy", "rules", 1, "tagStatus"))
		require.Greater(t, repository.Number(t, "lifecyclePolicy", "rules", 1, "maximumNumberOfImages"), untagged)
		for rule := range 2 {
			_, byAge := repository.Get("lifecyclePolicy", "rules", rule, "maximumAgeLimit")
			require.False(t, byAge, "an image in use must not expire because of its age")
		}
	}
}

func TestDisposableRepositoriesAreEmptied(t *testing.T) {
	info := infratest.Stack()
	info.Disposable = true
	for _, repository := range deploy(t, &Args{Stack: info, Architecture: "x86_64"}).OfType("awsx:ecr:Repository") {
		require.True(t, repository.Bool(t, "forceDelete"))
	}
}

func TestGivenDigestIsDeployedAsItIs(t *testing.T) {
	both := deploy(t, &Args{Stack: infratest.Stack(), Architecture: "x86_64", Backend: ownURI(Backend), Agent: ownURI(Agent)})
	both.RequireNone(t, "awsx:ecr:Image")
	require.Len(t, both.OfType("awsx:ecr:Repository"), 2)
	require.Equal(t, ownURI(Backend), both.Outputs(t, componentKey)["Backend"])
	require.Equal(t, ownURI(Agent), both.Outputs(t, componentKey)["Agent"])

	one := deploy(t, &Args{Stack: infratest.Stack(), Architecture: "x86_64", Agent: ownURI(Agent)})
	require.Equal(t, "linux/amd64", one.Only(t, "awsx:ecr:Image").String(t, "platform"))
	require.Equal(t, "images-backend", one.Only(t, "awsx:ecr:Image").Name)
}

func TestRejectsArguments(t *testing.T) {
	for want, args := range map[string]Args{
		"images.Args.Architecture: want arm64 or x86_64, got \"\"":                {},
		"images.Args.Architecture: want arm64 or x86_64, got \"riscv\"":           {Architecture: "riscv"},
		"images.Args.DataKeyARN: want a value, got nil":                           {Architecture: "x86_64"},
		"images.Args.Context: want a path inside the project, got \"/x\"":         {Architecture: "arm64", Context: "/x"},
		"images.Args.Context: want a path inside the project, got \"./..\"":       {Architecture: "arm64", Context: "./.."},
		"images.Args.Agent: an image of repository scalable-backend/test/backend": {Architecture: "arm64", Agent: ownURI(Backend)},
		"images.Args.Backend: not a digest URI":                                   {Architecture: "arm64", Backend: "nginx:latest"},
	} {
		args.Stack = infratest.Stack()
		if args.Architecture != "x86_64" {
			args.DataKeyARN = pulumi.String(dataKey)
		}
		err := infratest.RunError(t, func(ctx *pulumi.Context) error {
			_, err := New(ctx, "images", &args)
			return err
		})
		require.ErrorContains(t, err, want)
	}
}

func TestCheckURI(t *testing.T) {
	accounts := []string{"123456789012"}
	const repository = "scalable-backend/test/agent"
	own := ownURI(Agent)
	require.NoError(t, CheckURI(own, "eu-central-1", accounts, repository))
	require.NoError(t, CheckURI(own, "eu-central-1", nil, repository))
	for name, uri := range map[string]string{
		"not a digest URI":                                   strings.Replace(own, digest, ":latest", 1),
		"not a digest":                                       strings.Replace(own, "sha256:0", "sha256:", 1),
		"not a digest URI: want <account>":                   "docker.io/library/nginx" + digest,
		"an image of account 999999999999":                   strings.Replace(own, "123456789012", "999999999999", 1),
		"an image in region eu-west-1":                       strings.Replace(own, "eu-central-1", "eu-west-1", 1),
		"an image of repository scalable-backend/prod/agent": strings.Replace(own, "/test/", "/prod/", 1),
	} {
		require.ErrorContains(t, CheckURI(uri, "eu-central-1", accounts, repository), name)
	}
	// Registries in China have another domain.
	china := strings.NewReplacer("eu-central-1", "cn-north-1", "amazonaws.com", "amazonaws.com.cn").Replace(own)
	require.NoError(t, CheckURI(china, "cn-north-1", accounts, repository))
	require.ErrorContains(t, CheckURI(strings.Replace(own, "eu-central-1", "cn-north-1", 1), "cn-north-1", accounts, repository),
		"a registry in amazonaws.com; those of region cn-north-1 are in amazonaws.com.cn")
	require.ErrorContains(t, CheckURI(strings.Replace(own, ".com/", ".com.cn/", 1), "eu-central-1", accounts, repository), "amazonaws.com")
	require.ErrorContains(t, CheckURI("nginx", "cn-north-1", accounts, repository), "<account>.dkr.ecr.cn-north-1.amazonaws.com.cn/scalable")
}

func TestRepositoryName(t *testing.T) {
	require.Equal(t, "scalable-backend/dev/agent", RepositoryName("scalable-backend", "dev", Agent))
	require.NotEqual(t, RepositoryName("p", "Dev", Agent), RepositoryName("p", "dev", Agent))
	require.NotEqual(t, RepositoryName("p", "a__b", Agent), RepositoryName("p", "a--b", Agent))
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z0-9._-]{1,120}`)
		got := RepositoryName(name.Draw(t, "project"), name.Draw(t, "stack"), Agent)
		if len(got) > 256 || !digestURI.MatchString("123456789012.dkr.ecr.us-east-1.amazonaws.com/"+got+digest) {
			t.Fatalf("this package does not accept the repository name %q", got)
		}
		for _, p := range strings.Split(got, "/") {
			if !validPart.MatchString(p) {
				t.Fatalf("ECR does not accept the repository name %q", got)
			}
		}
	})
}

// The names must not change: another name would be another repository, without the old images.
func TestRepositoryNamesStay(t *testing.T) {
	long := strings.Repeat("x", 70)
	require.Equal(t, "big-f69fd263/dev-9c24f45a/agent", RepositoryName("Big", "Dev", Agent))
	capped := strings.Repeat("x", 51) // with the hash, 60 characters
	require.Equal(t, capped+"-c71bd109/"+capped+"-87a1e4c1-3b2edf1c/agent", RepositoryName(long, "X"+long, Agent))
}

func TestBuildsFromAnotherDirectory(t *testing.T) {
	graph := deploy(t, &Args{Stack: infratest.Stack(), Architecture: "arm64", Context: "./own", Agent: ownURI(Agent)})
	image := graph.Only(t, "awsx:ecr:Image")
	require.Equal(t, "./own", image.String(t, "context"))
	require.Equal(t, "./own/backend.Dockerfile", image.String(t, "dockerfile"))
}

// An image must belong to the stack's account. In a preview without credentials the account is unknown and not checked.
func TestImagesAreOfTheStacksAccount(t *testing.T) {
	args := &Args{Stack: infratest.Stack(), Architecture: "arm64", DataKeyARN: pulumi.String(dataKey), Agent: ownURI(Agent)}
	args.Stack.AccountID = "999999999999"
	require.ErrorContains(t, args.validate(), "images.Args.Agent: an image of account 123456789012; this stack's account is 999999999999")
	args.Stack.AccountID = ""
	require.NoError(t, args.validate())
}
