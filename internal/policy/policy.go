// Package policy builds IAM policy documents as typed values, so that a misspelt element does not compile and a test can
// read the document back.
package policy

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Version is the only current version of the policy language (IAM User Guide, "IAM JSON policy elements: Version").
const Version = "2012-10-17"

// Effect is Allow or Deny.
type Effect string

// The two effects of a statement.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Principal is one entry of a Principal element, e.g. {"Service", ["ec2.amazonaws.com"]}. Kind is "Service", "AWS" or
// "Federated"; Everyone is the principal "*".
type Principal struct {
	Kind   string
	Values []pulumi.StringInput
}

// Everyone is the anonymous principal; a statement that uses it needs a condition or a reason.
func Everyone() Principal { return Principal{Kind: "*"} }

// Service is an AWS service principal.
func Service(names ...string) Principal { return Principal{Kind: "Service", Values: Strings(names...)} }

// AWS is an account, role or user principal, by ARN.
func AWS(arns ...pulumi.StringInput) Principal { return Principal{Kind: "AWS", Values: arns} }

// Condition is one line of a Condition element: Test("StringEquals"), Key("aws:SourceAccount"), Values.
type Condition struct {
	Test, Key string
	Values    []pulumi.StringInput
}

// Statement is one statement of a policy. Principals stay empty in identity policies, Resources in trust policies.
type Statement struct {
	Sid        string
	Effect     Effect
	Principals []Principal
	Actions    []string
	Resources  []pulumi.StringInput
	Conditions []Condition
}

// Strings turns plain strings into inputs.
func Strings(values ...string) []pulumi.StringInput {
	inputs := make([]pulumi.StringInput, len(values))
	for i, v := range values {
		inputs[i] = pulumi.String(v)
	}
	return inputs
}

// Document is the resolved form of a policy.
type Document struct {
	Version   string              `json:"Version"`
	Statement []ResolvedStatement `json:"Statement"`
}

// ResolvedStatement is a statement whose inputs are known.
type ResolvedStatement struct {
	Sid       string                         `json:"Sid,omitempty"`
	Effect    Effect                         `json:"Effect"`
	Principal any                            `json:"Principal,omitempty"`
	Action    []string                       `json:"Action"`
	Resource  []string                       `json:"Resource,omitempty"`
	Condition map[string]map[string][]string `json:"Condition,omitempty"`
}

// JSON resolves the statements and encodes them as one document. The statements' own form is checked at once: a statement
// without actions, or with an unknown effect, is a mistake of the program and panics.
func JSON(statements ...Statement) pulumi.StringOutput {
	var inputs []any
	take := func(values []pulumi.StringInput) {
		for _, v := range values {
			inputs = append(inputs, v)
		}
	}
	for _, s := range statements {
		if len(s.Actions) == 0 || (s.Effect != Allow && s.Effect != Deny) {
			panic(fmt.Sprintf("policy statement %q: want actions and an effect of Allow or Deny", s.Sid))
		}
		for _, p := range s.Principals {
			take(p.Values)
		}
		take(s.Resources)
		for _, c := range s.Conditions {
			take(c.Values)
		}
	}
	return pulumi.All(inputs...).ApplyT(func(values []any) (string, error) {
		return encode(statements, values)
	}).(pulumi.StringOutput)
}

func encode(statements []Statement, values []any) (string, error) {
	next := func(n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = values[i].(string)
		}
		values = values[n:]
		return out
	}
	doc := Document{Version: Version}
	for _, s := range statements {
		r := ResolvedStatement{Sid: s.Sid, Effect: s.Effect, Action: s.Actions}
		r.Principal = resolvePrincipals(s.Principals, next)
		r.Resource = next(len(s.Resources))
		for _, c := range s.Conditions {
			if r.Condition == nil {
				r.Condition = map[string]map[string][]string{}
			}
			if r.Condition[c.Test] == nil {
				r.Condition[c.Test] = map[string][]string{}
			}
			r.Condition[c.Test][c.Key] = append(r.Condition[c.Test][c.Key], next(len(c.Values))...)
		}
		doc.Statement = append(doc.Statement, r)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return "", fmt.Errorf("encoding policy: %w", err)
	}
	return string(text), nil
}

func resolvePrincipals(principals []Principal, next func(int) []string) any {
	if len(principals) == 0 {
		return nil
	}
	byKind := map[string][]string{}
	everyone := false
	for _, p := range principals {
		if p.Kind == "*" {
			everyone = true
			continue
		}
		byKind[p.Kind] = append(byKind[p.Kind], next(len(p.Values))...)
	}
	if everyone {
		return "*"
	}
	return byKind
}

// AssumeRole is the trust policy of a role for one service. Pass conditions only where the service documents that it sets
// the key: EC2 and API Gateway's logging do not set aws:SourceAccount.
func AssumeRole(service string, conditions ...Condition) pulumi.StringOutput {
	return JSON(Statement{
		Effect:     Allow,
		Principals: []Principal{Service(service)},
		Actions:    []string{"sts:AssumeRole"},
		Conditions: conditions,
	})
}

// SourceAccount limits a service principal to calls made on behalf of one account.
func SourceAccount(accountID string) Condition {
	return Condition{Test: "StringEquals", Key: "aws:SourceAccount", Values: Strings(accountID)}
}
