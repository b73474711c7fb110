package psql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"scalable-backend/cmd/ops/procedure"
)

// bundles are AWS's certificates of RDS by partition, as images/build.go has them (Amazon RDS User Guide, "Using SSL/TLS").
func bundleURL(region string) string {
	switch {
	case strings.HasPrefix(region, "us-gov-"):
		return "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem"
	case strings.HasPrefix(region, "cn-"):
		return "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/global/global-bundle.pem"
	}
	return "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
}

const largestBundle = 4 << 20 // it has some 200 KB

// bundleFile is the file with the certificates: the given one, or AWS's, fetched for this session.
func bundleFile(ctx context.Context, r *procedure.Run, given string) (file string, remove func(), err error) {
	none := func() {}
	if given != "" {
		if file, err = filepath.Abs(given); err != nil {
			return "", none, err
		}
		if _, err := os.Stat(file); err != nil {
			return "", none, fmt.Errorf("-ca: %w", err)
		}
		return file, none, nil
	}
	region, err := r.Stack.Region()
	if err != nil {
		return "", none, err
	}
	url := bundleURL(region)
	if r.Dry {
		r.Say("  curl -fsSO %s", url)
		return "global-bundle.pem", none, nil
	}
	text, err := fetch(ctx, r, url)
	if err != nil {
		return "", none, fmt.Errorf("fetching the certificates of RDS from %s (-ca <file> takes your copy): %w", url, err)
	}
	dir, err := os.MkdirTemp("", "ops-psql-")
	if err != nil {
		return "", none, err
	}
	remove = func() { _ = os.RemoveAll(dir) } // public certificates: nothing is lost if they stay
	file = filepath.Join(dir, "global-bundle.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		remove()
		return "", none, err
	}
	return file, remove, nil
}

func fetch(ctx context.Context, r *procedure.Run, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := r.Env.HTTP.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, largestBundle))
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode != http.StatusOK:
		return nil, errors.New(answer.Status)
	case !bytes.Contains(text, []byte("-----BEGIN CERTIFICATE-----")):
		return nil, errors.New("the answer has no certificates")
	}
	return text, nil
}
