package config

import (
	"fmt"
	"regexp"
)

const (
	regionKey     = "aws:region"
	skipRegionKey = "aws:skipRegionValidation" // the AWS provider's own: takes a region that it does not know
	accountsKey   = "aws:allowedAccountIds"
)

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// provider reads what the AWS provider is configured with: the program needs to know it too.
func (d *decoder) provider(values map[string]string, c *Config) {
	r := d.report
	for _, key := range d.secrets {
		r.hidden[key] = true
	}
	const region = "want the AWS region to deploy to, such as us-east-1"
	if value, ok := values[regionKey]; !ok {
		r.add(regionKey, missing{}, region, "us-east-1")
	} else if want, example := regionProblem(value, values[skipRegionKey] == "true"); want != "" {
		r.add(regionKey, value, want, example)
	} else {
		c.Region = value
	}
	value, ok := values[accountsKey]
	if !ok {
		return
	}
	first := accountsKey + "[0]"
	fix := r.run("rm "+accountsKey) + " && " + r.account(first)
	raw, err := readJSON(value)
	elements, isList := raw.([]any)
	if err != nil || !isList {
		r.addCommand(accountsKey, value, "want a list of quoted account numbers", fix)
		return
	}
	for i, element := range elements {
		key := fmt.Sprintf("%s[%d]", accountsKey, i)
		id, isText := element.(string)
		switch {
		case isText && accountID.MatchString(id):
			c.AllowedAccountIDs = append(c.AllowedAccountIDs, id)
		case isText:
			r.addCommand(key, element, "want the twelve digits of an account number", r.account(key))
		default:
			r.addCommand(key, element, "want the account number in quotes: as a number it loses leading zeros", r.account(key))
		}
	}
}

// account sets an account number; without a type, `--path` would store it as a number.
func (r *report) account(key string) string {
	return r.run("set --path --type string " + quote(key) + " " + documentationAccount)
}
