package download

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// maxIdleURLs is how many fresh URLs in a row may bring no byte.
const maxIdleURLs = 3

// urls holds the URL that all connections of a fetch use.
type urls struct {
	refresh func(context.Context) (string, error)
	hosts   HostPolicy

	mu         sync.Mutex // held while a fresh URL is fetched: the others wait for it
	url        string
	generation int
	idle       atomic.Int32 // fresh URLs since the last byte
}

func (u *urls) get() (url string, generation int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.url, u.generation
}

// moved notes that bytes arrived, so that the URL in use works.
func (u *urls) moved() { u.idle.Store(0) }

// renew replaces a URL that the origin has refused for why, unless somebody else has done so already.
func (u *urls) renew(ctx context.Context, generation int, why error) (fresh bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if generation != u.generation {
		return false, nil
	}
	if u.refresh == nil || u.idle.Load() >= maxIdleURLs {
		return false, why
	}
	u.idle.Add(1)
	url, err := u.refresh(ctx)
	if err != nil {
		return false, fmt.Errorf("getting a fresh URL: %w", err)
	}
	if err := u.hosts.Check(url); err != nil {
		return false, err
	}
	u.url = url
	u.generation++
	return true, nil
}
