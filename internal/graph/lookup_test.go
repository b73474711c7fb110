package graph

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	value := map[string]any{"a": []any{map[string]any{"b": 1.0}}}
	got, ok := Lookup(value, "a", 0, "b")
	require.True(t, ok)
	require.InDelta(t, 1.0, got, 0)
	for _, path := range [][]any{{"x"}, {"a", 1}, {"a", -1}, {"a", "b"}, {"a", 0, "b", "c"}} {
		_, ok := Lookup(value, path...)
		require.False(t, ok, "%v", path)
	}
}
