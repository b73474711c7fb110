package proof

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Most faults need one value of a key, or two values of two keys together (D. R. Kuhn, D. R. Wallace, A. M. Gallo, "Software Fault
// Interactions and Implications for Software Testing", 2004). So of the generated configurations those are planned that together
// have each pair of values which any of them has.

// manyValues is how many values a key may have for each to count. Those of a key with more are addresses, sizes and digests, where one
// is like another.
const manyValues = 6

// choices returns the values of a configuration, as text with their keys. Of a list, each member is a value.
func choices(t *testing.T, text string) []string {
	t.Helper()
	var file struct{ Config map[string]any }
	require.NoError(t, yaml.Unmarshal([]byte(text), &file))
	var found []string
	var walk func(key string, value any)
	walk = func(key string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(key+"."+name, v[name])
			}
		case []any:
			found = append(found, fmt.Sprintf("%s: %t", key, len(v) == 0))
			for _, member := range v {
				walk(key+"[]", member)
			}
		default:
			found = append(found, fmt.Sprintf("%s=%v", key, v))
		}
	}
	walk("", file.Config)
	return found
}

// pairing returns numbers of configurations, of the first n of a seed, that have all pairs of values: the one with the most new pairs
// first, so the first ones have most of them. The two extremes begin, with every option on and with every option off.
func pairing(t *testing.T, seed uint64, n int) []int {
	t.Helper()
	pairs := pairsOf(t, seed, n)
	covered := map[int]bool{}
	var chosen []int
	take := func(i int) {
		chosen = append(chosen, i)
		for _, p := range pairs[i] {
			covered[p] = true
		}
		for k, list := range pairs {
			pairs[k] = slices.DeleteFunc(list, func(p int) bool { return covered[p] })
		}
	}
	take(0)
	take(1)
	for {
		best := 0
		for i, list := range pairs {
			if len(list) > len(pairs[best]) {
				best = i
			}
		}
		if len(pairs[best]) == 0 {
			return chosen
		}
		take(best)
	}
}

// pairsOf returns the pairs of values of each configuration, by number. Of a key with many values all count as one.
func pairsOf(t *testing.T, seed uint64, n int) [][]int {
	t.Helper()
	values, byKey := make([][]string, n), map[string]map[string]bool{}
	keyOf := func(value string) string { return value[:strings.IndexAny(value, "=:")] }
	for i := range n {
		values[i] = choices(t, generate(seed, i).text)
		for _, v := range values[i] {
			if byKey[keyOf(v)] == nil {
				byKey[keyOf(v)] = map[string]bool{}
			}
			byKey[keyOf(v)][v] = true
		}
	}
	const most = 1 << 16 // values
	numbers := map[string]int{}
	pairs := make([][]int, n)
	for i, list := range values {
		var ids []int
		for _, v := range list {
			if len(byKey[keyOf(v)]) > manyValues {
				v = keyOf(v)
			}
			if _, ok := numbers[v]; !ok {
				numbers[v] = len(numbers)
			}
			ids = append(ids, numbers[v])
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		for a := range ids {
			for b := range a {
				pairs[i] = append(pairs[i], ids[b]*most+ids[a])
			}
		}
	}
	return pairs
}

// Each value and each pair of values of all configurations is in a chosen one.
func TestPairing(t *testing.T) {
	t.Parallel()
	chosen := pairing(t, 1, 200)
	require.Equal(t, []int{0, 1}, chosen[:2])
	require.Less(t, len(chosen), 120, "half of them must do, or pairs save nothing")
	all, some := map[int]bool{}, map[int]bool{}
	for i, list := range pairsOf(t, 1, 200) {
		for _, p := range list {
			all[p] = true
			some[p] = some[p] || slices.Contains(chosen, i)
		}
	}
	require.Greater(t, len(all), 1000)
	for p := range all {
		require.True(t, some[p], "pair %d", p)
	}
}
