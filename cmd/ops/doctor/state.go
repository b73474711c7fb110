package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"scalable-backend/cmd/ops/command"
)

// state is what Pulumi has made for the stack: by it doctor tells the stack's own detector, role or address from somebody else's.
type state struct {
	Deployment struct {
		Resources []made `json:"resources"`
	} `json:"deployment"`
}

type made struct {
	URN     string         `json:"urn"`
	Type    string         `json:"type"`
	ID      string         `json:"id"`
	Outputs map[string]any `json:"outputs"`
}

type stateOrError struct {
	state   *state
	finding Finding
}

// readState exports the stack's state. Secrets stay encrypted in it, so it needs no passphrase.
func readState(ctx context.Context, s *subject) stateOrError {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	text, err := s.env.Program(ctx, s.stack.Dir, "pulumi", "stack", "export", "--non-interactive", "--stack", s.stack.Full)
	var out state
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	switch {
	case err == nil && len(out.Deployment.Resources) == 0:
		return stateOrError{&out, ok("%s has no resources yet", s.stack.Full)}
	case err == nil:
		return stateOrError{&out, ok("%s has %d resources", s.stack.Full, len(out.Deployment.Resources))}
	case errors.Is(err, command.ErrMissing):
		return stateOrError{nil, warn("", "not read: %s", err)}
	case ctx.Err() != nil:
		return stateOrError{nil, s.tooSlow()}
	case strings.Contains(err.Error(), "no stack named"):
		return stateOrError{&state{}, ok("%s is not made yet: pulumi stack init makes it", s.stack.Full)}
	case strings.Contains(err.Error(), "PULUMI_ACCESS_TOKEN"), strings.Contains(err.Error(), "pulumi login"):
		return stateOrError{nil, fail("pulumi login <where the state is>", "the Pulumi CLI is not logged in")}
	}
	return stateOrError{nil, warn("", "not read: %s", err)}
}

// of are the resources of a type.
func (s *state) of(token string) []made {
	var out []made
	for _, r := range s.Deployment.Resources {
		if r.Type == token {
			out = append(out, r)
		}
	}
	return out
}

func (s *state) count(token string) int {
	if s == nil {
		return 0
	}
	return len(s.of(token))
}

// owns tells whether a resource of the type has this id.
func (s *state) owns(token, id string) bool {
	if s == nil {
		return false
	}
	for _, r := range s.of(token) {
		if r.ID == id {
			return true
		}
	}
	return false
}

// output is a text output of the stack, "" if it has none of this name.
func (s *state) output(name string) string {
	if s == nil {
		return ""
	}
	for _, r := range s.of("pulumi:pulumi:Stack") {
		if text, isText := r.Outputs[name].(string); isText {
			return text
		}
	}
	return ""
}
