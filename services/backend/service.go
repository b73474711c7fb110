package backend

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
)

// ServiceConfig is what the service needs to know besides its two stores.
type ServiceConfig struct {
	// LeaseTTL is how long the store's leases live without a heartbeat. The service only passes it on to agents.
	LeaseTTL time.Duration
	// Wake returns a channel that is closed when there may be new work. Nil means that waiters only look every second.
	Wake func() <-chan struct{}
	// MultipartGrace is how long a multipart upload may be in the bucket before its row is in the catalogue; SweepBucket leaves younger
	// ones alone. Zero means an hour.
	MultipartGrace time.Duration
	// Logger takes what goes wrong after the caller has been answered. Nil means slog's default.
	Logger *slog.Logger
}

// direct is what a Service leaves to its store unchanged. It has no method beside which the Service has one of its own: whoever
// holds a Service cannot call ClaimJobs, which does not wait, where Claim is meant.
type direct interface {
	SearchStore
	GetFile(ctx context.Context, id uuid.UUID) (File, error)
	ListFiles(ctx context.Context, filter FileFilter, page Page) ([]File, error)
	GetJob(ctx context.Context, id uuid.UUID) (Job, error)
	ListJobs(ctx context.Context, filter JobFilter, page Page) ([]Job, error)
	ListAttempts(ctx context.Context, id uuid.UUID, limit int) ([]Attempt, error)
	Stats(ctx context.Context) (Stats, error)
	ListAgents(ctx context.Context, limit int) ([]Agent, error)
	TokenByHash(ctx context.Context, hash [32]byte) (Token, error)
	GetToken(ctx context.Context, id uuid.UUID) (Token, error)
	ListTokens(ctx context.Context, page Page) ([]Token, error)
	ListSamples(ctx context.Context) ([]Sample, time.Time, error)
	ListAudit(ctx context.Context, limit int) ([]AuditEvent, error)
}

// Service is what the API calls: uploads, deletion and the wait for work, which take more than one step, and the methods of its
// store that need nothing more.
type Service struct {
	direct
	store   Store
	objects ObjectStore
	config  ServiceConfig

	due dueLook

	drain    sync.Once
	draining chan struct{} // closed for good when the process stops
}

// NewService makes a service.
func NewService(store Store, objects ObjectStore, config ServiceConfig) *Service {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Wake == nil {
		config.Wake = func() <-chan struct{} { return nil }
	}
	config.MultipartGrace = cmp.Or(config.MultipartGrace, time.Hour)
	return &Service{direct: store, store: store, objects: objects, config: config, draining: make(chan struct{})}
}

// LeaseTTL is how long a lease lives without a heartbeat.
func (s *Service) LeaseTTL() time.Duration { return s.config.LeaseTTL }

// Drain ends all waits for work and lets agents know, with their heartbeats, that this process stops. It is for good.
func (s *Service) Drain() {
	s.drain.Do(func() { close(s.draining) })
}

// Draining reports whether Drain was called.
func (s *Service) Draining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

// Ready returns nil when a request would be served well.
func (s *Service) Ready(ctx context.Context) error {
	if s.Draining() {
		return &Error{Code: Unavailable, Detail: "the service is stopping", RetryAfter: time.Second}
	}
	if err := s.store.Ping(ctx); err != nil {
		return &Error{Code: Unavailable, Detail: "the database does not answer", RetryAfter: time.Second, Cause: err}
	}
	return nil
}

// DeleteFile removes a file from the catalogue and then its object: an object without an entry costs a little money, an entry
// without an object would fail jobs.
func (s *Service) DeleteFile(ctx context.Context, id uuid.UUID, ifMatch string) (File, error) {
	file, err := s.deleteFile(ctx, id, ifMatch)
	if err != nil {
		return File{}, err
	}
	if file.Key != "" {
		s.cleanUp(ctx, "deleting a deleted file's object", file.ID, func(ctx context.Context) error {
			return s.objects.Delete(ctx, file.Key, file.Version)
		})
	}
	return file, nil
}

// Once runs do, which creates something, with a store. With a key it does so once: see [Store]. A nil key does not look for an
// earlier request.
func (s *Service) Once(
	ctx context.Context, key *IdempotencyKey, do func(ctx context.Context, store Store) (Response, error),
) (Response, error) {
	if key == nil {
		return do(ctx, s.store)
	}
	return s.store.Once(ctx, *key, do)
}

// ContentURL presigns a GET of a file's object. Conflict while the file is not ready.
func (s *Service) ContentURL(ctx context.Context, file File) (SignedURL, error) {
	if file.State != FileReady {
		return SignedURL{}, Errorf(Conflict, "the file is %s: no upload has completed", file.State)
	}
	return s.objects.PresignGet(ctx, file.Key, file.Version)
}

// cleanUp removes what nobody needs any more. It outlives the caller's patience, and its failure is not the caller's.
func (s *Service) cleanUp(ctx context.Context, what string, id uuid.UUID, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	if err := do(ctx); err != nil && CodeOf(err) != NotFound {
		s.config.Logger.ErrorContext(ctx, what+" failed", "id", id, "error", err)
	}
}

const cleanUpTimeout = 10 * time.Second

// isNotFound reports whether the object store does not have what was asked for.
func isNotFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == NotFound
}
