package images

import (
	"cmp"
	"fmt"
	"regexp"
)

// rdsBundles are the certificate authorities of Amazon RDS. GovCloud and China have roots of their own, which the others'
// bundle does not hold (Amazon RDS User Guide, "Using SSL/TLS to encrypt a connection to a DB instance", of each partition).
var rdsBundles = map[string]string{
	"aws":        "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
	"aws-us-gov": "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem",
	"aws-cn":     "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/global/global-bundle.pem",
}

var validChecksum = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// buildArgs are the arguments of a service's Dockerfile. awsx makes them a part of the image's name, so none may change from
// commit to commit: what differs between two commits is worked out inside the build.
func (a *Args) buildArgs(service string) map[string]string {
	args := map[string]string{
		// BuildKit's: the image says that it was made in 1970, so that two builds of the same source have the same digest.
		"SOURCE_DATE_EPOCH": "0",
	}
	if service == Backend {
		args["RDS_CA_URL"] = rdsBundles[a.Stack.Partition]
		if a.RDSBundleChecksum != "" {
			args["RDS_CA_CHECKSUM"] = a.RDSBundleChecksum
		}
	}
	return args
}

// CheckChecksum reports why a text is no checksum of a file, as BuildKit takes one.
func CheckChecksum(checksum string) error {
	if !validChecksum.MatchString(checksum) {
		return fmt.Errorf("want sha256:<64 hex digits>, got %q", checksum)
	}
	return nil
}

func (a *Args) context() string { return cmp.Or(a.Context, "./services") }
