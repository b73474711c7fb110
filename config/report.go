package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// problem is one thing wrong with the configuration.
type problem struct{ key, value, want, command string }

// Error lists everything that is wrong with a stack's configuration.
type Error struct {
	stack    string
	problems []problem
}

// Error returns one entry a problem: the key and its value, what is allowed, and the command that sets it.
func (e *Error) Error() string {
	var b strings.Builder
	noun := "problems"
	if len(e.problems) == 1 {
		noun = "problem"
	}
	fmt.Fprintf(&b, "the configuration of stack %q has %d %s:", e.stack, len(e.problems), noun)
	for i, p := range e.problems {
		fmt.Fprintf(&b, "\n  %d. %s = %s: %s\n     %s", i+1, p.key, p.value, p.want, p.command)
	}
	return b.String()
}

// report collects problems, the first of each key: later ones are usually its consequences.
type report struct {
	stack    string
	problems []problem
	given    map[string]bool // keys that the stack sets
	hidden   map[string]bool // top-level keys that hold a secret: their values must not be printed
	meant    map[string]bool // keys that were probably meant by a misspelt one: that they are missing is no second problem
}

func newReport(stack string) *report {
	return &report{stack: stack, given: map[string]bool{}, hidden: map[string]bool{}, meant: map[string]bool{}}
}

func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b problem) int { return strings.Compare(a.key, b.key) })
	return &Error{stack: r.stack, problems: r.problems}
}

// add reports the value of a key. Example is the value that the command sets.
func (r *report) add(key string, value any, want, example string) {
	r.addCommand(key, value, want, r.set(key, example))
}

func (r *report) addCommand(key string, value any, want, command string) {
	if !r.clean(key) {
		return
	}
	shown := show(value)
	switch tier, _, _ := strings.Cut(element.ReplaceAllString(key, ""), "."); {
	case r.hidden[tier]:
		shown = "(secret)"
	case strings.Contains(key, ".") && !r.given[element.ReplaceAllString(key, "")]:
		shown += " (the default)"
	}
	r.problems = append(r.problems, problem{key, shown, want, command})
}

// element is the last part of a key that names an element of a list or of a map.
var element = regexp.MustCompile(`\[([0-9]+|"([^"\\]|\\.)*")\]$`)

// clean tells whether none of the keys, their elements and the objects that they belong to has a problem so far, and none is
// misspelt in the stack.
func (r *report) clean(keys ...string) bool {
	for _, key := range keys {
		tier, _, _ := strings.Cut(key, ".")
		if (r.meant[key] && !r.given[key]) || (r.meant[tier] && !r.given[tier]) {
			return false
		}
		for _, p := range r.problems {
			whole := p.key == tier && !r.hidden[tier]
			if whole || p.key == key || element.ReplaceAllString(p.key, "") == key {
				return false
			}
		}
	}
	return true
}

// set is the command that gives a key a value. Only keys of the tiers are paths into an object.
func (r *report) set(key, value string) string {
	path := ""
	if !strings.HasPrefix(key, "aws:") || strings.HasSuffix(key, "]") {
		path = "--path "
	}
	return r.run("set " + path + quote(key) + " " + quote(value))
}

// remove is the command that takes a key out of a tier's object.
func (r *report) remove(key string) string { return r.run("rm --path " + quote(key)) }

func (r *report) run(arguments string) string {
	return "pulumi config " + arguments + " --stack " + quote(r.stack)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@=-]+$`)

// quote makes a word of a POSIX shell.
func quote(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// missing stands for the value of a key that has none.
type missing struct{}

const maxShown = 120

// show writes a value as JSON, cut to a readable length.
func show(value any) string {
	if (value == missing{}) {
		return "(not set)"
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprintf("(a %T)", value)
	}
	s := strings.TrimSuffix(b.String(), "\n")
	if utf8.RuneCountInString(s) > maxShown {
		s = string([]rune(s)[:maxShown]) + "…"
	}
	return s
}
