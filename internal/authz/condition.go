package authz

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Condition is one line of a Condition element. All lines of a statement must hold.
type Condition struct {
	Operator string // as written, with its set prefix and its IfExists
	Key      string
	Values   []string

	set      string // "", "ForAllValues" or "ForAnyValue"
	test     test
	negated  bool
	ifExists bool
	null     bool
}

// test compares one value of a policy with one of a request.
type test func(pattern, value string) bool

// tests holds the known operators, without the negated forms.
var tests = map[string]test{
	"StringEquals":           func(p, v string) bool { return p == v },
	"StringEqualsIgnoreCase": strings.EqualFold,
	"StringLike":             glob,
	"ArnEquals":              arnLike, // both operators behave the same
	"ArnLike":                arnLike,
	"Bool":                   strings.EqualFold,
}

var negations = map[string]string{
	"StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase", "StringNotLike": "StringLike",
	"ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike",
}

func conditions(raw map[string]map[string]valueList) ([]Condition, error) {
	var all []Condition
	for _, operator := range slices.Sorted(maps.Keys(raw)) {
		for _, key := range slices.Sorted(maps.Keys(raw[operator])) {
			c := Condition{Operator: operator, Key: key, Values: raw[operator][key]}
			if err := c.parse(); err != nil {
				return nil, fmt.Errorf("condition %s %s: %w", operator, key, err)
			}
			all = append(all, c)
		}
	}
	return all, nil
}

func (c *Condition) parse() error {
	name := c.Operator
	if set, rest, ok := strings.Cut(name, ":"); ok {
		if set != "ForAllValues" && set != "ForAnyValue" {
			return fmt.Errorf("unknown set operator %q", set)
		}
		c.set, name = set, rest
	}
	if name == "Null" {
		c.null = true
	} else {
		name, c.ifExists = strings.CutSuffix(name, "IfExists")
		if positive, ok := negations[name]; ok {
			name, c.negated = positive, true
		}
		c.test = tests[name]
	}
	switch {
	case c.test == nil && !c.null:
		return fmt.Errorf("unknown operator %q", c.Operator)
	case !strings.Contains(c.Key, ":"):
		return fmt.Errorf("key %q: want prefix:name", c.Key)
	case len(c.Values) == 0:
		return errors.New("no values")
	}
	for _, v := range c.Values {
		switch {
		case strings.Contains(v, "${"):
			return fmt.Errorf("value %q: policy variables are not evaluated", v)
		case (c.null || name == "Bool") && v != "true" && v != "false":
			return fmt.Errorf("value %q: want true or false", v)
		case strings.HasPrefix(name, "Arn") && !isARN(v):
			return fmt.Errorf("value %q: want an ARN", v)
		}
	}
	return nil
}

// holds tells whether a request's context meets the condition. A key that the request does not have matches no value: a
// positive operator fails, a negated one holds.
func (c Condition) holds(context map[string][]string) (bool, error) {
	values := context[strings.ToLower(c.Key)]
	switch {
	case c.null:
		return slices.Contains(c.Values, fmt.Sprint(len(values) == 0)), nil
	case len(values) == 0:
		return c.ifExists || c.set == "ForAllValues" || (c.set == "" && c.negated), nil
	case c.set == "" && len(values) > 1:
		return false, fmt.Errorf("condition %s: the request has several values of %s, want a set operator", c.Operator, c.Key)
	}
	one := func(value string) bool {
		found := slices.ContainsFunc(c.Values, func(pattern string) bool { return c.test(pattern, value) })
		return found != c.negated
	}
	if c.set == "ForAnyValue" {
		return slices.ContainsFunc(values, one), nil
	}
	return !slices.ContainsFunc(values, func(v string) bool { return !one(v) }), nil
}
