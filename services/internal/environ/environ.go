// Package environ reads a service's configuration from its environment, strictly: all problems are in one error, and a value
// that does not parse is never replaced by a default.
package environ

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Parse fills a T by the tags of its fields (see [Field]), then lets check look at it. Problems are: variables that begin with
// prefix and belong to no field, variables that have a default and are set to nothing, required ones that are missing, values that
// do not parse or are outside their limits, and what check finds. service is named in the error.
func Parse[T any](service, prefix string, environ map[string]string, check func(*T, *Check)) (T, error) {
	return parse(service, environ, unknown[T](prefix, environ), check)
}

// ParseShared is Parse for a prefix that other programs use as well: of the variables that belong to no field, only those are
// problems that look like a typing mistake.
func ParseShared[T any](service, prefix string, environ map[string]string, check func(*T, *Check)) (T, error) {
	return parse(service, environ, misspelt[T](prefix, environ), check)
}

func parse[T any](service string, environ map[string]string, problems []string, check func(*T, *Check)) (T, error) {
	var value, none T
	problems = append(problems, empty[T](environ)...)
	malformed, err := decode(&value, environ)
	if err != nil {
		return none, err
	}
	for _, key := range slices.Sorted(maps.Keys(malformed)) {
		problems = append(problems, key+": "+malformed[key])
	}
	k := &Check{}
	for _, field := range Fields[T]() {
		if _, reported := malformed[field.Variable]; !reported {
			field.check(k, reflect.ValueOf(value).FieldByName(field.Name))
		}
	}
	check(&value, k)
	problems = append(problems, k.problems...)
	if len(problems) == 0 {
		return value, nil
	}
	return none, fmt.Errorf("the %s's environment has %d problem(s):\n  - %s", service, len(problems), strings.Join(problems, "\n  - "))
}

func unknown[T any](prefix string, environ map[string]string) []string {
	known := defaults[T]()
	var problems []string
	for _, key := range slices.Sorted(maps.Keys(environ)) {
		if _, ok := known[key]; !ok && strings.HasPrefix(key, prefix) {
			problems = append(problems, key+": no such setting")
		}
	}
	return problems
}

// empty are the variables that have a default and are set to nothing.
func empty[T any](environ map[string]string) []string {
	known := defaults[T]()
	var problems []string
	for _, key := range slices.Sorted(maps.Keys(known)) {
		if value, set := environ[key]; set && value == "" && known[key] != "" {
			problems = append(problems, key+": set, but empty; leave it out for "+known[key])
		}
	}
	return problems
}

// decode fills value and returns what did not parse, by key.
func decode[T any](value *T, environ map[string]string) (map[string]string, error) {
	err := env.ParseWithOptions(value, env.Options{Environment: environ})
	if err == nil {
		return nil, nil
	}
	aggregate, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return nil, err
	}
	malformed := map[string]string{}
	for _, e := range aggregate.Errors {
		problem, ok := errors.AsType[env.ParseError](e)
		if !ok {
			return nil, err
		}
		field, _ := reflect.TypeFor[T]().FieldByName(problem.Name)
		malformed[field.Tag.Get("env")] = problem.Err.Error()
	}
	return malformed, nil
}

// Check collects problems.
type Check struct{ problems []string }

// That notes a problem unless ok.
func (c *Check) That(ok bool, format string, args ...any) {
	if !ok {
		c.problems = append(c.problems, fmt.Sprintf(format, args...))
	}
}
