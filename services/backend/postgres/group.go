package postgres

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/internal/tracing"
)

// group lets calls share a transaction, and so its statements and its commit. A call begins at once when no other one is on its way;
// while some are, calls are collected until they are as many as those, and then go together. So a lone caller waits for nobody, and
// the more callers there are the less each of them costs.
//
// A group may leave calls out, and it may fail. Then each of these calls is to be made alone: what is wrong with one of them is
// not wrong with the others.
type group[I, O any] struct {
	name string // of the span that a call has while it waits for its answer
	// run makes calls that have different keys, in one transaction. An answer that is nil leaves its call out.
	run func(ctx context.Context, calls []I) (answers []*O, err error)
	// key tells calls apart that may not go together.
	key func(I) any
	// weight bounds a group: those of its calls are maxWeight at most together, unless it has one call.
	weight func(I) int

	mu      sync.Mutex
	waiting []*groupCall[I, O]
	away    int // calls on their way, in so many
	groups  int
	keys    map[any]bool // of those calls
	running sync.WaitGroup
}

// maxGroups is how many groups of one kind are on their way at most, each on a connection.
const maxGroups = 4

// maxWeight bounds what one transaction does, and so what its callers wait for.
const maxWeight = 128

// groupCall is one call and, once done is closed, its answer.
type groupCall[I, O any] struct {
	ctx    context.Context
	in     I
	answer *O
	done   chan struct{}
}

// do makes a call together with others. Without an answer it is to be made alone. When ctx ends before the group has answered the
// error tells so; the group goes on for the others, and may or may not have made this call.
func (g *group[I, O]) do(ctx context.Context, in I) (answer *O, err error) {
	ctx, span := tracing.Child(ctx, g.name)
	defer func() { tracing.End(span, err) }()
	c := &groupCall[I, O]{ctx: ctx, in: in, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, c)
	if calls := g.next(); calls != nil {
		g.running.Add(1)
		go g.fly(calls)
	}
	g.mu.Unlock()
	select {
	case <-c.done:
		return c.answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fly makes a group of calls, and then the next one, if there is one to begin.
func (g *group[I, O]) fly(calls []*groupCall[I, O]) {
	defer g.running.Done()
	for calls != nil {
		in := make([]I, len(calls))
		for i, c := range calls {
			in[i] = c.in
		}
		answers, err := g.guarded(flight(calls), in)
		for i, c := range calls {
			if err == nil {
				c.answer = answers[i]
			}
			close(c.done)
		}
		g.mu.Lock()
		for _, c := range calls {
			delete(g.keys, g.key(c.in))
		}
		g.away -= len(calls)
		g.groups--
		calls = g.next()
		g.mu.Unlock()
	}
}

// guarded is run, with a panic made an error: whoever caused it meets it again alone, where it ends one request and not the process.
func (g *group[I, O]) guarded(ctx context.Context, in []I) (answers []*O, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v", g.name, p)
		}
	}()
	return g.run(ctx, in)
}

// next takes those who wait, if a group is to begin: in the order in which they came, as many as one group may have, and none whose key
// is on its way. Callers that have left are forgotten. g.mu is held.
func (g *group[I, O]) next() (calls []*groupCall[I, O]) {
	if len(g.waiting) < g.away || g.groups == maxGroups {
		return nil // whoever comes back looks again
	}
	weight, full := 0, false
	var left []*groupCall[I, O]
	for _, c := range g.waiting {
		if c.ctx.Err() != nil {
			continue
		}
		key, more := g.key(c.in), g.weight(c.in)
		full = full || (len(calls) > 0 && weight+more > maxWeight)
		if full || g.keys[key] {
			left = append(left, c)
			continue
		}
		if g.keys == nil {
			g.keys = map[any]bool{}
		}
		g.keys[key] = true
		weight += more
		calls = append(calls, c)
	}
	g.waiting = left
	if calls != nil {
		g.away += len(calls)
		g.groups++
	}
	return calls
}

// flight is the context of a group: no caller ends it. The first caller whose trace is recorded gets the spans of the statements,
// the others a link to them.
func flight[I, O any](calls []*groupCall[I, O]) context.Context {
	ctx := context.Background()
	var first trace.Span
	for _, c := range calls {
		span := trace.SpanFromContext(c.ctx)
		if !span.IsRecording() {
			continue
		}
		span.SetAttributes(attribute.Int("calls", len(calls)))
		if first != nil {
			span.AddLink(trace.Link{SpanContext: first.SpanContext()})
			continue
		}
		first = span
		ctx = trace.ContextWithSpan(ctx, span)
	}
	return ctx
}

// wait returns once no group is on its way.
func (g *group[I, O]) wait() { g.running.Wait() }

// together makes a call in a group, and alone if the group has no answer for it. Both have CallTimeout together.
func together[I, O any](ctx context.Context, s *Store, g *group[I, O], in I, alone func(ctx context.Context) (O, error)) (O, error) {
	if s.tx != nil { // a transaction of its own
		return alone(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, s.CallTimeout)
	defer cancel()
	answer, err := g.do(limited, in)
	switch {
	case answer != nil:
		return *answer, nil
	case err == nil:
		return alone(limited)
	case ctx.Err() == nil:
		err = unavailable(err)
	}
	var none O
	return none, mapError(err)
}
