package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/command"
)

// lookTimeout is for one look, the SDK's repetitions included.
const lookTimeout = time.Minute

// patience is how often in a row AWS may be out of reach, besides what the SDK repeats by itself: two minutes
// and more.
const patience = 8

// progress is how far one part has come.
type progress int

const (
	waiting progress = iota
	settled          // as it is wanted
	broken           // it will not become so by itself
)

// wait looks at both parts until each has settled or is broken.
func (s *session) wait(ctx context.Context) error {
	lost := 0
	for {
		err := s.look(ctx)
		switch {
		case err == nil:
			lost = 0
			s.say.Going("%s", s.text())
			if s.state() != waiting {
				return nil
			}
		case account.KindOf(err) == account.Network && lost < patience:
			lost++
			s.say.Going("AWS cannot be reached, trying again (%d of %d)", lost, patience)
		case account.KindOf(err) == account.Throttled && lost < patience:
			lost++
			s.say.Going("AWS takes no more requests for now, trying again (%d of %d)", lost, patience)
		default:
			return err
		}
		if s.env.Now().Sub(s.start) >= s.timeout {
			return s.tooLate(ctx)
		}
		if err := s.env.Sleep(ctx, interval); err != nil {
			return err
		}
	}
}

// look asks AWS once. What was seen before stays when it fails.
func (s *session) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout) // or a network that swallows packets holds it for a quarter of an hour
	defer cancel()
	if s.has(backendPart) {
		seen, err := s.lookBackend(ctx)
		if err != nil {
			return err
		}
		if s.backend != nil { // how long it is like this
			seen.since = s.backend.since
		}
		if seen.busy() || seen.since.IsZero() {
			seen.since = s.env.Now()
		}
		s.backend = seen
	}
	if s.has(agentsPart) && s.stack.Agents() {
		seen, err := s.lookAgents(ctx)
		if err != nil {
			return err
		}
		s.agents = seen
	}
	return nil
}

// state is that of the part that is furthest behind. A broken part does not end the wait for the other one.
func (s *session) state() progress {
	all := settled
	if s.backend != nil {
		s.backend.progress(s.env.Now())
		if s.backend.now == waiting {
			return waiting
		}
		all = max(all, s.backend.now)
	}
	if s.agents != nil {
		if s.agents.now == waiting {
			return waiting
		}
		all = max(all, s.agents.now)
	}
	return all
}

// text is the line of progress.
func (s *session) text() string {
	var parts []string
	if s.backend != nil {
		parts = append(parts, s.backend.text())
	}
	if s.agents != nil {
		parts = append(parts, s.agents.text())
	}
	return strings.Join(parts, "; ")
}

// seen is when AWS was asked last with success.
func (s *session) seen() time.Time {
	if s.agents != nil {
		return s.agents.at
	}
	return s.backend.at
}

// tooLate ends a wait whose time is up: the causes so far are worth knowing.
func (s *session) tooLate(ctx context.Context) error {
	s.say.Line("After %s it is not done.", s.timeout)
	if s.backend != nil && s.backend.now == waiting {
		s.backendCause(ctx)
	}
	if s.agents != nil && s.agents.now == waiting {
		s.agentsCause(ctx)
	}
	return command.With(command.Unfinished, fmt.Errorf("the time is up (-timeout %s): run it again to wait on", s.timeout))
}
