package backend

import "context"

type callerKey struct{}

// WithCaller returns a context that tells who asks. Changes that are made under it are noted with the caller: see [AuditEvent].
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns who asks: the zero Caller when it is this service itself.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
