package httpapi_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

// An answer with leases passes API Gateway, which takes 10 MB, whatever the files are; the rest comes with the next one.
func TestLeasesOfLargeFilesFitAnAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := backend.NewFile{
		Name:        "large",
		PartSize:    partSize,
		Size:        partSize * 10_000,
		SHA256:      sha256.Sum256([]byte("large")),
		PartDigests: make([][32]byte, 10_000),
	}
	f, err := b.store.CreateFile(t.Context(), n)
	require.NoError(t, err)
	u, err := b.store.CreateUpload(t.Context(), backend.Upload{FileID: f.ID, Key: "large", S3UploadID: "s3"})
	require.NoError(t, err)
	_, _, err = b.store.CompleteUpload(t.Context(), u.ID, "v1")
	require.NoError(t, err)
	var jobs []map[string]any
	for i := range 16 {
		jobs = append(jobs, map[string]any{"file_id": f.ID, "dest": fmt.Sprintf("large/%d", i)})
	}
	b.call(201, "POST", "/v1/jobs", map[string]any{"jobs": jobs}, nil)
	seen := map[string]bool{}
	for range 2 {
		got := b.do(200, request{method: "POST", path: "/v1/leases", body: map[string]any{"agent_id": uuid.New(), "max": 16}})
		require.Less(t, len(got.body), 10_000_000)
		var leases struct{ Leases []api.Lease }
		require.NoError(t, json.Unmarshal(got.body, &leases))
		require.NotEmpty(t, leases.Leases)
		for _, l := range leases.Leases {
			require.Len(t, l.File.PartDigests, 10_000)
			seen[l.Job.Id] = true
		}
	}
	require.Len(t, seen, 16)
}
