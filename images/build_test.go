package images

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"scalable-backend/internal/infratest"
)

const services = "../services"

// buildFiles are the files of a context that control the build and are not Go sources.
var buildFiles = []string{"go.mod", "go.sum", "image.sh"}

// docker-build hashes each file of the context that is not ignored, and builds again when the hash changes. So each image's
// ignore file must allow exactly the sources of its command: without a newly imported package the build fails, and with files of
// the other command it runs without need.
func TestContexts(t *testing.T) {
	covered := map[string][]string{}
	for _, service := range []string{Backend, Agent} {
		covered[service] = contextOf(t, service)
		require.Equal(t, sources(t, service), covered[service], "%s.Dockerfile.dockerignore", service)
	}
	onlyOf := func(one, other string) (only []string) {
		for _, file := range covered[one] {
			if !slices.Contains(covered[other], file) {
				only = append(only, file)
			}
		}
		return only
	}
	require.Contains(t, onlyOf(Agent, Backend), "agent/cli/run.go")
	require.Contains(t, onlyOf(Backend, Agent), "backend/server/server.go")
	// Docker and docker-build read <Dockerfile>.dockerignore first. A common .dockerignore would be unused or apply to both.
	require.NoFileExists(t, filepath.Join(services, ".dockerignore"))
}

// contextOf returns the files that docker-build hashes for an image, found like in its hashBuildContext: by patternmatcher with
// the patterns of <Dockerfile>.dockerignore.
func contextOf(t *testing.T, service string) (files []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(services, service+".Dockerfile.dockerignore"))
	require.NoError(t, err)
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	require.NoError(t, err)
	matcher, err := patternmatcher.New(patterns)
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(services, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(services, path)
		if err != nil {
			return err
		}
		ignored, err := matcher.MatchesOrParentMatches(name)
		if !ignored {
			files = append(files, filepath.ToSlash(name))
		}
		return err
	}))
	slices.Sort(files)
	return files
}

// sources returns the files from which a command is compiled on both architectures, and the other files that the build reads.
func sources(t *testing.T, service string) []string {
	t.Helper()
	files := slices.Clone(buildFiles)
	root, err := filepath.Abs(services)
	require.NoError(t, err)
	for _, architecture := range []string{"amd64", "arm64"} {
		list := exec.Command("go", "list", "-deps", "-f", `{{with .Module}}{{if .Main}}{{range $.GoFiles}}{{$.Dir}}/{{.}}
{{end}}{{range $.EmbedFiles}}{{$.Dir}}/{{.}}
{{end}}{{end}}{{end}}`, "./cmd/"+service)
		list.Dir = services
		list.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "PWD="+root)
		var problems bytes.Buffer
		list.Stderr = &problems
		output, err := list.Output()
		require.NoError(t, err, problems.String())
		for _, path := range strings.Fields(string(output)) {
			name, err := filepath.Rel(root, path)
			require.NoError(t, err)
			files = append(files, filepath.ToSlash(name))
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

func TestBundleOfThePartition(t *testing.T) {
	checksum := "sha256:" + strings.Repeat("0a", 32)
	for partition, url := range map[string]string{
		"aws":        "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
		"aws-us-gov": "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem",
		"aws-cn":     "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/global/global-bundle.pem",
	} {
		info := infratest.Stack()
		info.Partition = partition
		graph := deploy(t, &Args{Stack: info, Architecture: "arm64", RDSBundleChecksum: checksum})
		backend := graph.Find(t, "awsx:ecr:Image", "images-backend")
		require.Equal(t, url, backend.String(t, "args", "RDS_CA_URL"))
		require.Equal(t, checksum, backend.String(t, "args", "RDS_CA_CHECKSUM"))
	}
	text, err := os.ReadFile(filepath.Join(services, "backend.Dockerfile"))
	require.NoError(t, err)
	require.Contains(t, string(text), "\nARG RDS_CA_URL="+rdsBundles["aws"]+"\nARG RDS_CA_CHECKSUM=\n", "the Dockerfile's default")
}

func TestRejectsBuilds(t *testing.T) {
	elsewhere := infratest.Stack()
	elsewhere.Partition = "aws-iso"
	for want, args := range map[string]Args{
		`images.Args.RDSBundleChecksum: want sha256:<64 hex digits>, got "0a"`:       {Stack: infratest.Stack(), RDSBundleChecksum: "0a"},
		`images.Args.Stack.Partition: want aws, aws-us-gov or aws-cn, got "aws-iso"`: {Stack: elsewhere},
	} {
		args.Architecture, args.DataKeyARN = "arm64", pulumi.String(dataKey)
		require.ErrorContains(t, infratest.RunError(t, func(ctx *pulumi.Context) error {
			_, err := New(ctx, "images", &args)
			return err
		}), want)
	}
}
