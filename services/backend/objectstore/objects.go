package objectstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"scalable-backend/services/backend"
)

var errUnversioned = errors.New("the bucket gave the object no version: versioning is off")

// CreateMultipart implements [backend.ObjectStore].
func (s *Store) CreateMultipart(ctx context.Context, key string) (string, error) {
	out, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: &key,
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumType: types.ChecksumTypeComposite,
	})
	if err != nil {
		return "", s3Error(err, "creating a multipart upload")
	}
	// The SDK takes any answer with status 200, a web page as well.
	if aws.ToString(out.UploadId) == "" {
		return "", unexpected(errors.New("creating a multipart upload: the answer has no upload id"))
	}
	return *out.UploadId, nil
}

// ListParts implements [backend.ObjectStore].
func (s *Store) ListParts(ctx context.Context, key, uploadID string, after, limit int) ([]backend.StoredPart, error) {
	var parts []backend.StoredPart
	marker := strconv.Itoa(after)
	for len(parts) < limit {
		out, err := s.client.ListParts(ctx, &s3.ListPartsInput{
			Bucket: &s.bucket, Key: &key, UploadId: &uploadID,
			PartNumberMarker: &marker, MaxParts: aws.Int32(int32(min(limit-len(parts), 1000))),
		})
		if err != nil {
			return nil, s3Error(err, "listing parts")
		}
		if aws.ToString(out.UploadId) != uploadID {
			return nil, unexpected(fmt.Errorf("listing parts: the answer is about upload %q, want %q", aws.ToString(out.UploadId), uploadID))
		}
		for _, p := range out.Parts {
			parts = append(parts, storedPart(p))
		}
		if !aws.ToBool(out.IsTruncated) || len(out.Parts) == 0 {
			break
		}
		marker = aws.ToString(out.NextPartNumberMarker)
	}
	return parts, nil
}

// storedPart leaves the digest zero when S3 gives none or one of another kind: it then matches no registered digest.
func storedPart(p types.Part) backend.StoredPart {
	part := backend.StoredPart{Number: int(aws.ToInt32(p.PartNumber)), Size: aws.ToInt64(p.Size), ETag: aws.ToString(p.ETag)}
	if digest, err := base64.StdEncoding.DecodeString(aws.ToString(p.ChecksumSHA256)); err == nil && len(digest) == len(part.SHA256) {
		part.SHA256 = [32]byte(digest)
	}
	return part
}

// CompleteMultipart implements [backend.ObjectStore].
func (s *Store) CompleteMultipart(ctx context.Context, key, uploadID string, parts []backend.StoredPart) (string, error) {
	completed := make([]types.CompletedPart, len(parts))
	for i, p := range parts {
		completed[i] = types.CompletedPart{
			PartNumber: aws.Int32(int32(p.Number)), ETag: aws.String(p.ETag),
			ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(p.SHA256[:])),
		}
	}
	out, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.bucket, Key: &key, UploadId: &uploadID, ChecksumType: types.ChecksumTypeComposite,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: completed},
	}, func(o *s3.Options) {
		// Assembling many parts takes long. A try that is cut here goes on over there; completing again finds the object.
		o.HTTPClient = s.transport.WithTimeout(3 * requestTimeout)
	})
	if err != nil {
		return "", s3Error(err, "completing a multipart upload")
	}
	return version(out.VersionId)
}

// AbortMultipart implements [backend.ObjectStore]. An unknown upload is no error: it was aborted or completed before.
func (s *Store) AbortMultipart(ctx context.Context, key, uploadID string) error {
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &key, UploadId: &uploadID})
	if err = s3Error(err, "aborting a multipart upload"); backend.CodeOf(err) == backend.NotFound {
		return nil
	}
	return err
}

// PutEmpty implements [backend.ObjectStore].
func (s *Store) PutEmpty(ctx context.Context, key string) (string, error) {
	digest := sha256.Sum256(nil)
	out, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(nil), ContentLength: aws.Int64(0),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(digest[:])),
	})
	if err != nil {
		return "", s3Error(err, "putting an empty object")
	}
	return version(out.VersionId)
}

// Head implements [backend.ObjectStore].
func (s *Store) Head(ctx context.Context, key string) (int64, string, error) {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return 0, "", s3Error(err, "looking up an object")
	}
	v, err := version(out.VersionId)
	return aws.ToInt64(out.ContentLength), v, err
}

// Delete implements [backend.ObjectStore].
func (s *Store) Delete(ctx context.Context, key, version string) error {
	if version == "" {
		// Without a version S3 would only hide the object behind a delete marker.
		return fmt.Errorf("deleting %s: no version given", key)
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key, VersionId: &version})
	if err = s3Error(err, "deleting an object"); backend.CodeOf(err) == backend.NotFound {
		return nil
	}
	return err
}

func version(v *string) (string, error) {
	if aws.ToString(v) == "" || *v == "null" {
		return "", unexpected(errUnversioned)
	}
	return *v, nil
}
