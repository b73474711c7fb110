package objectstore

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"scalable-backend/services/backend"
)

// text is nil for an empty string: S3 refuses an empty marker.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// ListObjects implements [backend.ObjectStore].
func (s *Store) ListObjects(ctx context.Context, after backend.Mark, limit int) ([]backend.StoredObject, backend.Mark, error) {
	out, err := s.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
		Bucket: &s.bucket, Prefix: aws.String(backend.ObjectPrefix), MaxKeys: aws.Int32(int32(limit)),
		KeyMarker: text(after.Key), VersionIdMarker: text(after.ID),
	})
	if err != nil {
		return nil, backend.Mark{}, s3Error(err, "listing objects")
	}
	objects := make([]backend.StoredObject, len(out.Versions))
	for i, v := range out.Versions {
		objects[i] = backend.StoredObject{Key: aws.ToString(v.Key), Version: aws.ToString(v.VersionId)}
	}
	if !aws.ToBool(out.IsTruncated) {
		return objects, backend.Mark{}, nil
	}
	return objects, backend.Mark{Key: aws.ToString(out.NextKeyMarker), ID: aws.ToString(out.NextVersionIdMarker)}, nil
}

// ListMultiparts implements [backend.ObjectStore].
func (s *Store) ListMultiparts(ctx context.Context, after backend.Mark, limit int) ([]backend.StoredMultipart, backend.Mark, error) {
	out, err := s.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{
		Bucket: &s.bucket, Prefix: aws.String(backend.ObjectPrefix), MaxUploads: aws.Int32(int32(limit)),
		KeyMarker: text(after.Key), UploadIdMarker: text(after.ID),
	})
	if err != nil {
		return nil, backend.Mark{}, s3Error(err, "listing multipart uploads")
	}
	uploads := make([]backend.StoredMultipart, len(out.Uploads))
	for i, u := range out.Uploads {
		uploads[i] = backend.StoredMultipart{
			Key: aws.ToString(u.Key), UploadID: aws.ToString(u.UploadId), Initiated: aws.ToTime(u.Initiated),
		}
	}
	if !aws.ToBool(out.IsTruncated) {
		return uploads, backend.Mark{}, nil
	}
	return uploads, backend.Mark{Key: aws.ToString(out.NextKeyMarker), ID: aws.ToString(out.NextUploadIdMarker)}, nil
}
