package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"scalable-backend/internal/container"
)

// errNotAllowed is a check's answer when what is allowed says it all.
var errNotAllowed = errors.New("not allowed")

// setting is one key of one tier, bound to the field that it sets.
type setting struct {
	key     string // tier.name
	allowed string // what it takes, in words
	meaning string // for docs/configuration.md
	example string // a value that it takes, for commands
	element string // the place of an element in it, for commands: "[0]" of a list; "" of a single value
	kind    Kind
	values  []any // values that it takes, at least two, the default among them
	// decode checks a JSON value and stores it. What it finds wrong it returns by its place in the value: "" for the whole,
	// "[2]" for the third of a list, `["team"]` for a name of a map.
	decode func(raw any) []fault
	show   func() string // the field's present value
}

// fault is what is wrong with a value or an element of it.
type fault struct {
	place   string
	value   any
	detail  string // why it is not allowed, where that is not obvious
	example string // the nearest value that is allowed, where there is one
	remove  bool   // no value helps: the element has to go
}

func (s *setting) means(text string) *setting {
	s.meaning = text
	return s
}

func (s *setting) tier() string { return s.key[:strings.IndexByte(s.key, '.')] }
func (s *setting) name() string { return s.key[strings.IndexByte(s.key, '.')+1:] }

// tiers returns the top-level keys, in order.
func tiers(settings []*setting) []string {
	var names []string
	for _, s := range settings {
		if !slices.Contains(names, s.tier()) {
			names = append(names, s.tier())
		}
	}
	return names
}

// distinct drops what is there twice and keeps the order.
func distinct[T comparable](values ...T) (out []any) {
	for i, v := range values {
		if !slices.Contains(values[:i], v) {
			out = append(out, v)
		}
	}
	return out
}

var exactInteger = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// readInteger takes a JSON integer, or text that is exactly one: the CLI stores text where a value was once a secret or came
// from a shell. inRange is false for integers that no int holds.
func readInteger(raw any) (n int, isInteger, inRange bool) {
	var s string
	switch v := raw.(type) {
	case json.Number:
		s = v.String()
	case string:
		s = v
	}
	if !exactInteger.MatchString(s) {
		return 0, false, false
	}
	n, err := strconv.Atoi(s)
	return n, true, err == nil
}

func integer(key string, target *int, def, low, high int) *setting {
	*target = def
	s := &setting{key: key, kind: Integer, allowed: fmt.Sprintf("an integer from %d to %d", low, high), example: strconv.Itoa(def)}
	s.values = distinct(def, max(low, def-1), min(def+1, high), low, high)
	s.show = func() string { return strconv.Itoa(*target) }
	s.decode = func(raw any) []fault {
		n, ok, inRange := readInteger(raw)
		if !ok {
			return []fault{{value: raw}}
		}
		if !inRange || n < low || n > high {
			return []fault{{value: raw, example: strconv.Itoa(min(max(n, low), high))}}
		}
		*target = n
		return nil
	}
	return s
}

func integerOf(key string, target *int, def int, options ...int) *setting {
	*target = def
	var names []string
	for _, n := range options {
		names = append(names, strconv.Itoa(n))
	}
	s := &setting{key: key, kind: Integer, allowed: "one of " + strings.Join(names, ", "), example: strconv.Itoa(def)}
	s.values = distinct(append([]int{def}, options...)...)
	s.show = func() string { return strconv.Itoa(*target) }
	s.decode = func(raw any) []fault {
		n, ok, _ := readInteger(raw)
		if !ok || !slices.Contains(options, n) {
			return []fault{{value: raw}}
		}
		*target = n
		return nil
	}
	return s
}

func boolean(key string, target *bool, def bool) *setting {
	*target = def
	s := &setting{key: key, kind: Boolean, allowed: "true or false", example: strconv.FormatBool(def), values: []any{def, !def}}
	s.show = func() string { return strconv.FormatBool(*target) }
	s.decode = func(raw any) []fault {
		switch raw {
		case true, "true":
			*target = true
		case false, "false":
			*target = false
		default:
			return []fault{{value: raw}}
		}
		return nil
	}
	return s
}

// choice also takes a number that reads like an option: `--path` stores a version as one.
func choice(key string, target *string, def string, options ...string) *setting {
	*target = def
	s := &setting{key: key, kind: Text, allowed: "one of " + strings.Join(options, ", "), example: def}
	s.values = distinct(append([]string{def}, options...)...)
	s.show = func() string { return *target }
	s.decode = func(raw any) []fault {
		value, isText := raw.(string)
		if number, ok := raw.(json.Number); ok {
			value, isText = number.String(), true
		}
		if !isText || !slices.Contains(options, value) {
			return []fault{{value: raw}}
		}
		*target = value
		return nil
	}
	return s
}

// text takes what valid accepts. other is a second value that it accepts, for tests.
func text(key string, target *string, def, other, allowed string, valid func(string) error) *setting {
	*target = def
	s := &setting{key: key, kind: Text, allowed: allowed, example: def, values: []any{def, other}}
	s.show = func() string { return *target }
	s.decode = func(raw any) []fault {
		value, ok := raw.(string)
		if !ok {
			return []fault{{value: raw, detail: "it is not text"}}
		}
		if err := valid(value); err != nil {
			return []fault{{value: raw, detail: detail(err)}}
		}
		*target = value
		return nil
	}
	return s
}

// optional is text that may be empty.
func optional(key string, target *string, allowed, example string, valid func(string) error) *setting {
	s := text(key, target, "", example, allowed+`, or ""`, func(value string) error {
		if value == "" {
			return nil
		}
		return valid(value)
	})
	s.example = example
	return s
}

// maxList bounds every list; the services behind them have limits of that order.
const maxList = 50

// list takes texts that differ.
func list(key string, target *[]string, allowed, example string, valid func(string) error) *setting {
	return listOf(key, target, nil, false, allowed, example, valid)
}

// words is a command: a program and its arguments, of which two may be the same.
func words(key string, target *[]string, def []string, example string) *setting {
	return listOf(key, target, def, true, "a list of words", example, container.ValidateValue)
}

func listOf(
	key string, target *[]string, def []string, repeat bool, allowed, example string, valid func(string) error,
) *setting {
	*target = def
	s := &setting{key: key, kind: List, allowed: allowed, example: example, element: "[0]"}
	s.values = []any{append([]string{}, def...), []string{example}}
	s.show = func() string { return "[" + strings.Join(*target, ", ") + "]" }
	s.decode = func(raw any) []fault {
		elements, ok := raw.([]any)
		if !ok {
			return []fault{{value: raw, detail: "it is not a list"}}
		}
		if len(elements) > maxList {
			return []fault{{value: fmt.Sprintf("%d elements", len(elements)), detail: fmt.Sprintf("it is longer than %d", maxList)}}
		}
		var faults []fault
		var values []string
		for i, element := range elements {
			value, isText := element.(string)
			bad := fault{place: fmt.Sprintf("[%d]", i), value: element}
			var err error
			switch {
			case !isText:
				bad.detail = "it is not text"
			case !repeat && slices.Contains(values, value):
				bad.detail, bad.remove = "it is there twice", true
			default:
				if err = valid(value); err == nil {
					values = append(values, value)
					continue
				}
				bad.detail = detail(err)
			}
			faults = append(faults, bad)
		}
		*target = values
		return faults
	}
	return s
}

func detail(err error) string {
	if errors.Is(err, errNotAllowed) {
		return ""
	}
	return err.Error()
}
