package postgres

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

// largest is a ready file of as many parts as there can be.
func (b *bundle) largest() backend.File {
	b.t.Helper()
	n := newFile()
	n.PartDigests = make([][32]byte, 10_000)
	n.Size = n.PartSize * int64(len(n.PartDigests))
	n.SHA256 = sha256.Sum256([]byte(n.Name))
	f, err := b.CreateFile(b.t.Context(), n)
	require.NoError(b.t, err)
	u, err := b.CreateUpload(b.t.Context(), backend.Upload{FileID: f.ID, Key: "key-of-" + f.ID.String(), S3UploadID: "s3"})
	require.NoError(b.t, err)
	f, _, err = b.CompleteUpload(b.t.Context(), u.ID, "v1")
	require.NoError(b.t, err)
	return f
}

// API Gateway takes answers of 10 MB; the digests of 16 largest files are more.
func TestAClaimHasRoomForItsDigests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.largest()
	jobs := make([]backend.NewJob, 16)
	for i := range jobs {
		jobs[i] = backend.NewJob{FileID: f.ID, Dest: fmt.Sprintf("large/%02d", i), MaxAttempts: 3}
	}
	submitted, err := b.SubmitJobs(t.Context(), jobs)
	require.NoError(t, err)
	small := b.submit(1, func(j *backend.NewJob) { j.Priority = -1 })[0]

	c := agent(16)
	first := b.claim(c)
	require.Len(t, first, maxDigests/32/10_000, "as many as there is room for")
	for i, l := range first {
		require.Equal(t, submitted[i].Job.ID, l.Job.ID, "the best ones: a small job does not overtake a large one")
	}
	// A job that was not granted is unchanged: it was not tried.
	for _, s := range submitted[len(first):] {
		j := b.job(s.Job.ID)
		require.Equal(t, []any{backend.JobQueued, 0, 0}, []any{j.State, j.Grants, j.Failures})
	}
	again := b.claim(c)
	require.Equal(t, leaseIDs(first), leaseIDs(again), "what is delivered once more takes the room too")

	b.heartbeat(c, first...)
	var rest []uuid.UUID
	for _, l := range b.claim(c) {
		rest = append(rest, l.Job.ID)
	}
	require.Len(t, rest, len(jobs)-len(first)+1)
	require.Equal(t, small.ID, rest[len(rest)-1])
}
