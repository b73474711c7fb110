//go:build images

package imagetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// baseImage stands in the place of a public image that a Dockerfile is built on when there is no registry: an OCI layout that is
// made of this machine's Debian, so that a build needs no network at all.
type baseImage struct{ layout, digest string }

// layerMaker writes a layer below work and returns its file.
type layerMaker func(ctx context.Context, work, services string) (string, error)

// makeBase makes the image that a build argument names, or takes the one that was made before.
func makeBase(ctx context.Context, argument, cache, services string) (baseImage, error) {
	switch argument {
	case goImage:
		sum, err := os.ReadFile(filepath.Join(services, "go.sum"))
		if err != nil {
			return baseImage{}, err
		}
		// Its Go toolchain, and the modules that the two commands need.
		return makeImage(ctx, cache, "go-image", append(sum, runtime.Version()...), services, []string{
			"PATH=/usr/local/go/bin:" + usualPath, "GOTOOLCHAIN=local", "GOPROXY=file:///usr/local/share/modules", "GOSUMDB=off",
		}, debian("ca-certificates"), toolchain, modules)
	case pythonImage:
		release, err := os.ReadFile("/etc/os-release")
		if err != nil {
			return baseImage{}, err
		}
		return makeImage(ctx, cache, "python-image", release, services, []string{"PATH=" + usualPath}, debian("ca-certificates,python3"))
	default:
		return baseImage{}, fmt.Errorf("no image is made for the argument %q", argument)
	}
}

const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// makeImage makes an image of layers. What it is made of is its key: with another one it is made anew.
func makeImage(
	ctx context.Context, cache, name string, key []byte, services string, env []string, makers ...layerMaker,
) (baseImage, error) {
	sum := sha256.Sum256(key)
	layout := filepath.Join(cache, name+"-"+hex.EncodeToString(sum[:6]))
	if digest, err := os.ReadFile(filepath.Join(layout, "digest")); err == nil {
		return baseImage{layout, string(digest)}, nil
	}
	before, err := filepath.Glob(filepath.Join(cache, name+"-*"))
	if err != nil {
		return baseImage{}, err
	}
	for _, dir := range before {
		if err := os.RemoveAll(dir); err != nil {
			return baseImage{}, err
		}
	}
	work, err := os.MkdirTemp(cache, name+"-work-")
	if err != nil {
		return baseImage{}, err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a directory of the test
	var layers []string
	for _, make := range makers {
		layer, err := make(ctx, work, services)
		if err != nil {
			return baseImage{}, err
		}
		layers = append(layers, layer)
	}
	digest, err := writeLayout(layout, env, layers)
	if err != nil {
		return baseImage{}, err
	}
	return baseImage{layout, digest}, os.WriteFile(filepath.Join(layout, "digest"), []byte(digest), 0o644)
}

// debian is the file system of the machine's own release with some packages, from the package sources that the machine has.
func debian(packages string) layerMaker {
	return func(ctx context.Context, work, _ string) (string, error) {
		layer := filepath.Join(work, "debian.tar")
		return layer, command(ctx, "", nil, "sh", "-c",
			`. /etc/os-release && exec mmdebstrap --quiet --mode=root --variant=essential --include="$1" "$VERSION_CODENAME" "$0"`, layer, packages)
	}
}

func toolchain(ctx context.Context, work, _ string) (string, error) {
	layer := filepath.Join(work, "go.tar")
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("asking go for its root: %w", err)
	}
	return layer, command(ctx, "", nil, "tar", "-C", strings.TrimSpace(string(root)), "--exclude=./test", "--exclude=./doc", "--exclude=./api",
		"--owner=0", "--group=0", "--transform=s|^\\.|usr/local/go|", "-cf", layer, ".")
}

// modules is a module proxy of files with what the two commands are compiled from, on either architecture.
func modules(ctx context.Context, work, services string) (string, error) {
	cache := filepath.Join(work, "modules")
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		return "", fmt.Errorf("asking go for its module cache: %w", err)
	}
	have, proxy, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	for _, architecture := range []string{"amd64", "arm64"} {
		env := []string{"GOMODCACHE=" + cache, "GOPROXY=file://" + have + "/cache/download," + proxy, "GOOS=linux", "GOARCH=" + architecture,
			"GOSUMDB=off", "GOFLAGS=-modcacherw"}
		if err := command(ctx, services, env, "go", "list", "-deps", "./cmd/backend", "./cmd/agent"); err != nil {
			return "", err
		}
	}
	layer := filepath.Join(work, "modules.tar")
	return layer, command(ctx, "", nil, "tar", "-C", filepath.Join(cache, "cache", "download"), "--exclude=./sumdb", "--owner=0", "--group=0",
		"--transform=s|^\\.|usr/local/share/modules|", "-cf", layer, ".")
}

// descriptor is a reference to a blob.
type descriptor struct {
	MediaType string            `json:"mediaType"`
	Digest    string            `json:"digest"`
	Size      int64             `json:"size"`
	Platform  map[string]string `json:"platform,omitempty"`
}

// writeLayout writes an image of uncompressed layers (OCI Image Format Specification).
func writeLayout(dir string, env, layers []string) (string, error) {
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return "", err
	}
	var list []descriptor
	var ids []string
	for _, layer := range layers {
		d, err := moveBlob(blobs, layer)
		if err != nil {
			return "", err
		}
		list, ids = append(list, d), append(ids, d.Digest)
	}
	config, err := writeBlob(blobs, "application/vnd.oci.image.config.v1+json", map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Env": env},
		"rootfs": map[string]any{"type": "layers", "diff_ids": ids},
	})
	if err != nil {
		return "", err
	}
	manifest, err := writeBlob(blobs, "application/vnd.oci.image.manifest.v1+json", map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": list,
	})
	if err != nil {
		return "", err
	}
	manifest.Platform = map[string]string{"os": "linux", "architecture": runtime.GOARCH}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifest}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), index, 0o644); err != nil {
		return "", err
	}
	return manifest.Digest, os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
}

func moveBlob(blobs, path string) (descriptor, error) {
	f, err := os.Open(path)
	if err != nil {
		return descriptor{}, err
	}
	defer f.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, f)
	if err != nil {
		return descriptor{}, err
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	d := descriptor{MediaType: "application/vnd.oci.image.layer.v1.tar", Digest: "sha256:" + sum, Size: size}
	return d, os.Rename(path, filepath.Join(blobs, sum))
}

func writeBlob(blobs, mediaType string, value any) (descriptor, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return descriptor{}, err
	}
	sum := sha256.Sum256(text)
	name := hex.EncodeToString(sum[:])
	d := descriptor{MediaType: mediaType, Digest: "sha256:" + name, Size: int64(len(text))}
	return d, os.WriteFile(filepath.Join(blobs, name), text, 0o644)
}

// command runs a program; what it prints is in the error.
func command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		text := string(out)
		return fmt.Errorf("%s: %w\n%s", name, err, text[max(0, len(text)-6<<10):])
	}
	return nil
}
