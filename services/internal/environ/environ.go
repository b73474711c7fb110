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
	"time"

	"github.com/caarlos0/env/v11"
)

// Keys returns the environment variables that the fields of T are read from, sorted.
func Keys[T any]() []string {
	return slices.Sorted(maps.Keys(defaults[T]()))
}

// defaults are the variables of T with their defaults.
func defaults[T any]() map[string]string {
	keys := map[string]string{}
	for field := range reflect.TypeFor[T]().Fields() {
		keys[field.Tag.Get("env")] = field.Tag.Get("envDefault")
	}
	return keys
}

// Parse fills a T by the env and envDefault tags of its fields, then lets check look at it. Problems are: variables that begin
// with prefix and belong to no field, variables that have a default and are set to nothing, values that do not parse, and what
// check finds. service is named in the error.
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
	k := &Check{malformed: malformed}
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
type Check struct {
	malformed map[string]string
	problems  []string
}

// That notes a problem unless ok.
func (c *Check) That(ok bool, format string, args ...any) {
	if !ok {
		c.problems = append(c.problems, fmt.Sprintf(format, args...))
	}
}

// Within wants a number or a duration from low to high. What did not parse has been reported already.
func Within[T int | float64 | time.Duration](c *Check, key string, value, low, high T) {
	if _, reported := c.malformed[key]; !reported {
		c.That(low <= value && value <= high, "%s: want %v to %v, got %v", key, low, high, value)
	}
}
