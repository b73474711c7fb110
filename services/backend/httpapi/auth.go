package httpapi

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"time"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/config"
)

const (
	// tokenTTL is how long a revoked token may live on in another process.
	tokenTTL = 2 * time.Second
	// latelyTTL is how long a token that was right may see the last numbers while the database does not answer.
	latelyTTL = time.Hour
	// maxCached bounds the memory that callers can make this process use.
	maxCached = 10_000
	// maxCredential is longer than any token of ours and any ARN of IAM.
	maxCredential = 2048
)

// gatewayScopes are those of every caller that IAM lets through to API Gateway.
var gatewayScopes = []backend.Scope{backend.FilesRead, backend.FilesWrite, backend.Jobs}

func (d *door) authenticate(r *http.Request) (backend.Caller, error) {
	if d.kind == backend.GatewayDoor {
		return gatewayCaller(r.Header)
	}
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return backend.Caller{}, backend.Errorf(backend.Unauthorized, "one Authorization header with a bearer token is required")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return backend.Caller{}, backend.Errorf(backend.Unauthorized, "the Authorization header must hold a bearer token")
	}
	return d.bearer(r, strings.TrimSpace(token), d.wrong)
}

func gatewayCaller(h http.Header) (backend.Caller, error) {
	values := h.Values(config.CallerHeader)
	if len(values) != 1 || values[0] == "" || len(values[0]) > maxCredential {
		return backend.Caller{}, backend.Errorf(backend.Unauthorized, "the header %s must stand exactly once", config.CallerHeader)
	}
	return backend.Caller{ID: values[0], Door: backend.GatewayDoor, Scopes: gatewayScopes}, nil
}

// tokenFinder finds a valid token by the hash of its secret; a [backend.Service] does.
type tokenFinder interface {
	TokenByHash(ctx context.Context, hash [32]byte) (backend.Token, error)
}

// tokenCache knows the tokens that were right a moment ago, by the hash of the token. Wrong ones are not kept.
type tokenCache struct {
	store tokenFinder

	mu     sync.Mutex
	tokens map[[32]byte]cachedCaller
	lately map[[32]byte]cachedCaller // those that were right within latelyTTL, for when the store cannot be asked
}

type cachedCaller struct {
	caller backend.Caller
	until  time.Time
}

func newTokenCache(store tokenFinder) *tokenCache {
	return &tokenCache{store: store, tokens: map[[32]byte]cachedCaller{}, lately: map[[32]byte]cachedCaller{}}
}

func (c *tokenCache) caller(ctx context.Context, token string) (backend.Caller, error) {
	if token == "" || len(token) > maxCredential {
		return backend.Caller{}, errToken
	}
	hash := sha256.Sum256([]byte(token))
	c.mu.Lock()
	cached, ok := c.tokens[hash]
	c.mu.Unlock()
	if ok && time.Now().Before(cached.until) {
		return cached.caller, nil
	}
	found, err := c.store.TokenByHash(ctx, hash)
	if backend.CodeOf(err) == backend.NotFound {
		c.mu.Lock()
		delete(c.lately, hash)
		c.mu.Unlock()
		return backend.Caller{}, errToken
	}
	if err != nil {
		return backend.Caller{}, err
	}
	caller := backend.Caller{ID: "token:" + found.ID.String(), Name: found.Name, Door: backend.PublicDoor, Scopes: found.Scopes}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tokens) >= maxCached {
		clear(c.tokens)
	}
	if len(c.lately) >= maxCached {
		clear(c.lately)
	}
	now := time.Now()
	c.tokens[hash] = cachedCaller{caller, now.Add(tokenTTL)}
	end := now.Add(latelyTTL)
	if !found.ExpiresAt.IsZero() && found.ExpiresAt.Before(end) {
		end = found.ExpiresAt
	}
	c.lately[hash] = cachedCaller{caller, end}
	return caller, nil
}

// known returns the caller of a token that was right lately and, as far as this process knows, still is.
func (c *tokenCache) known(token string) (backend.Caller, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cached, ok := c.lately[sha256.Sum256([]byte(token))]
	return cached.caller, ok && time.Now().Before(cached.until)
}

// forget drops everything, after a revocation.
func (c *tokenCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.tokens)
	clear(c.lately)
}

var errToken = backend.Errorf(backend.Unauthorized, "the token is unknown, revoked or expired")
