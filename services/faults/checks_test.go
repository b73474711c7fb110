package faults

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// ends returns how the leases of a job ended, oldest first; "" for one that has not.
func (s *system) ends(id string) (ends []string) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.database)
	require.NoError(s.t, err)
	defer conn.Close(context.Background())
	rows, err := conn.Query(s.t.Context(), `SELECT coalesce("end", '') FROM leases WHERE job_id = $1 ORDER BY "grant"`, id)
	require.NoError(s.t, err)
	ends, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	return ends
}

// expired fails unless the first lease of a job expired and its last one, and no other, brought success. On a busy machine more
// of them may expire in between.
func (s *system) expired(id string) {
	s.t.Helper()
	ends := s.ends(id)
	require.Equal(s.t, "expired", ends[0])
	require.Equal(s.t, "succeeded", ends[len(ends)-1])
	require.Equal(s.t, len(ends)-1, s.job(id).Failures)
	s.once(id)
}

// once fails unless exactly one lease of a job ended with success.
func (s *system) once(id string) {
	s.t.Helper()
	n := 0
	for _, end := range s.ends(id) {
		if end == "succeeded" {
			n++
		}
	}
	require.Equal(s.t, 1, n, "accepted successes of a job")
}

// delivered fails unless an agent's directory holds the file, whole, and nothing unfinished.
func delivered(t *testing.T, dir, dest string, o object) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, "files", dest))
	require.NoError(t, err)
	require.True(t, bytes.Equal(o.body, got), "the delivered bytes are not the file's")
	left, err := filepath.Glob(filepath.Join(dir, "files", ".partial", o.Id+"*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func notDelivered(t *testing.T, dir, dest string) {
	t.Helper()
	_, err := os.Lstat(filepath.Join(dir, "files", dest))
	require.ErrorIs(t, err, os.ErrNotExist)
}
