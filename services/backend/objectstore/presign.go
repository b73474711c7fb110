package objectstore

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"scalable-backend/services/backend"
)

// PresignPart implements [backend.ObjectStore].
func (s *Store) PresignPart(ctx context.Context, key, uploadID string, number int, size int64, sha256 [32]byte) (backend.SignedURL, error) {
	return s.sign(ctx, func(options func(*s3.PresignOptions)) (*v4.PresignedHTTPRequest, error) {
		return s.presign.PresignUploadPart(ctx, &s3.UploadPartInput{
			Bucket: &s.bucket, Key: &key, UploadId: &uploadID, PartNumber: aws.Int32(int32(number)),
			ContentLength:  &size,
			ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sha256[:])),
		}, options)
	})
}

// PresignGet implements [backend.ObjectStore].
func (s *Store) PresignGet(ctx context.Context, key, version string) (backend.SignedURL, error) {
	return s.sign(ctx, func(options func(*s3.PresignOptions)) (*v4.PresignedHTTPRequest, error) {
		return s.presign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key, VersionId: &version}, options)
	})
}

// sign signs with one set of credentials, so that the end of those very credentials is known.
func (s *Store) sign(
	ctx context.Context,
	presign func(func(*s3.PresignOptions)) (*v4.PresignedHTTPRequest, error),
) (backend.SignedURL, error) {
	credentials, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return backend.SignedURL{}, s3Error(err, "getting credentials")
	}
	fixed := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil })
	expires := time.Now().Add(s.ttl).Truncate(time.Second)
	request, err := presign(func(o *s3.PresignOptions) {
		o.ClientOptions = append(o.ClientOptions, func(o *s3.Options) { o.Credentials = fixed })
	})
	if err != nil {
		return backend.SignedURL{}, s3Error(err, "presigning")
	}
	if credentials.CanExpire && credentials.Expires.Before(expires) {
		expires = credentials.Expires.Truncate(time.Second)
	}
	return backend.SignedURL{URL: request.URL, Header: headers(request.SignedHeader), ExpiresAt: expires}, nil
}

// headers lists what a client must send; Host goes without saying.
func headers(signed http.Header) map[string]string {
	h := map[string]string{}
	for name := range signed {
		if name != "Host" {
			h[name] = signed.Get(name)
		}
	}
	return h
}
