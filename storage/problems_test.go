package storage

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One error names every problem with the expected value.
func TestEveryProblemIsNamed(t *testing.T) {
	require.EqualError(t, (*Args)(nil).validate(), "storage.Args: want a value, got nil")
	require.EqualError(t, (&Args{}).validate(), `storage.Args.LogRetentionDays: want at least 1, got 0`)
}
