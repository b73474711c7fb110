package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"time"
)

var (
	hostName = regexp.MustCompile(`^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	label    = regexp.MustCompile(`^[A-Za-z0-9_./:-]{0,128}$`)
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

func (c Config) validate(k *check) {
	if c.APIURL == "" {
		k.that(false, "AGENT_API_URL: required")
	} else {
		c.validateURL(k)
	}
	switch c.Auth {
	case AuthToken:
		// The value itself is a secret and stays out of the message.
		k.that(c.Token != "", "AGENT_TOKEN: required (or AGENT_AUTH=sigv4)")
		k.that(printable(c.Token), "AGENT_TOKEN: holds a character that no token has, perhaps a line end")
	case AuthSigV4:
		k.that(c.Region != "", "AWS_REGION: required with AGENT_AUTH=sigv4")
		k.that(c.Token == "", "AGENT_TOKEN: without use with AGENT_AUTH=sigv4")
	case "": // reported as empty
	default:
		k.that(false, "AGENT_AUTH: want token or sigv4, got %q", c.Auth)
	}
	k.that(label.MatchString(c.Stack), "AGENT_STACK: want up to 128 letters, digits and _ . / : -, got %q", c.Stack)
	k.that(label.MatchString(c.Name), "AGENT_NAME: want up to 128 letters, digits and _ . / : -, got %q", c.Name)
	for _, h := range c.SourceHosts {
		k.that(hostName.MatchString(h) || net.ParseIP(h) != nil, "AGENT_SOURCE_HOSTS: want host names in lower case, addresses or *.suffix, got %q", h)
	}
	within(k, "AGENT_RETAIN", c.Retain, 0, 8760*time.Hour)
	within(k, "AGENT_MAX_LEASES", c.MaxLeases, 1, 16)
	within(k, "AGENT_CONNECTIONS", c.Connections, 1, 16)
	within(k, "AGENT_STOP_TIMEOUT", c.StopTimeout, time.Second, 10*time.Minute)
}

func (c Config) validateRun(k *check) {
	k.that(len(c.SourceHosts) > 0 || c.InsecureSources,
		"AGENT_SOURCE_HOSTS: required: the hosts of presigned URLs, e.g. my-bucket.s3.eu-central-1.amazonaws.com")
}

func (c Config) validateURL(k *check) {
	u, err := url.Parse(c.APIURL)
	if err != nil || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		k.that(false, "AGENT_API_URL: want http(s)://host[:port][/stage], got %q", c.APIURL)
		return
	}
	k.that(c.Auth != AuthSigV4 || u.Scheme == "https" || isLoopback(u.Hostname()),
		"AGENT_API_URL: want https with AGENT_AUTH=sigv4, got %q", c.APIURL)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func printable(s string) bool {
	for _, r := range s {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return true
}
