// Package objectstore keeps the bytes of files in an S3 bucket with versioning. Clients upload and download them by presigned
// URL; no byte passes through this process.
package objectstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"scalable-backend/services/backend"
)

// Config says where the bucket is. Bucket, Region and Credentials are required.
type Config struct {
	Bucket string
	Region string
	// Credentials sign requests and URLs. They should be a cache that refreshes ahead of time: a URL dies with the
	// credentials that signed it.
	Credentials aws.CredentialsProvider
	// Endpoint is another S3-compatible server, addressed path-style. Empty means AWS.
	Endpoint string
	// URLTTL is how long presigned URLs live. Zero means 15 minutes.
	URLTTL time.Duration
}

// requestTimeout bounds one try of a request to S3; a client of ours waits 29 seconds at most.
const requestTimeout = 8 * time.Second

// Store is one bucket.
type Store struct {
	bucket      string
	ttl         time.Duration
	credentials aws.CredentialsProvider
	client      *s3.Client
	presign     *s3.PresignClient
	transport   *awshttp.BuildableClient
}

var _ backend.ObjectStore = (*Store)(nil)

// New makes a Store. It does not connect.
func New(c Config) (*Store, error) {
	if c.Bucket == "" || c.Region == "" || c.Credentials == nil {
		return nil, errors.New("objectstore.Config: Bucket, Region and Credentials are required")
	}
	if c.URLTTL == 0 {
		c.URLTTL = 15 * time.Minute
	}
	transport := awshttp.NewBuildableClient().WithTimeout(requestTimeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = 64
	})
	options := s3.Options{
		Region:      c.Region,
		Credentials: c.Credentials,
		HTTPClient:  transport,
		// SHA-256 is asked for by name where it matters; the SDK's own CRC32 would only add a second one.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if c.Endpoint != "" {
		options.BaseEndpoint, options.UsePathStyle = &c.Endpoint, true
	}
	// Without this the signer moves x-amz-* headers into the query, where S3 does not hold the body against them.
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableHeaderHoisting, o.DisableURIPathEscaping = true, true })
	return &Store{
		bucket: c.Bucket, ttl: c.URLTTL, credentials: c.Credentials, client: s3.New(options, traced(c.Bucket)), transport: transport,
		// Presigning makes no network call, so it has no spans.
		presign: s3.NewPresignClient(s3.New(options), s3.WithPresignExpires(c.URLTTL), func(o *s3.PresignOptions) { o.Presigner = signer }),
	}, nil
}

// Close drops idle connections.
func (s *Store) Close() {
	s.transport.GetTransport().CloseIdleConnections()
}

// s3Error turns an SDK error into one of the domain's: NotFound for codes that mean so, Unavailable for what another try may
// mend.
func s3Error(err error, doing string) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	cause := fmt.Errorf("%s: %w", doing, err)
	coded, _ := errors.AsType[interface {
		error
		ErrorCode() string
	}](err)
	response, _ := errors.AsType[*awshttp.ResponseError](err)
	switch {
	case coded != nil && (coded.ErrorCode() == "NoSuchUpload" || coded.ErrorCode() == "NoSuchKey" || coded.ErrorCode() == "NotFound"):
		return &backend.Error{Code: backend.NotFound, Detail: "the object store does not know it", Cause: cause}
	case response == nil,
		response.HTTPStatusCode() == 0,
		response.HTTPStatusCode() >= 500,
		response.HTTPStatusCode() == http.StatusTooManyRequests:
		return &backend.Error{Code: backend.Unavailable, Detail: "the object store does not answer", RetryAfter: 2 * time.Second, Cause: cause}
	default:
		return unexpected(cause)
	}
}

// unexpected is for an answer of the object store that this program does not understand, or that says that it is not allowed to do
// what it has to: nothing is wrong with the caller's request.
func unexpected(cause error) error {
	return &backend.Error{Code: backend.Upstream, Detail: "the object store gave an unexpected answer; it has been logged", Cause: cause}
}
