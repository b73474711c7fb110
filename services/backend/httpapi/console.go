package httpapi

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/console"
)

// host is what the console needs of the API.
type host struct{ *API }

var _ console.Host = host{}

func (h host) SignIn(r *http.Request, token string) (backend.Caller, error) {
	return h.bearer(r, token, h.signIns)
}

func (h host) Caller(r *http.Request, token string) (backend.Caller, error) {
	return h.bearer(r, token, h.wrong)
}

func (h host) Lately(token string) (backend.Caller, bool) { return h.tokens.known(token) }

func (h host) Allow(caller backend.Caller) error { return h.limiter.allow(caller.ID) }

func (h host) Note(ctx context.Context, route string, caller backend.Caller, err error) {
	info := infoOf(ctx)
	if route != "" {
		info.route = route
	}
	info.caller, info.err = caller.ID, err
}

func (h host) TraceID(ctx context.Context) string { return infoOf(ctx).trace }

func (h host) Status(err error) console.Problem {
	p, retryAfter := problemOf(err)
	shown := console.Problem{Status: p.Status, Title: p.Title, Detail: value(p.Detail, ""), RetryAfter: retryAfter}
	for _, f := range value(p.Errors, nil) {
		shown.Fields = append(shown.Fields, backend.FieldError{Pointer: value(f.Pointer, ""), Detail: f.Detail})
	}
	return shown
}

func (h host) MakeToken(ctx context.Context, token backend.Token) (string, backend.Token, error) {
	return h.makeToken(ctx, token)
}

func (h host) RevokeToken(ctx context.Context, id uuid.UUID) error { return h.revokeToken(ctx, id) }
