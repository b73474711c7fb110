package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// documentationAccount is the account number that AWS uses in examples. Nobody owns it.
const documentationAccount = "123456789012"

// exampleDomain is a name that nobody has.
const exampleDomain = "backend.example.com"

// documentationAddress matches addresses and names in the domains that RFC 2606 sets aside for examples.
var documentationAddress = regexp.MustCompile(`(?i)(^|[@.])(example\.(com|net|org)|[a-z0-9-]+\.(example|invalid|test))$`)

// Placeholders lists the documentation values that the owner of the stack still has to replace, each with the command. They
// let a plan run, but not an update.
func (c Config) Placeholders() []string {
	r := newReport(c.Stack)
	var left []string
	still := func(key, value, what, command string) {
		left = append(left, fmt.Sprintf("%s is still %s, a documentation value: set %s\n  %s", key, value, what, command))
	}
	for i, id := range c.AllowedAccountIDs {
		if id == documentationAccount {
			key := fmt.Sprintf("%s[%d]", accountsKey, i)
			still(key, id, "the account that the stack may change",
				r.run("set --path --type string "+quote(key)+" "+quote("<account number>")))
		}
	}
	if name := c.Compute.DomainName; documentationAddress.MatchString(name) {
		still("compute.domainName", name, "the name that your certificate covers", r.set("compute.domainName", "<name>"))
	}
	if arn := c.Compute.CertificateARN; strings.Contains(arn, ":"+documentationAccount+":") {
		still("compute.certificateArn", arn, "your certificate's ARN", r.set("compute.certificateArn", "<ARN>"))
	}
	if arn := c.Governance.PermissionsBoundaryARN; strings.Contains(arn, ":"+documentationAccount+":") {
		still("stack.permissionsBoundaryArn", arn, "your policy's ARN", r.set("stack.permissionsBoundaryArn", "<ARN>"))
	}
	for _, service := range []struct {
		tier    string
		secrets map[string]string
	}{{"compute", c.Compute.Program.Secrets}, {"fargate", c.Fargate.Program.Secrets}} {
		for _, name := range slices.Sorted(maps.Keys(service.secrets)) {
			if secret := service.secrets[name]; strings.Contains(secret, ":"+documentationAccount+":") {
				key := fmt.Sprintf("%s.secrets[%q]", service.tier, name)
				still(key, secret, "your secret's ARN and a key", r.set(key, "<ARN>:<key>"))
			}
		}
	}
	for i, address := range c.Monitoring.AlertEmails {
		if documentationAddress.MatchString(address) {
			key := fmt.Sprintf("monitoring.alertEmails[%d]", i)
			still(key, address, "an address that is read", r.set(key, "<address>"))
		}
	}
	for _, image := range []struct{ key, uri string }{
		{"images.backend", c.Images.Backend}, {"images.agent", c.Images.Agent},
	} {
		if strings.HasPrefix(image.uri, documentationAccount+".") {
			still(image.key, image.uri, "an image in your account", r.set(image.key, "<URI>"))
		}
	}
	return left
}

// accounts are the accounts that are known to be the owner's.
func (c *Config) accounts() []string {
	var known []string
	for _, id := range c.AllowedAccountIDs {
		if id != documentationAccount {
			known = append(known, id)
		}
	}
	return known
}
