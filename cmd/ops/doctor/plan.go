package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"scalable-backend/cmd/ops/command"
)

// plan is what the program would register, as `cmd/plan graph` prints it: with it, doctor knows the sizes, counts and names that the
// configuration and its defaults lead to.
type plan struct {
	Resources []resource                   `json:"resources"`
	Lookups   map[string][]json.RawMessage `json:"lookups"`
}

type resource struct {
	Type   string         `json:"type"`
	Name   string         `json:"name"`
	Inputs map[string]any `json:"inputs"`
}

// read plans the stack and reads its state. An invalid configuration is the first thing that is printed.
func (s *subject) read(ctx context.Context, out *printer) {
	states := make(chan stateOrError, 1)
	go func() { states <- readState(ctx, s) }()
	// The first run compiles the program, as pulumi up would.
	planning, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	fmt.Fprintln(s.env.Stderr, "planning the stack; the first time this compiles the program, which takes some minutes")
	text, err := s.env.Program(planning, s.stack.Dir, "go", "run", "./cmd/plan", "graph", "-stack", s.stack.Name, "-format", "json")
	var p plan
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	switch {
	case err == nil:
		s.plan = &p
		out.add(named("configuration", ok("%s is valid: %d resources", s.stack.Name, len(p.Resources))))
	case errors.Is(err, command.ErrMissing):
		out.add(named("configuration", fail("install Go (https://go.dev/dl): pulumi up needs it too", "not checked: %s", err)))
	default:
		out.add(named("configuration", fail("change what it names, then run doctor again", "%s", reportOf(err))))
	}
	got := <-states
	s.state = got.state
	out.add(named("stack", got.finding))
}

// reportOf is what cmd/plan printed, without the command line and what `go run` adds.
func reportOf(err error) string {
	text := err.Error()
	if _, after, found := strings.Cut(text, "exit status 1: "); found {
		text = after
	}
	return strings.TrimSuffix(strings.TrimSpace(text), "\nexit status 1")
}

// of are the resources of a type.
func (p *plan) of(token string) []resource {
	var out []resource
	for _, r := range p.Resources {
		if r.Type == token {
			out = append(out, r)
		}
	}
	return out
}

func (p *plan) has(token string) bool { return len(p.of(token)) > 0 }

// values are the different texts of an input of all resources of a type, sorted.
func (p *plan) values(token string, path ...string) []string {
	var out []string
	for _, r := range p.of(token) {
		if text := r.text(path...); text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}

func (r resource) input(path ...string) any {
	var at any = r.Inputs
	for _, key := range path {
		object, isObject := at.(map[string]any)
		if !isObject {
			return nil
		}
		at = object[key]
	}
	return at
}

func (r resource) text(path ...string) string {
	switch v := r.input(path...).(type) {
	case string:
		return v
	case float64:
		return fmt.Sprint(v)
	}
	return ""
}

func (r resource) number(path ...string) float64 {
	var n float64
	if _, err := fmt.Sscan(r.text(path...), &n); err != nil {
		return 0
	}
	return n
}

// lookup decodes the arguments of a question of the program, the first of its kind being 0.
func (p *plan) lookup(token string, i int, into any) error {
	asked := p.Lookups[token]
	if i >= len(asked) {
		return fmt.Errorf("the program asks %d times for %s", len(asked), token)
	}
	return json.Unmarshal(asked[i], into)
}
