// Package authz evaluates IAM policies: it decides whether the policies that apply to a request allow it. It follows the
// documented evaluation order (IAM User Guide, "Policy evaluation logic") within one account and across two, for the kinds of
// policies that this program plans. Unknown elements, unknown operators and policy variables are errors.
package authz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Kind is what a policy is attached to. It decides which elements the policy has.
type Kind int

// The kinds of policies.
const (
	Identity Kind = iota // of a role, or a permissions boundary: no Principal
	Resource             // of a bucket, topic, key, file system or endpoint: Principal and Resource
	Trust                // of a role, for those who may assume it: Principal and no Resource
)

// Document is a parsed policy.
type Document struct {
	Name       string // for messages, e.g. the resource that has the policy
	Kind       Kind
	Statements []Statement
}

// Statement is one statement. Of each pair such as Actions and NotActions, one is empty.
type Statement struct {
	Sid                     string
	Deny                    bool
	Principals              []PrincipalPattern
	Actions, NotActions     []string
	Resources, NotResources []string
	Conditions              []Condition
}

const version = "2012-10-17"

type rawDocument struct {
	Version   string          `json:"Version"`
	ID        string          `json:"Id"`
	Statement json.RawMessage `json:"Statement"`
}

type rawStatement struct {
	Sid         string                          `json:"Sid"`
	Effect      string                          `json:"Effect"`
	Principal   json.RawMessage                 `json:"Principal"`
	Action      list                            `json:"Action"`
	NotAction   list                            `json:"NotAction"`
	Resource    list                            `json:"Resource"`
	NotResource list                            `json:"NotResource"`
	Condition   map[string]map[string]valueList `json:"Condition"`
}

// list is a string or a list of strings.
type list []string

func (l *list) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = list{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

// valueList is a list whose values may also be booleans, as in a condition.
type valueList []string

func (l *valueList) UnmarshalJSON(text []byte) error {
	var values []any
	if json.Unmarshal(text, &values) != nil {
		var one any
		if err := json.Unmarshal(text, &one); err != nil {
			return err
		}
		values = []any{one}
	}
	for _, v := range values {
		switch v := v.(type) {
		case string:
			*l = append(*l, v)
		case bool:
			*l = append(*l, fmt.Sprint(v))
		default:
			return fmt.Errorf("want text or a boolean, got %v", v)
		}
	}
	return nil
}

// Parse reads a policy and refuses everything that Evaluate does not support.
func Parse(kind Kind, name string, text []byte) (Document, error) {
	d := Document{Name: name, Kind: kind}
	if err := d.parse(text); err != nil {
		return Document{}, fmt.Errorf("policy of %s: %w", name, err)
	}
	return d, nil
}

func (d *Document) parse(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := unique(decoder); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("unexpected text after the document")
	}
	var raw rawDocument
	if err := strict(text, &raw); err != nil {
		return err
	}
	if raw.Version != version {
		return fmt.Errorf("version %q: want %q", raw.Version, version)
	}
	var statements []json.RawMessage
	if json.Unmarshal(raw.Statement, &statements) != nil {
		statements = []json.RawMessage{raw.Statement}
	}
	if len(statements) == 0 {
		return errors.New("no statement")
	}
	sids := map[string]bool{}
	for i, text := range statements {
		s, err := d.statement(text)
		if err != nil {
			return fmt.Errorf("statement %d: %w", i, err)
		}
		if s.Sid != "" && sids[s.Sid] {
			return fmt.Errorf("statement %d: duplicate Sid %q", i, s.Sid)
		}
		sids[s.Sid] = true
		d.Statements = append(d.Statements, s)
	}
	return nil
}

func (d *Document) statement(text []byte) (Statement, error) {
	var raw rawStatement
	if err := strict(text, &raw); err != nil {
		return Statement{}, err
	}
	s := Statement{
		Sid: raw.Sid, Deny: raw.Effect == "Deny",
		Actions: raw.Action, NotActions: raw.NotAction, Resources: raw.Resource, NotResources: raw.NotResource,
	}
	var err error
	if s.Principals, err = principals(raw.Principal); err != nil {
		return s, err
	}
	if s.Conditions, err = conditions(raw.Condition); err != nil {
		return s, err
	}
	switch {
	case raw.Effect != "Allow" && raw.Effect != "Deny":
		return s, fmt.Errorf("effect %q: want Allow or Deny", raw.Effect)
	case (len(s.Actions) == 0) == (len(s.NotActions) == 0):
		return s, errors.New("want one of Action and NotAction")
	case (len(s.Principals) == 0) != (d.Kind == Identity):
		return s, errors.New("Principal: a resource's policy and a trust policy have one, an identity's policy has none")
	case d.Kind == Trust && len(s.Resources)+len(s.NotResources) > 0:
		return s, errors.New("a trust policy has no Resource")
	case d.Kind != Trust && (len(s.Resources) == 0) == (len(s.NotResources) == 0):
		return s, errors.New("want one of Resource and NotResource")
	}
	return s, s.check()
}

var actionPattern = regexp.MustCompile(`^(\*|[a-z0-9-]+:[A-Za-z0-9*?]+)$`)

// check refuses values that match nothing, or not what they seem to match.
func (s Statement) check() error {
	for _, a := range append(s.Actions[:len(s.Actions):len(s.Actions)], s.NotActions...) {
		if !actionPattern.MatchString(a) {
			return fmt.Errorf("action %q: want service:Name", a)
		}
	}
	for _, r := range append(s.Resources[:len(s.Resources):len(s.Resources)], s.NotResources...) {
		if r != "*" && !isARN(r) {
			return fmt.Errorf("resource %q: want an ARN or *", r)
		}
		if strings.Contains(r, "${") {
			return fmt.Errorf("resource %q: policy variables are not evaluated", r)
		}
	}
	return nil
}

func strict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// unique refuses an object with duplicate keys: of two conditions with the same operator the decoder would drop the first.
func unique(decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	keys := map[string]bool{}
	for decoder.More() {
		if delim == '{' {
			key, err := decoder.Token()
			if err != nil {
				return err
			}
			// The decoder ignores the case of struct fields, so keys that differ only in case are duplicates too.
			name := strings.ToLower(key.(string))
			if keys[name] {
				return fmt.Errorf("duplicate key %q", key)
			}
			keys[name] = true
		}
		if err := unique(decoder); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
}
