package authz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Principal is who makes a request.
type Principal struct {
	kind principalKind
	name string
}

type principalKind int

const (
	anonymous principalKind = iota
	role
	service
)

// Anonymous returns a caller without credentials.
func Anonymous() Principal { return Principal{} }

// Role returns a session of a role, by the role's ARN.
func Role(arn string) Principal { return Principal{role, arn} }

// Service returns an AWS service that acts for itself, e.g. "logging.s3.amazonaws.com".
func Service(name string) Principal { return Principal{service, name} }

// String names the principal as policies do.
func (p Principal) String() string {
	if p.kind == anonymous {
		return "anonymous"
	}
	return p.name
}

func (p Principal) account() string { return accountOf(p.name) }

// PrincipalPattern is one entry of a Principal element.
type PrincipalPattern struct {
	Kind, Value string // {"*", "*"}, {"AWS", an ARN or account}, {"Service", a name}
}

var (
	accountNumber  = regexp.MustCompile(`^\d{12}$`)
	accountRoot    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):root$`)
	identityARN    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[^*?]+$`)
	servicePattern = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$`)
)

func principals(raw json.RawMessage) ([]PrincipalPattern, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if string(bytes.TrimSpace(raw)) == `"*"` {
		return []PrincipalPattern{{"*", "*"}}, nil
	}
	var byKind map[string]list
	if err := json.Unmarshal(raw, &byKind); err != nil {
		return nil, fmt.Errorf("principal: %w", err)
	}
	var patterns []PrincipalPattern
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		for _, value := range byKind[kind] {
			p := PrincipalPattern{kind, value}
			switch {
			case kind == "AWS" && value == "*":
				p = PrincipalPattern{"*", "*"}
			case kind == "AWS" && (accountNumber.MatchString(value) || accountRoot.MatchString(value) || identityARN.MatchString(value)):
			case kind == "Service" && servicePattern.MatchString(value):
			default:
				return nil, fmt.Errorf("principal %s %q: want *, an account, a role's ARN or a service", kind, value)
			}
			patterns = append(patterns, p)
		}
	}
	return patterns, nil
}

// reach is how directly a statement names a principal.
type reach int

const (
	none    reach = iota
	account       // its account, so that its own policies decide
	byARN         // the role's ARN
	direct        // the service, or everyone
)

// matchPrincipal returns how directly a statement names a principal at most, and the entry that does.
func matchPrincipal(patterns []PrincipalPattern, p Principal) (reach, string) {
	best, entry := none, ""
	for _, pattern := range patterns {
		found := none
		switch {
		case pattern.Kind == "*":
			found = direct
		case pattern.Kind == "Service" && p.kind == service && pattern.Value == p.name:
			found = direct
		case pattern.Kind == "AWS" && p.kind == role && pattern.Value == p.name:
			found = byARN
		case pattern.Kind == "AWS" && p.kind == role && accountIn(pattern.Value) == p.account():
			found = account
		}
		if found > best {
			best, entry = found, pattern.Value
		}
	}
	return best, entry
}

// accountIn returns the account that a pattern names as a whole, or "-".
func accountIn(pattern string) string {
	if accountNumber.MatchString(pattern) {
		return pattern
	}
	if m := accountRoot.FindStringSubmatch(pattern); m != nil {
		return m[1]
	}
	return "-"
}

// keys returns the condition keys of every request of the principal.
func (p Principal) keys(action string) map[string][]string {
	switch p.kind {
	case role:
		keys := map[string][]string{
			"aws:PrincipalArn": {p.name}, "aws:PrincipalAccount": {p.account()}, "aws:PrincipalIsAWSService": {"false"},
		}
		if strings.HasPrefix(action, "kms:") {
			keys["kms:CallerAccount"] = []string{p.account()}
		}
		return keys
	case service:
		return map[string][]string{"aws:PrincipalServiceName": {p.name}, "aws:PrincipalIsAWSService": {"true"}}
	default:
		return map[string][]string{"aws:PrincipalIsAWSService": {"false"}}
	}
}
