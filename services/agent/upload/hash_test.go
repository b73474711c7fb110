package upload

import (
	"hash"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/agent/internal/fakeapi"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, partSize, partSize + 1, 2 * partSize} {
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(i * 7 >> 3)
		}
		path := filepath.Join(t.TempDir(), "f")
		require.NoError(t, os.WriteFile(path, body, 0o600))
		f, err := os.Open(path)
		require.NoError(t, err)
		var done atomic.Int64
		n, err := describe(t.Context(), f, "f", &done)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Equal(t, fakeapi.Sum(body), n.Sha256)
		require.EqualValues(t, size, done.Load())
		var parts []string
		for i := 0; i < size; i += partSize {
			parts = append(parts, fakeapi.Sum(body[i:min(i+partSize, size)]))
		}
		require.ElementsMatch(t, parts, n.PartDigests, "%d bytes", size)
	}
}

type counter struct {
	hash.Hash
	n int
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}

// The first part's digest and the file's are one, which takes the bytes once.
func TestOneDigestTakesItsBytesOnce(t *testing.T) {
	t.Parallel()
	var a, b counter
	writeBoth(&a, &a, make([]byte, 5))
	require.Equal(t, 5, a.n)
	writeBoth(&a, &b, make([]byte, 5))
	require.Equal(t, []int{10, 5}, []int{a.n, b.n})
}
