//go:build images

package imagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requestFor asks for an image as the program does, with the stand-in in the place of AWS's trust store.
func requestFor(dir, service, architecture string) request {
	args := maps.Clone(shared.plan.args[service])
	if service == "backend" {
		sum := sha256.Sum256(shared.bundle.text)
		args["RDS_CA_URL"], args["RDS_CA_CHECKSUM"] = shared.bundle.URL+"/global-bundle.pem", "sha256:"+hex.EncodeToString(sum[:])
	}
	return request{
		dir: dir, file: service + ".Dockerfile", base: goImage, platform: "linux/" + architecture, args: args, labels: labels,
	}
}

func buildAs(b builder, r request, layout string) (*image, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	if err := b.build(ctx, r, layout); err != nil {
		return nil, err
	}
	return readImage(layout)
}

// copyOfServices is another checkout of the same sources: other times, and the modes of another umask.
func copyOfServices(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "elsewhere")
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(shared.root, "services"))))
	require.NoError(t, command(t.Context(), "", nil, "chmod", "-R", "g+w", dir))
	return dir
}

// TestSameSourceSameDigest builds all images again, with an empty cache and from another checkout. The builders of TestFiles
// were at work before: what they made, long ago or just now, has the same digests.
func TestSameSourceSameDigest(t *testing.T) {
	empty, err := newBuilder(t.Context(), cold, t.TempDir())
	require.NoError(t, err)
	defer empty.close()
	dir := copyOfServices(t)
	for _, service := range services {
		for _, architecture := range architectures {
			began := time.Now()
			again, err := buildAs(empty, requestFor(dir, service, architecture), filepath.Join(t.TempDir(), "layout"))
			require.NoError(t, err)
			require.Equal(t, built(t, service, architecture).digest, again.digest, service+"/"+architecture)
			t.Logf("%s/%s: %s, %s", service, architecture, again.digest, time.Since(began).Round(time.Second))
		}
	}
}

// TestOnlyTheOtherChanged changes the sources of one image: the digest of the other stays.
func TestOnlyTheOtherChanged(t *testing.T) {
	for changed, file := range map[string]string{"agent": "agent/runner/runner.go", "backend": "backend/server/server.go"} {
		dir := copyOfServices(t)
		path := filepath.Join(dir, filepath.FromSlash(file))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		text = append(text, "\n// Changed is new.\nfunc Changed() {}\n"...)
		require.NoError(t, os.WriteFile(path, text, 0o644))
		for _, service := range services {
			i, err := buildAs(shared.builder, requestFor(dir, service, "amd64"), filepath.Join(t.TempDir(), "layout"))
			require.NoError(t, err)
			if service == changed {
				require.NotEqual(t, built(t, service, "amd64").digest, i.digest, "the version names other sources")
			} else {
				require.Equal(t, built(t, service, "amd64").digest, i.digest)
			}
		}
	}
}

// TestBundle shows what an unreachable and a changed bundle do to a build, with a checksum and without.
func TestBundle(t *testing.T) {
	server := serveBundle(shared.pki.ca)
	pinned := requestFor(filepath.Join(shared.root, "services"), "backend", "amd64")
	pinned.args["RDS_CA_URL"] = server.URL + "/global-bundle.pem"
	open := pinned
	open.args = maps.Clone(pinned.args)
	delete(open.args, "RDS_CA_CHECKSUM")
	try := func(r request) (*image, error) {
		return buildAs(shared.builder, r, filepath.Join(t.TempDir(), "layout"))
	}

	first, err := try(pinned)
	require.NoError(t, err)
	again, err := try(open)
	require.NoError(t, err)
	require.Equal(t, first.digest, again.digest, "the checksum is no part of the image")

	server.text = bytes.Repeat(shared.pki.ca, 2)
	changed, err := try(open)
	require.NoError(t, err)
	require.NotEqual(t, first.digest, changed.digest, "without a checksum a changed bundle is another image")
	again, err = try(pinned)
	require.NoError(t, err, "with one the cache answers")
	require.Equal(t, first.digest, again.digest)
	other := pinned
	other.args = maps.Clone(pinned.args)
	other.args["RDS_CA_URL"] += "?not-seen-before"
	other.args["RDS_CA_CHECKSUM"] = "sha256:" + hex.EncodeToString(make([]byte, sha256.Size))
	_, err = try(other)
	require.ErrorContains(t, err, "digest mismatch")

	server.Close()
	_, err = try(pinned)
	require.NoError(t, err, "with a checksum and a warm cache nothing is asked")
	_, err = try(open)
	require.ErrorContains(t, err, "connection refused", "without one each build asks")
}
