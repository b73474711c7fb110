// Package gateway stands in for API Gateway on one machine: it checks the AWS signature of each request, names the caller in
// the identity header, overwriting whatever the client sent, and forwards to the backends' gateway door.
package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// CallerHeader carries the caller's identity to the backend.
const CallerHeader = "X-Gateway-Caller"

// Limits of API Gateway (Amazon API Gateway Developer Guide, "Quotas for configuring and running a REST API").
const (
	maxBody    = 10 << 20
	maxElapsed = 29 * time.Second
	maxSkew    = 5 * time.Minute
)

// Identity is an IAM caller that the gateway knows.
type Identity struct {
	ARN         string
	Credentials aws.Credentials
}

// Handler authenticates requests and passes them to next.
type Handler struct {
	Region     string
	Identities []Identity
	Next       http.Handler
}

// ServeHTTP answers in the gateway's own form, which is not a problem document, where it refuses a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "HTTP content length exceeded 10485760 bytes.")
		return
	}
	identity, err := h.authenticate(r, body)
	if err != nil {
		refuse(w, http.StatusForbidden, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxElapsed)
	defer cancel()
	forwarded := r.Clone(ctx)
	forwarded.Body = io.NopCloser(bytes.NewReader(body))
	forwarded.Header.Del("Authorization")
	forwarded.Header.Set(CallerHeader, identity.ARN)
	h.Next.ServeHTTP(w, forwarded)
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"message":%q}`, message)
}

// authenticate signs the request again with the secret of the identity that it names and compares.
func (h *Handler) authenticate(r *http.Request, body []byte) (Identity, error) {
	none := Identity{}
	auth, err := parseAuthorization(r.Header.Get("Authorization"))
	if err != nil {
		return none, err
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return none, errors.New("X-Amz-Date is missing or malformed")
	}
	if skew := time.Since(at).Abs(); skew > maxSkew {
		return none, errors.New("Signature expired")
	}
	for _, identity := range h.Identities {
		if identity.Credentials.AccessKeyID != auth.accessKey {
			continue
		}
		want, err := h.sign(r, auth.signedHeaders, body, identity.Credentials, at)
		if err != nil {
			return none, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(r.Header.Get("Authorization"))) != 1 {
			return none, errors.New("The request signature we calculated does not match the signature you provided.")
		}
		return identity, nil
	}
	return none, errors.New("The security token included in the request is invalid.")
}

func (h *Handler) sign(r *http.Request, signed []string, body []byte, c aws.Credentials, at time.Time) (string, error) {
	again, err := http.NewRequest(r.Method, "http://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	again.ContentLength = 0
	for _, name := range signed {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = int64(len(body))
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(r.Context(), c, again, hex.EncodeToString(sum[:]), "execute-api", h.Region, at); err != nil {
		return "", err
	}
	return again.Header.Get("Authorization"), nil
}

type authorization struct {
	accessKey     string
	signedHeaders []string
}

func parseAuthorization(header string) (authorization, error) {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	if !ok {
		return authorization{}, errors.New("Missing Authentication Token")
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	key, _, ok := strings.Cut(fields["Credential"], "/")
	if !ok || fields["SignedHeaders"] == "" || fields["Signature"] == "" {
		return authorization{}, errors.New("Authorization header requires 'Credential', 'Signature' and 'SignedHeaders'.")
	}
	return authorization{accessKey: key, signedHeaders: strings.Split(fields["SignedHeaders"], ";")}, nil
}
