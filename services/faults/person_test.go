package faults

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// A person's command ends within a second of the first SIGINT or SIGTERM, with 130: here while the bucket is very slow.
func TestCommandsEndSoonAfterASignal(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	lane := s.proxyS3()
	s.backend(nil)
	o := s.upload(2 * part)
	for _, way := range []string{"downstream", "upstream"} {
		require.NoError(t, lane.Add(t.Context(), "bandwidth", way, map[string]any{"rate": 64}))
	}
	file := writeFile(t, 2*part)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		out, cache := t.TempDir(), t.TempDir()
		for _, args := range [][]string{{"fetch", o.Id, "-o", out}, {"upload", file}} {
			env := s.agentEnv(t.TempDir())
			env["XDG_CACHE_HOME"] = cache
			p := launch(t, args[0], exec.Command(binary(t, "agent"), args...), env)
			begun := map[string]string{"fetch": out + "/.partial/*", "upload": cache + "/scalable-backend/uploads/*"}[args[0]]
			require.Eventually(t, func() bool { // into the transfer
				found, err := filepath.Glob(begun)
				return err == nil && len(found) > 0
			}, patience, 20*time.Millisecond)
			signalled := time.Now()
			p.signal(signal)
			require.Equal(t, 130, p.ended(), "%v", args)
			require.Less(t, time.Since(signalled), 15*time.Second, "a second, and some time for a machine under load; the transfer takes minutes")
		}
	}
}

// Interrupted, and ended by the bucket's own rule: the next upload of the file begins anew, and the file becomes ready.
func TestUploadAfterTheBucketEndedIt(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	lane := s.proxyS3()
	s.backend(nil)
	file := writeFile(t, 20<<20)
	require.NoError(t, lane.Add(t.Context(), "bandwidth", "upstream", map[string]any{"rate": 512}))
	env := s.agentEnv(t.TempDir())
	env["XDG_CACHE_HOME"] = t.TempDir()
	p := launch(t, "upload", exec.Command(binary(t, "agent"), "upload", file), env)
	require.Eventually(t, func() bool {
		cached, _ := filepath.Glob(filepath.Join(env["XDG_CACHE_HOME"], "scalable-backend/uploads/*"))
		return len(cached) == 1
	}, patience, 20*time.Millisecond)
	p.signal(syscall.SIGINT)
	require.Equal(t, 130, p.ended())
	require.NoError(t, lane.Remove(t.Context(), "bandwidth", "upstream"))
	s.abortUploads()
	again := launch(t, "upload again", exec.Command(binary(t, "agent"), "upload", file), env)
	require.Zero(t, again.ended())
}

func writeFile(t *testing.T, size int) string {
	t.Helper()
	body := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(body)
	file := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(file, body, 0o600))
	return file
}

// abortUploads does what a bucket's lifecycle rule does to old multipart uploads.
func (s *system) abortUploads() {
	s.t.Helper()
	c := s3.New(s3.Options{
		BaseEndpoint: &s.s3.Endpoint, Region: s.s3.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.s3.AccessKey, s.s3.SecretKey, ""),
	})
	found, err := c.ListMultipartUploads(s.t.Context(), &s3.ListMultipartUploadsInput{Bucket: &s.s3.Bucket})
	require.NoError(s.t, err)
	require.NotEmpty(s.t, found.Uploads)
	for _, u := range found.Uploads {
		_, err := c.AbortMultipartUpload(s.t.Context(), &s3.AbortMultipartUploadInput{Bucket: &s.s3.Bucket, Key: u.Key, UploadId: u.UploadId})
		require.NoError(s.t, err)
	}
}
