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

// goImage is the image that the Dockerfiles are built on when there is no registry: an OCI layout of this machine's Debian, its
// Go toolchain and the modules that the two commands need, so that a build needs no network at all.
type goImage struct{ layout, digest string }

// makeGoImage makes the image, or takes the one that was made before from the same toolchain and modules.
func makeGoImage(ctx context.Context, cache, services string) (goImage, error) {
	sum, err := os.ReadFile(filepath.Join(services, "go.sum"))
	if err != nil {
		return goImage{}, err
	}
	key := sha256.Sum256(append(sum, runtime.Version()...))
	layout := filepath.Join(cache, "go-image-"+hex.EncodeToString(key[:6]))
	if digest, err := os.ReadFile(filepath.Join(layout, "digest")); err == nil {
		return goImage{layout, string(digest)}, nil
	}
	before, err := filepath.Glob(filepath.Join(cache, "go-image-*"))
	if err != nil {
		return goImage{}, err
	}
	for _, dir := range before {
		if err := os.RemoveAll(dir); err != nil {
			return goImage{}, err
		}
	}
	work, err := os.MkdirTemp(cache, "go-image-work-")
	if err != nil {
		return goImage{}, err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a directory of the test
	var layers []string
	for _, make := range []func(ctx context.Context, work, services string) (string, error){debian, toolchain, modules} {
		layer, err := make(ctx, work, services)
		if err != nil {
			return goImage{}, err
		}
		layers = append(layers, layer)
	}
	digest, err := writeLayout(layout, layers)
	if err != nil {
		return goImage{}, err
	}
	return goImage{layout, digest}, os.WriteFile(filepath.Join(layout, "digest"), []byte(digest), 0o644)
}

// debian is the file system of the machine's own release, from the package sources that the machine has.
func debian(ctx context.Context, work, _ string) (string, error) {
	layer := filepath.Join(work, "debian.tar")
	return layer, command(ctx, "", nil, "sh", "-c",
		`. /etc/os-release && exec mmdebstrap --quiet --mode=root --variant=essential --include=ca-certificates "$VERSION_CODENAME" "$0"`, layer)
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
func writeLayout(dir string, layers []string) (string, error) {
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
		"config": map[string]any{"Env": []string{
			"PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"GOTOOLCHAIN=local", "GOPROXY=file:///usr/local/share/modules", "GOSUMDB=off",
		}},
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
