package httpapi

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"scalable-backend/services/backend"
)

// limiter holds each caller to a rate. It remembers the callers seen last, up to maxCached.
type limiter struct {
	rate  rate.Limit
	burst int

	mu      sync.Mutex
	callers map[string]*list.Element
	recent  *list.List // of *limited, the latest first
}

type limited struct {
	caller string
	bucket *rate.Limiter
}

func newLimiter(limit rate.Limit, burst int) *limiter {
	return &limiter{rate: limit, burst: burst, callers: map[string]*list.Element{}, recent: list.New()}
}

// allow returns TooMany, with the time to wait, when the caller has made too many requests.
func (l *limiter) allow(caller string) error {
	if l.rate == rate.Inf {
		return nil
	}
	now := time.Now()
	r := l.bucket(caller).ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay == 0 {
		return nil
	}
	r.CancelAt(now)
	return &backend.Error{Code: backend.TooMany, Detail: "too many requests", RetryAfter: delay}
}

// exhausted returns TooMany when allow would, and counts nothing.
func (l *limiter) exhausted(caller string) error {
	l.mu.Lock()
	e, ok := l.callers[caller]
	l.mu.Unlock()
	if !ok {
		return nil
	}
	if left := e.Value.(*limited).bucket.Tokens(); left < 1 {
		return &backend.Error{Code: backend.TooMany, Detail: "too many wrong tokens from this address",
			RetryAfter: time.Duration((1 - left) / float64(l.rate) * float64(time.Second))}
	}
	return nil
}

func (l *limiter) bucket(caller string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.callers[caller]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*limited).bucket
	}
	if l.recent.Len() >= maxCached {
		oldest := l.recent.Remove(l.recent.Back()).(*limited)
		delete(l.callers, oldest.caller)
	}
	b := rate.NewLimiter(l.rate, max(l.burst, 1))
	l.callers[caller] = l.recent.PushFront(&limited{caller, b})
	return b
}
