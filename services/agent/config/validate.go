package config

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"scalable-backend/services/internal/environ"
)

// maxName is the longest name of an agent that the API takes, in characters.
const maxName = 128

var (
	hostName = regexp.MustCompile(`^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	label    = regexp.MustCompile(`^[A-Za-z0-9_./:-]{0,128}$`)
)

func (c *Config) validate(k *environ.Check) {
	if c.APIURL != "" { // reported as required
		c.validateURL(k)
	}
	switch c.Auth {
	case AuthToken:
		// The value itself is a secret and stays out of the message.
		k.That(c.Token != "", "AGENT_TOKEN: required (or AGENT_AUTH=sigv4)")
		k.That(printable(c.Token), "AGENT_TOKEN: holds a character that no token has, perhaps a line end")
	case AuthSigV4:
		k.That(c.Region != "", "AWS_REGION: required with AGENT_AUTH=sigv4")
		k.That(c.Token == "", "AGENT_TOKEN: without use with AGENT_AUTH=sigv4")
	case "": // reported as empty
	default:
		k.That(false, "AGENT_AUTH: want token or sigv4, got %q", c.Auth)
	}
	for _, h := range c.SourceHosts {
		k.That(hostName.MatchString(h) || net.ParseIP(h) != nil,
			"AGENT_SOURCE_HOSTS: want host names in lower case, addresses or *.suffix, got %q", h)
	}
}

func (c *Config) validateRun(k *environ.Check) {
	k.That(label.MatchString(c.Stack), "AGENT_STACK: want up to 128 letters, digits and _ . / : -, got %q", c.Stack)
	k.That(utf8.RuneCountInString(c.Name) <= maxName && strings.IndexFunc(c.Name, func(r rune) bool { return !unicode.IsGraphic(r) }) < 0,
		"AGENT_NAME: want up to %d printable characters, got %q", maxName, c.Name)
	k.That(len(c.SourceHosts) > 0 || c.InsecureSources,
		"AGENT_SOURCE_HOSTS: required: the hosts of presigned URLs, e.g. my-bucket.s3.eu-central-1.amazonaws.com")
	environ.Traces(k, c.TracesEndpoint)
}

func (c *Config) validateURL(k *environ.Check) {
	u, err := url.Parse(c.APIURL)
	if err != nil || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		k.That(false, "AGENT_API_URL: want http(s)://host[:port][/stage], got %q", c.APIURL)
		return
	}
	k.That(c.Auth != AuthSigV4 || u.Scheme == "https" || isLoopback(u.Hostname()),
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
