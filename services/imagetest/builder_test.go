//go:build images

package imagetest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"scalable-backend/services/internal/servers"
)

// request is one build of one image, as docker-build is asked for it: without provenance, without a cache in the image.
type request struct {
	dir      string // the build context
	file     string // the Dockerfile in it
	base     string // the argument that names the image to build on: goImage or pythonImage
	platform string // linux/amd64 or linux/arm64
	args     map[string]string
	labels   map[string]string
}

// The arguments that name an image to build on.
const (
	goImage     = "GO_IMAGE"
	pythonImage = "PYTHON_IMAGE"
)

// builder builds images into OCI layouts.
type builder interface {
	build(ctx context.Context, r request, layout string) error
	close()
}

// The builders: the cache of warm stays from one run to the next, that of cold is empty.
const (
	warm = "warm"
	cold = "cold"
)

// newBuilder returns a builder with its cache below dir, or in Docker's care.
func newBuilder(ctx context.Context, name, dir string) (builder, error) {
	if exec.CommandContext(ctx, "docker", "info").Run() == nil && exec.CommandContext(ctx, "docker", "buildx", "version").Run() == nil {
		return newBuildx(ctx, name)
	}
	return startBuildkit(ctx, filepath.Join(dir, "buildkit-"+name))
}

// buildkit is a daemon of its own with runc, for machines without a Docker engine.
type buildkit struct {
	process *servers.Process
	socket  string
	bin     string
}

func startBuildkit(ctx context.Context, state string) (builder, error) {
	bin := filepath.Join(shared.root, ".cache", "bin")
	dir, err := os.MkdirTemp("", "buildkit-") // a socket's path must be short
	if err != nil {
		return nil, err
	}
	b := &buildkit{socket: "unix://" + filepath.Join(dir, "s"), bin: bin}
	daemon := exec.Command(filepath.Join(bin, "buildkitd"), "--addr", b.socket, "--root", state,
		"--containerd-worker=false", "--oci-worker-net=host")
	if b.process, err = servers.StartProcess(daemon); err != nil {
		return nil, err
	}
	err = b.process.Await(ctx, time.Minute, func(ctx context.Context) error {
		return command(ctx, "", nil, filepath.Join(bin, "buildctl"), "--addr", b.socket, "debug", "workers")
	})
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *buildkit) close() {
	b.process.Stop(syscall.SIGTERM, 20*time.Second)
	_ = os.RemoveAll(filepath.Dir(b.socket[len("unix://"):]))
}

func (b *buildkit) build(ctx context.Context, r request, layout string) error {
	base, err := makeBase(ctx, r.base, shared.cache, filepath.Join(shared.root, "services"))
	if err != nil {
		return fmt.Errorf("making an image in the place of %s: %w", r.base, err)
	}
	args := []string{
		"--addr", b.socket, "build", "--progress=plain", "--frontend=dockerfile.v0", "--local=context=" + r.dir, "--local=dockerfile=" + r.dir,
		"--opt=filename=" + r.file, "--opt=platform=" + r.platform,
		"--opt=build-arg:" + r.base + "=base-image", "--oci-layout=base-image=" + base.layout,
		"--opt=context:base-image=oci-layout://base-image@" + base.digest,
		"--output=type=oci,tar=false,dest=" + layout,
	}
	for _, key := range slices.Sorted(maps.Keys(r.args)) {
		args = append(args, "--opt=build-arg:"+key+"="+r.args[key])
	}
	for _, key := range slices.Sorted(maps.Keys(r.labels)) {
		args = append(args, "--opt=label:"+key+"="+r.labels[key])
	}
	return command(ctx, "", nil, filepath.Join(b.bin, "buildctl"), args...)
}

// buildx is a BuildKit container of the Docker engine. It takes the public images.
type buildx struct{ name string }

func newBuildx(ctx context.Context, name string) (builder, error) {
	b := &buildx{"scalable-backend-images-" + name}
	if name != warm { // of a run that did not end
		_ = exec.CommandContext(ctx, "docker", "buildx", "rm", "--force", b.name).Run()
	} else if exec.CommandContext(ctx, "docker", "buildx", "inspect", b.name).Run() == nil {
		return b, nil
	}
	// The host's network: the tests serve the certificate bundle on loopback.
	return b, command(ctx, "", nil, "docker", "buildx", "create", "--name", b.name, "--driver", "docker-container",
		"--driver-opt", "network=host")
}

// close removes the builder and its cache, except for the one that is meant to stay.
func (b *buildx) close() {
	if b.name != "scalable-backend-images-"+warm {
		_ = exec.Command("docker", "buildx", "rm", "--force", b.name).Run()
	}
}

func (b *buildx) build(ctx context.Context, r request, layout string) error {
	file := layout + ".tar"
	args := []string{
		"buildx", "build", "--builder", b.name, "--progress=plain", "--file", filepath.Join(r.dir, r.file),
		"--platform", r.platform, "--provenance=false", "--output=type=oci,dest=" + file,
	}
	for _, key := range slices.Sorted(maps.Keys(r.args)) {
		args = append(args, "--build-arg", key+"="+r.args[key])
	}
	for _, key := range slices.Sorted(maps.Keys(r.labels)) {
		args = append(args, "--label", key+"="+r.labels[key])
	}
	if err := command(ctx, "", nil, "docker", append(args, r.dir)...); err != nil {
		return err
	}
	if err := os.MkdirAll(layout, 0o755); err != nil {
		return err
	}
	return command(ctx, layout, nil, "tar", "-xf", file)
}
