package postgres

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

func TestATokenIsFoundByItsHashWhileItIsValid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	hash := [32]byte{1}
	made, err := b.CreateToken(t.Context(), backend.Token{
		Name: "ci", Scopes: []backend.Scope{backend.FilesRead, backend.Jobs},
		ExpiresAt: time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond),
	}, hash)
	require.NoError(t, err)
	require.NotEqual(t, uuid.Nil, made.ID)
	require.Equal(t, []backend.Scope{backend.FilesRead, backend.Jobs}, made.Scopes)
	found, err := b.TokenByHash(t.Context(), hash)
	require.NoError(t, err)
	require.Equal(t, made, found)
	_, err = b.TokenByHash(t.Context(), [32]byte{2})
	requireCode(t, backend.NotFound, err)
	_, err = b.CreateToken(t.Context(), backend.Token{Name: "same", Scopes: []backend.Scope{}}, hash)
	requireCode(t, backend.Invalid, err) // no scopes
	_, err = b.CreateToken(t.Context(), backend.Token{Name: "same", Scopes: []backend.Scope{backend.Jobs}}, hash)
	requireCode(t, backend.Conflict, err)

	b.exec(`UPDATE tokens SET expires_at = now()`)
	_, err = b.TokenByHash(t.Context(), hash)
	requireCode(t, backend.NotFound, err)
}

func TestARevokedTokenIsNotFoundButListed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	scopes := []backend.Scope{backend.Admin}
	made, err := b.CreateToken(t.Context(), backend.Token{Name: "a", Scopes: scopes}, [32]byte{1})
	require.NoError(t, err)
	require.True(t, made.ExpiresAt.IsZero())
	_, err = b.CreateToken(t.Context(), backend.Token{Name: "b", Scopes: scopes}, [32]byte{2})
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, b.RevokeToken(t.Context(), made.ID))
	}
	_, err = b.TokenByHash(t.Context(), [32]byte{1})
	requireCode(t, backend.NotFound, err)
	listed := pages(t, 1, func(p backend.Page) ([]backend.Token, error) { return b.ListTokens(t.Context(), p) },
		func(t backend.Token) backend.Cursor { return backend.Cursor{CreatedAt: t.CreatedAt, ID: t.ID} })
	require.Len(t, listed, 2)
	require.Equal(t, "b", listed[0].Name)
	require.False(t, listed[1].RevokedAt.IsZero())
	requireCode(t, backend.NotFound, b.RevokeToken(t.Context(), uuid.New()))
}

func TestAnEnsuredTokenIsReplacedOnlyByAnotherHash(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := backend.Token{ID: uuid.New(), Name: "admin", Scopes: []backend.Scope{backend.Admin}}
	for range 2 {
		require.NoError(t, b.EnsureToken(t.Context(), admin, [32]byte{1}))
	}
	require.NoError(t, b.RevokeToken(t.Context(), admin.ID))
	require.NoError(t, b.EnsureToken(t.Context(), admin, [32]byte{1}))
	_, err := b.TokenByHash(t.Context(), [32]byte{1})
	requireCode(t, backend.NotFound, err) // a restart does not bring it back
	require.NoError(t, b.EnsureToken(t.Context(), admin, [32]byte{2}))
	found, err := b.TokenByHash(t.Context(), [32]byte{2})
	require.NoError(t, err)
	require.Equal(t, admin.ID, found.ID)
}
