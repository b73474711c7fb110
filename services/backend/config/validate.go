package config

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"scalable-backend/services/internal/environ"
)

var (
	secretARN = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+$`)
	name      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)
	namespace = regexp.MustCompile(`^[A-Za-z0-9_./#-]{1,255}$`)
)

func (c *Config) validate(k *environ.Check) {
	address(k, "BACKEND_PUBLIC_ADDR", c.PublicAddr)
	address(k, "BACKEND_GATEWAY_ADDR", c.GatewayAddr)
	k.That(c.PublicAddr != c.GatewayAddr || strings.HasSuffix(c.PublicAddr, ":0"),
		"BACKEND_GATEWAY_ADDR: want another address than BACKEND_PUBLIC_ADDR, got %q for both", c.GatewayAddr)
	for _, f := range []struct{ key, value string }{
		{"BACKEND_STACK", c.Stack}, {"BACKEND_STAGE", c.Stage}, {"AWS_REGION", c.Region}, {"BACKEND_BUCKET", c.Bucket},
	} {
		// An empty one has been reported.
		k.That(f.value == "" || name.MatchString(f.value), "%s: want letters, digits, - _ and . alone, got %q", f.key, f.value)
	}
	k.That(namespace.MatchString(c.MetricsNamespace), "BACKEND_METRICS_NAMESPACE: not a CloudWatch namespace: %q", c.MetricsNamespace)
	endpoint(k, "BACKEND_S3_ENDPOINT", c.S3Endpoint, "http", "https")
	endpoint(k, "BACKEND_DATABASE_URL", c.DatabaseURL, "postgres", "postgresql")
	secret(k, "BACKEND_DATABASE_SECRET_ARN", c.DatabaseSecretARN, "BACKEND_DATABASE_URL", c.DatabaseURL)
	secret(k, "BACKEND_ADMIN_TOKEN_SECRET_ARN", c.AdminTokenSecretARN, "BACKEND_ADMIN_TOKEN", c.AdminToken)
	if c.AdminToken != "" {
		// The value itself is a secret and stays out of the message.
		k.That(len(c.AdminToken) >= 16 && len(c.AdminToken) <= 256, "BACKEND_ADMIN_TOKEN: want 16 to 256 characters, got %d", len(c.AdminToken))
	}
	environ.Traces(k, c.TracesEndpoint)
}

func address(k *environ.Check, key, value string) {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	k.That(err == nil, "%s: want host:port, got %q", key, value)
}

// endpoint checks an optional URL. The value may hold a password and stays out of the message.
func endpoint(k *environ.Check, key, value string, schemes ...string) {
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	for _, scheme := range schemes {
		if err == nil && u.Scheme == scheme && (u.Host != "" || u.Query().Has("host")) {
			return
		}
	}
	k.That(false, "%s: want a URL that begins with %s:// and names a host", key, strings.Join(schemes, ":// or "))
}

// secret wants exactly one of a secret's ARN and the value itself.
func secret(k *environ.Check, arnKey, arn, valueKey, value string) {
	k.That(arn != "" || value != "", "%s: required (or %s, for local use)", arnKey, valueKey)
	k.That(arn == "" || value == "", "%s and %s: want one of them, got both", arnKey, valueKey)
	k.That(arn == "" || secretARN.MatchString(arn), "%s: not the ARN of a secret: %q", arnKey, arn)
}
