package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Authenticator adds the caller's proof to one try of a request; body is all of its body.
type Authenticator interface {
	Authenticate(ctx context.Context, req *http.Request, body []byte) error
}

// Bearer authenticates with a bearer token: the public door.
type Bearer string

// Authenticate implements Authenticator.
func (b Bearer) Authenticate(_ context.Context, req *http.Request, _ []byte) error {
	req.Header.Set("Authorization", "Bearer "+string(b))
	return nil
}

// SigV4 signs requests with AWS Signature Version 4 for an API Gateway.
type SigV4 struct {
	Credentials aws.CredentialsProvider // should be cached: it is asked at each try
	Region      string
	Now         func() time.Time // the clock; nil is time.Now

	signer *v4.Signer
}

// NewSigV4 returns an Authenticator for an API Gateway of a region.
func NewSigV4(credentials aws.CredentialsProvider, region string) *SigV4 {
	return &SigV4{Credentials: credentials, Region: region, signer: v4.NewSigner()}
}

// Authenticate implements Authenticator.
func (s *SigV4) Authenticate(ctx context.Context, req *http.Request, body []byte) error {
	credentials, err := s.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("reading AWS credentials: %w", err)
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	sum := sha256.Sum256(body)
	if err := s.signer.SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), "execute-api", s.Region, now()); err != nil {
		return fmt.Errorf("signing the request: %w", err)
	}
	return nil
}
