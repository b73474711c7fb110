package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	secretARN = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+$`)
	name      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)
	namespace = regexp.MustCompile(`^[A-Za-z0-9_./#-]{1,255}$`)
)

// A check appends problems to a list.
type check struct {
	malformed map[string]string
	problems  []string
}

func (c *check) that(ok bool, format string, args ...any) {
	if !ok {
		c.problems = append(c.problems, fmt.Sprintf(format, args...))
	}
}

// within is for the fields that the decoder parses: what it could not parse has been reported already.
func within[T int | time.Duration](c *check, key string, value, low, high T) {
	if _, reported := c.malformed[key]; !reported {
		c.that(low <= value && value <= high, "%s: want %v to %v, got %v", key, low, high, value)
	}
}

func (c Config) validate(malformed map[string]string) []string {
	k := &check{malformed: malformed}
	k.address("BACKEND_PUBLIC_ADDR", c.PublicAddr)
	k.address("BACKEND_GATEWAY_ADDR", c.GatewayAddr)
	k.that(c.PublicAddr != c.GatewayAddr || strings.HasSuffix(c.PublicAddr, ":0"),
		"BACKEND_GATEWAY_ADDR: want another address than BACKEND_PUBLIC_ADDR, got %q for both", c.GatewayAddr)
	for _, f := range []struct{ key, value string }{
		{"BACKEND_STACK", c.Stack}, {"BACKEND_STAGE", c.Stage}, {"AWS_REGION", c.Region}, {"BACKEND_BUCKET", c.Bucket},
	} {
		if f.value == "" {
			k.that(false, "%s: required", f.key)
			continue
		}
		k.that(name.MatchString(f.value), "%s: want letters, digits, - _ and . alone, got %q", f.key, f.value)
	}
	k.that(namespace.MatchString(c.MetricsNamespace), "BACKEND_METRICS_NAMESPACE: not a CloudWatch namespace: %q", c.MetricsNamespace)
	k.endpoint("BACKEND_S3_ENDPOINT", c.S3Endpoint, "http", "https")
	k.endpoint("BACKEND_DATABASE_URL", c.DatabaseURL, "postgres", "postgresql")
	k.secret("BACKEND_DATABASE_SECRET_ARN", c.DatabaseSecretARN, "BACKEND_DATABASE_URL", c.DatabaseURL)
	k.secret("BACKEND_ADMIN_TOKEN_SECRET_ARN", c.AdminTokenSecretARN, "BACKEND_ADMIN_TOKEN", c.AdminToken)
	if c.AdminToken != "" {
		// The value itself is a secret and stays out of the message.
		k.that(len(c.AdminToken) >= 16 && len(c.AdminToken) <= 256, "BACKEND_ADMIN_TOKEN: want 16 to 256 characters, got %d", len(c.AdminToken))
	}
	within(k, "BACKEND_DATABASE_MAX_CONNS", c.DatabaseMaxConns, 2, 500)
	within(k, "BACKEND_RATE_LIMIT", c.RateLimit, 0, 1_000_000)
	within(k, "BACKEND_LEASE_TTL", c.LeaseTTL, time.Second, time.Hour)
	within(k, "BACKEND_SWEEP_INTERVAL", c.SweepInterval, 50*time.Millisecond, time.Minute)
	within(k, "BACKEND_URL_TTL", c.URLTTL, time.Second, 12*time.Hour)
	within(k, "BACKEND_DRAIN_TIMEOUT", c.DrainTimeout, 0, 10*time.Minute)
	return k.problems
}

func (c *check) address(key, value string) {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	c.that(err == nil, "%s: want host:port, got %q", key, value)
}

// endpoint checks an optional URL. The value may hold a password and stays out of the message.
func (c *check) endpoint(key, value string, schemes ...string) {
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	for _, scheme := range schemes {
		if err == nil && u.Scheme == scheme && (u.Host != "" || u.Query().Has("host")) {
			return
		}
	}
	c.that(false, "%s: want a URL that begins with %s:// and names a host", key, strings.Join(schemes, ":// or "))
}

// secret wants exactly one of a secret's ARN and the value itself.
func (c *check) secret(arnKey, arn, valueKey, value string) {
	c.that(arn != "" || value != "", "%s: required (or %s, for local use)", arnKey, valueKey)
	c.that(arn == "" || value == "", "%s and %s: want one of them, got both", arnKey, valueKey)
	c.that(arn == "" || secretARN.MatchString(arn), "%s: not the ARN of a secret: %q", arnKey, arn)
}
