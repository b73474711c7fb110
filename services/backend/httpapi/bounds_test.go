package httpapi

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"scalable-backend/services/backend"
)

func TestLimiterForgetsTheLeastRecentCaller(t *testing.T) {
	t.Parallel()
	l := newLimiter(rate.Every(time.Hour), 1)
	require.NoError(t, l.allow("first"))
	err := l.allow("first")
	require.Equal(t, backend.TooMany, backend.CodeOf(err))
	require.InDelta(t, time.Hour.Seconds(), err.(*backend.Error).RetryAfter.Seconds(), 5)
	for i := range maxCached - 1 {
		require.NoError(t, l.allow(fmt.Sprint(i)))
	}
	require.Error(t, l.allow("first"), "still known, and now the most recent")
	for i := range 10 {
		require.NoError(t, l.allow(fmt.Sprint("more", i)))
	}
	require.Len(t, l.callers, maxCached)
	require.Equal(t, maxCached, l.recent.Len())
	require.Error(t, l.allow("first"))
	require.NoError(t, l.allow("0"), "forgotten")
}

// anyToken is a store that knows every token.
type anyToken struct {
	backend.TokenStore
	asked int
}

func (a *anyToken) TokenByHash(context.Context, [32]byte) (backend.Token, error) {
	a.asked++
	return backend.Token{}, nil
}

func TestTokenCacheIsBounded(t *testing.T) {
	t.Parallel()
	store := &anyToken{}
	c := newTokenCache(store)
	for range 3 {
		_, err := c.caller(t.Context(), "the same")
		require.NoError(t, err)
	}
	require.Equal(t, 1, store.asked)
	for i := range maxCached + 10 {
		_, err := c.caller(t.Context(), fmt.Sprint(i))
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(c.tokens), maxCached)
	c.forget()
	require.Empty(t, c.tokens)
	_, err := c.caller(t.Context(), "")
	require.Equal(t, backend.Unauthorized, backend.CodeOf(err))
}

func TestPageTokens(t *testing.T) {
	t.Parallel()
	one, err := newSealer([]byte("0123456789abcdef"))
	require.NoError(t, err)
	same, err := newSealer([]byte("0123456789abcdef"))
	require.NoError(t, err)
	other, err := newSealer([]byte("another-secret-of-them"))
	require.NoError(t, err)
	want := backend.Cursor{CreatedAt: time.Now().UTC().Truncate(time.Microsecond), ID: [16]byte{1, 2, 3}}
	token := one.seal("files?", sealCursor(want))
	got, err := same.openCursor("files?", &token)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for name, open := range map[string]func() error{
		"another list": func() error { _, err := one.openCursor("jobs?", &token); return err },
		"another key":  func() error { _, err := other.openCursor("files?", &token); return err },
		"cut":          func() error { _, err := one.openCursor("files?", new(token[:len(token)-4])); return err },
		"empty":        func() error { _, err := one.openCursor("files?", new("")); return err },
		"no base64":    func() error { _, err := one.openCursor("files?", new("!")); return err },
	} {
		require.Equal(t, backend.Invalid, backend.CodeOf(open()), name)
	}
	got, err = one.openCursor("files?", nil)
	require.NoError(t, err)
	require.Zero(t, got)
}
