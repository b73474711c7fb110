package server

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"scalable-backend/services/backend/postgres"
)

// secretCache gives out the database's credentials. It reads them again when they are old, or when the database refused them;
// many who ask at once cause one read.
type secretCache struct {
	ttl   time.Duration
	fetch func(context.Context) (postgres.Credentials, error)
	reads singleflight.Group

	mu     sync.Mutex
	cached postgres.Credentials
	known  bool // cached is of use: read, and not refused since
	until  time.Time
}

var _ postgres.CredentialProvider = (*secretCache)(nil)

func newSecretCache(ttl time.Duration, fetch func(context.Context) (postgres.Credentials, error)) *secretCache {
	return &secretCache{ttl: ttl, fetch: fetch}
}

// Credentials implements [postgres.CredentialProvider]. Old credentials are better than none: while the secret cannot be read,
// they stay in use until the database refuses them.
func (c *secretCache) Credentials(ctx context.Context) (postgres.Credentials, error) {
	cached, known, fresh := c.look()
	if fresh {
		return cached, nil
	}
	// One caller's cancellation must not fail the others.
	read := c.reads.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), choreTimeout)
		defer cancel()
		if cached, _, fresh := c.look(); fresh {
			return cached, nil
		}
		got, err := c.fetch(ctx)
		if err == nil {
			c.keep(got)
		}
		return got, err
	})
	select {
	case r := <-read:
		if r.Err == nil {
			return r.Val.(postgres.Credentials), nil
		}
		if known {
			return cached, nil
		}
		return postgres.Credentials{}, r.Err
	case <-ctx.Done():
		return postgres.Credentials{}, ctx.Err()
	}
}

func (c *secretCache) look() (cached postgres.Credentials, known, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cached, c.known, c.known && time.Now().Before(c.until)
}

func (c *secretCache) keep(got postgres.Credentials) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cached, c.known, c.until = got, true, time.Now().Add(c.ttl)
}

// Invalidate implements [postgres.CredentialProvider].
func (c *secretCache) Invalidate(refused postgres.Credentials) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cached == refused {
		c.known = false
	}
}
