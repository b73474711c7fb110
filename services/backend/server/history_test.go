package server_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/objectstore"
	"scalable-backend/services/internal/testenv"
)

// A running backend removes an object that belongs to no file, and says so, unless it is told never to look.
func TestTheBucketIsSwept(t *testing.T) {
	t.Parallel()
	s3 := testenv.Bucket(t)
	objects, err := objectstore.New(objectstore.Config{
		Bucket: s3.Bucket, Region: s3.Region, Endpoint: s3.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(s3.AccessKey, s3.SecretKey, ""),
	})
	require.NoError(t, err)
	t.Cleanup(objects.Close)
	_, err = objects.PutEmpty(t.Context(), backend.ObjectPrefix+uuid.NewString()+"/"+uuid.NewString())
	require.NoError(t, err)
	_, err = objects.PutEmpty(t.Context(), "somebody-else's")
	require.NoError(t, err)

	change := map[string]string{
		"BACKEND_S3_ENDPOINT": s3.Endpoint, "BACKEND_BUCKET": s3.Bucket, "AWS_REGION": s3.Region,
		"AWS_ACCESS_KEY_ID": s3.AccessKey, "AWS_SECRET_ACCESS_KEY": s3.SecretKey, "BACKEND_BUCKET_SWEEP_INTERVAL": "0",
	}
	// Beside an older state of the database, which does not know what came later, a backend has to leave it alone.
	r := start(t, environ(t, change))
	time.Sleep(3 * time.Second) // below, one takes it away within about one
	kept, _, err := objects.ListObjects(t.Context(), backend.Mark{}, 10)
	require.NoError(t, err)
	require.Len(t, kept, 1)
	r.stop()
	require.NoError(t, r.ended())

	change["BACKEND_BUCKET_SWEEP_INTERVAL"] = "1s"
	r = start(t, environ(t, change))
	line := r.await("left over in the bucket and removed")
	require.Equal(t, 1.0, line["objects"])
	left, _, err := objects.ListObjects(t.Context(), backend.Mark{}, 10)
	require.NoError(t, err)
	require.Empty(t, left)
	_, _, err = objects.Head(t.Context(), "somebody-else's")
	require.NoError(t, err)
	began := time.Now()
	r.stop()
	require.NoError(t, r.ended())
	require.Less(t, time.Since(began), time.Minute, "the chores end with the process")
}
