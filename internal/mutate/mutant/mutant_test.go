package mutant

import (
	"testing"

	"github.com/stretchr/testify/require"
)

type pair struct{ A, b int }

// Each call makes its mistake only if the mistake's number is on.
func TestMistakes(t *testing.T) {
	for n, mistake := range map[int]func() any{
		1: func() any { return Keep(1) }, 2: func() any { return Condition(2, false) }, 3: func() any { return Condition(2, true) },
		4: func() any { return Not(4, true) }, 5: func() any { return More(5, 1.5) }, 6: func() any { return Other(6, "a", "b") },
		7: func() any { return List(7, "a", "b") }, 8: func() any { return Elements([]int{1, 2}, 7) },
		9:  func() any { return Entries(map[string]int{"a": 1, "b": 2}, 9, "a", "b") },
		10: func() any { return Fields(pair{1, 2}, 10, "b", "A b") }, 11: func() any { return *Fields(&pair{1, 2}, 10, "b", "A b") },
	} {
		Switch(0)
		right := mistake()
		Switch(n)
		require.NotEqual(t, right, mistake(), "mistake %d", n)
	}
	Switch(11)
	require.Equal(t, pair{2, 1}, Fields(pair{1, 2}, 10, "b", "A b"))
	Switch(0)
}
