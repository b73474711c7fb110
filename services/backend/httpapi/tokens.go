package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/url"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

// tokenPrefix lets scanners of leaked secrets know ours.
const tokenPrefix = "sbk_"

func (h *handlers) CreateToken(ctx context.Context, r CreateTokenRequestObject) (CreateTokenResponseObject, error) {
	token := backend.Token{
		Name: r.Body.Name, ExpiresAt: value(r.Body.ExpiresAt, time.Time{}),
		Scopes: each(r.Body.Scopes, func(s api.Scope) backend.Scope { return backend.Scope(s) }),
	}
	if err := backend.ValidateToken(token.Name, r.Body.ExpiresAt, time.Now()); err != nil {
		return nil, err
	}
	secret, token, err := h.makeToken(ctx, token)
	if err != nil {
		return nil, err
	}
	return CreateToken201JSONResponse{
		Body:    api.CreatedToken{Token: secret, Info: tokenAnswer(token)},
		Headers: CreateToken201ResponseHeaders{Location: new(h.prefix + "/v1/tokens/" + token.ID.String())},
	}, nil
}

// makeToken stores a token with a secret of its own, which is told this once.
func (a *API) makeToken(ctx context.Context, token backend.Token) (secret string, made backend.Token, err error) {
	secret = tokenPrefix + rand.Text() + rand.Text()
	made, err = a.service.CreateToken(ctx, token, sha256.Sum256([]byte(secret)))
	return secret, made, err
}

func (h *handlers) ListTokens(ctx context.Context, r ListTokensRequestObject) (ListTokensResponseObject, error) {
	page, err := fetchPage(h.seal, "tokens", url.Values{}, r.Params.PageSize, r.Params.PageToken,
		func(p backend.Page) ([]backend.Token, error) { return h.service.ListTokens(ctx, p) },
		func(t backend.Token) backend.Cursor { return backend.Cursor{CreatedAt: t.CreatedAt, ID: t.ID} })
	if err != nil {
		return nil, err
	}
	return ListTokens200JSONResponse{
		Body:    api.TokenPage{Tokens: each(page.items, tokenAnswer), NextPageToken: page.next},
		Headers: ListTokens200ResponseHeaders{Link: page.link},
	}, nil
}

func (h *handlers) RevokeToken(ctx context.Context, r RevokeTokenRequestObject) (RevokeTokenResponseObject, error) {
	tokenID, err := id(r.TokenId)
	if err != nil {
		return nil, err
	}
	if err := h.revokeToken(ctx, tokenID); err != nil {
		return nil, err
	}
	return RevokeToken204Response{}, nil
}

// revokeToken revokes a token, at this process at once.
func (a *API) revokeToken(ctx context.Context, tokenID uuid.UUID) error {
	err := a.service.RevokeToken(ctx, tokenID)
	a.tokens.forget()
	return err
}
