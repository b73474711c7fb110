package postgres

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"scalable-backend/services/internal/tracing"
)

// group lets calls share a transaction, and so its statements and its commit. A call begins at once when no group is on its way; while
// one is, calls are collected, and go together when it is back. So a lone caller waits for nobody, and the more callers there are the
// less each of them costs. Another group begins earlier only with as much as one may have, or when a call has waited for groupPatience:
// what keeps the group on its way is not to keep the others.
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

	mu       sync.Mutex
	patience time.Duration // zero: the constant
	waiting  []*groupCall[I, O]
	heavy    int          // the weight of those
	groups   int          // on their way
	boarding bool         // one of them has yet to take its calls
	keys     map[any]bool // of calls on their way
	running  sync.WaitGroup
}

// maxGroups is how many groups of one kind are on their way at most, each on a connection.
const maxGroups = 4

// maxWeight bounds what one transaction does, and so what its callers wait for.
const maxWeight = 128

// groupPatience is how long a call waits for a group that is on its way: several times what a full one takes on a busy machine, so that
// only what is kept by a lock, or a lost connection, is passed.
const groupPatience = 250 * time.Millisecond

// groupCall is one call and, once done is closed, its answer.
type groupCall[I, O any] struct {
	ctx    context.Context
	in     I
	since  time.Time
	answer *O
	done   chan struct{}
}

// do makes a call together with others. Without an answer it is to be made alone. When ctx ends before the group has answered the
// error tells so; the group goes on for the others, and may or may not have made this call.
func (g *group[I, O]) do(ctx context.Context, in I) (answer *O, err error) {
	ctx, span := tracing.Child(ctx, g.name)
	defer func() { tracing.End(span, err) }()
	c := &groupCall[I, O]{ctx: ctx, in: in, since: time.Now(), done: make(chan struct{})}
	g.mu.Lock()
	g.waiting, g.heavy = append(g.waiting, c), g.heavy+g.weight(in)
	late := time.NewTimer(cmp.Or(g.patience, groupPatience))
	g.mu.Unlock()
	defer late.Stop()
	for g.begin(); ; g.begin() {
		select {
		case <-c.done:
			return c.answer, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-late.C:
		}
	}
}

// begin lets a group go, if one is to begin.
func (g *group[I, O]) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.due() {
		g.groups, g.boarding = g.groups+1, true
		g.running.Add(1)
		go g.fly()
	}
}

// fly makes a group of calls, and then the next one, if there is one to begin. Whoever is just about to call comes along: of calls that
// are made at once the first does not go alone.
func (g *group[I, O]) fly() {
	defer g.running.Done()
	for again := true; again; {
		runtime.Gosched()
		calls := g.take()
		if calls == nil {
			return
		}
		g.begin() // another one, if this one could not take all
		in := make([]I, len(calls))
		for i, c := range calls {
			in[i] = c.in
		}
		answers, err := guarded(g.name, func() ([]*O, error) { return g.run(flight(calls), in) })
		for i, c := range calls {
			if err == nil {
				c.answer = answers[i]
			}
			close(c.done)
		}
		again = g.back(calls)
	}
}

// back notes that a group is back, and reports whether the next one is to begin.
func (g *group[I, O]) back(calls []*groupCall[I, O]) (again bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range calls {
		delete(g.keys, g.key(c.in))
	}
	g.groups--
	if again = g.due(); again {
		g.groups, g.boarding = g.groups+1, true
	}
	return again
}

// guarded is f, with a panic made an error: whoever caused it meets it again alone, where it ends one request and not the process.
func guarded[T any](name string, f func() (T, error)) (answer T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v", name, p)
		}
	}()
	return f()
}

// take takes those who wait: in the order in which they came, as many as one group may have, and none whose key is on its way. Callers
// that have left are forgotten. If nobody is taken, the group is over.
func (g *group[I, O]) take() (calls []*groupCall[I, O]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.boarding = false
	weight, full := 0, false
	var left []*groupCall[I, O]
	g.heavy = 0
	for _, c := range g.waiting {
		if c.ctx.Err() != nil {
			continue
		}
		key, more := g.key(c.in), g.weight(c.in)
		full = full || (len(calls) > 0 && weight+more > maxWeight)
		if full || g.keys[key] {
			left, g.heavy = append(left, c), g.heavy+more
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
	if calls == nil {
		g.groups-- // whoever has these keys looks again
	}
	return calls
}

// due reports whether a group is to begin with those who wait. g.mu is held.
func (g *group[I, O]) due() bool {
	switch {
	case len(g.waiting) == 0 || g.groups == maxGroups || g.boarding:
		return false
	case g.groups == 0 || g.heavy >= maxWeight:
		return true
	default:
		return time.Since(g.waiting[0].since) >= cmp.Or(g.patience, groupPatience)
	}
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
