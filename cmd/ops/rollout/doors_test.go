package rollout_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// doors are the public load balancer and the API gateway, both behind one certificate for *.example.com.
type doors struct {
	transport       http.RoundTripper
	public, gateway http.HandlerFunc
}

func newDoors(t *testing.T) *doors {
	t.Helper()
	d := &doors{public: public, gateway: signedOnly}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "api.example.com" {
			d.gateway(w, r)
			return
		}
		d.public(w, r)
	}))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.RootCAs = roots
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
	d.transport = transport
	t.Cleanup(transport.CloseIdleConnections)
	return d
}

// public answers as the backend does at its public door.
func public(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("X-Gateway-Caller") != "":
		problem(w, 400, "the header X-Gateway-Caller is not for this door")
	case r.URL.Path == "/healthz", r.URL.Path == "/readyz":
		fmt.Fprint(w, `{"status":"ok","version":"1.4.0"}`)
	default:
		problem(w, 401, "one Authorization header with a bearer token is required")
	}
}

// signedOnly answers as API Gateway and the backend behind it: it names whoever has signed, whatever the request says.
func signedOnly(w http.ResponseWriter, r *http.Request) {
	if !signed(r) || r.URL.Path != "/live/v1/whoami" {
		problem(w, 403, "Missing Authentication Token")
		return
	}
	fmt.Fprintf(w, `{"id":%q,"door":"gateway","scopes":["files:read"]}`, caller)
}

// signed signs the request again, with the caller's key, and compares.
func signed(r *http.Request) bool {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	again, err := http.NewRequest(r.Method, "https://"+r.Host+r.URL.Path, nil)
	if err != nil {
		return false
	}
	if forged := r.Header.Get("X-Gateway-Caller"); forged != "" {
		again.Header.Set("X-Gateway-Caller", forged)
	}
	const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	err = v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"}, again, ofNothing,
		"execute-api", "eu-central-1", at)
	return err == nil && r.Header.Get("Authorization") == again.Header.Get("Authorization")
}

func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"about:blank","title":%q,"status":%d,"detail":%q}`, http.StatusText(status), status, detail)
}
