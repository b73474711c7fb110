package rules

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"scalable-backend/internal/graph"
)

const allow, deny = "Allow", "Deny"

// values is an element of a policy that is a string or a list of strings.
type values []string

func (v *values) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*v = values{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(v))
}

// matches tells whether one of the patterns matches a name. Actions are not case-sensitive.
func (v values) matches(name string) bool {
	return slices.ContainsFunc(v, func(pattern string) bool {
		ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(name))
		return err == nil && ok
	})
}

type statement struct {
	Sid       string
	Effect    string
	Principal principal
	Action    values
	NotAction values
	Resource  values
	Condition map[string]map[string]values
}

// principal maps a kind (AWS, Service, Federated) to names; "*" is under AWS.
type principal map[string]values

func (p *principal) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*p = principal{"AWS": values{one}}
		return nil
	}
	return json.Unmarshal(data, (*map[string]values)(p))
}

// everyone tells whether the principal is "*".
func (p principal) everyone() bool { return slices.Contains(p["AWS"], "*") }

// condition returns the values of a condition key, whatever the operator.
func (s statement) condition(key string) values {
	for _, tests := range s.Condition {
		if v, ok := tests[key]; ok {
			return v
		}
	}
	return nil
}

// part names the statement in findings.
func (s statement) part(index int) string {
	if s.Sid != "" {
		return s.Sid
	}
	return fmt.Sprintf("statement-%d", index)
}

type policyDocument struct{ Statement []statement }

// document parses the policy in an input.
func document(r graph.Resource, property string) (policyDocument, error) {
	var d policyDocument
	source := text(r, property)
	if source == "" {
		return d, fmt.Errorf("%s is missing", property)
	}
	if err := json.Unmarshal([]byte(source), &d); err != nil {
		return d, fmt.Errorf("%s is not a policy: %w", property, err)
	}
	return d, nil
}

// trusts tells whether a service may assume a role.
func trusts(role graph.Resource, service string) bool {
	d, err := document(role, "assumeRolePolicy")
	return err == nil && slices.ContainsFunc(d.Statement, func(s statement) bool {
		return s.Effect == allow && slices.Contains(s.Principal["Service"], service) && s.Action.matches("sts:AssumeRole")
	})
}

// deniesPlainText tells whether a policy denies every call without TLS.
func deniesPlainText(d policyDocument, resources ...string) bool {
	return slices.ContainsFunc(d.Statement, func(s statement) bool {
		insecure := s.Condition["Bool"]["aws:SecureTransport"]
		for _, want := range resources {
			if !slices.Contains(s.Resource, want) {
				return false
			}
		}
		return s.Effect == deny && s.Principal.everyone() && slices.Equal(insecure, values{"false"})
	})
}
