package backend

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Scope is a permission of a caller.
type Scope string

// The scopes. Admin implies none of the others.
const (
	FilesRead  Scope = "files:read"
	FilesWrite Scope = "files:write"
	Jobs       Scope = "jobs"
	Admin      Scope = "admin"
)

// Door is the listener at which a request came in.
type Door string

// public: the load balancer, bearer tokens · gateway: API Gateway, IAM.
const (
	PublicDoor  Door = "public"
	GatewayDoor Door = "gateway"
)

// Caller is who makes a request. ID is "token:<uuid>" or an IAM ARN; Name is a token's, for people.
type Caller struct {
	ID     string
	Name   string
	Door   Door
	Scopes []Scope
}

// Has reports whether the caller has all scopes.
func (c Caller) Has(scopes ...Scope) bool {
	return !slices.ContainsFunc(scopes, func(s Scope) bool { return !slices.Contains(c.Scopes, s) })
}

// Token is a bearer token without its secret. Zero times mean never.
type Token struct {
	ID        uuid.UUID
	Name      string
	Scopes    []Scope
	CreatedAt time.Time
	ExpiresAt time.Time
	RevokedAt time.Time
}

// TokenStore keeps the hashes of bearer tokens.
type TokenStore interface {
	CreateToken(ctx context.Context, t Token, hash [32]byte) (Token, error)
	// TokenByHash returns a token that is neither revoked nor expired, by the database's clock; else NotFound.
	TokenByHash(ctx context.Context, hash [32]byte) (Token, error)
	GetToken(ctx context.Context, id uuid.UUID) (Token, error)
	ListTokens(ctx context.Context, page Page) ([]Token, error)
	RevokeToken(ctx context.Context, id uuid.UUID) error
	// EnsureToken stores a token under a fixed id unless it is there; with another hash the stored one is replaced.
	EnsureToken(ctx context.Context, t Token, hash [32]byte) error
}

// Response is a stored answer to a request with an Idempotency-Key.
type Response struct {
	Status int
	Header map[string]string
	Body   []byte
}

// IdempotencyKey names one request of one caller. Hash is of the request's body.
type IdempotencyKey struct {
	Caller, Route, Key string
	Hash               [32]byte
}

// Store is everything that the database keeps.
type Store interface {
	FileStore
	BucketStore
	JobStore
	TokenStore
	SearchStore
	SampleStore
	AuditStore
	// Once runs do in a transaction, together with storing its response under the key for 24 h. A repeat with the same hash
	// gets the stored response without running do; with another hash Unprocessable; a concurrent one Conflict with RetryAfter.
	// An error of do rolls everything back and stores nothing. do may run again in a new transaction when the database undid
	// the first for the sake of another one, so it does nothing but with tx.
	Once(ctx context.Context, key IdempotencyKey, do func(ctx context.Context, tx Store) (Response, error)) (Response, error)
	// Ping returns nil when the database answers.
	Ping(ctx context.Context) error
}
