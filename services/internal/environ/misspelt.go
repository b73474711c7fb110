package environ

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// misspelt are the variables that belong to no field of T and look like one that does: with other underscores, or with one or two
// letters wrong, missing, added or exchanged.
func misspelt[T any](prefix string, environ map[string]string) []string {
	known := slices.Sorted(maps.Keys(defaults[T]()))
	var problems []string
	for _, key := range slices.Sorted(maps.Keys(environ)) {
		rest, ok := strings.CutPrefix(strings.ToUpper(key), prefix)
		if !ok || slices.Contains(known, key) {
			continue
		}
		for _, other := range known {
			if meant, ok := strings.CutPrefix(other, prefix); ok && similar(rest, meant) {
				problems = append(problems, fmt.Sprintf("%s: no such setting; did you mean %s?", key, other))
				break
			}
		}
	}
	return problems
}

func similar(a, b string) bool {
	a, b = strings.ReplaceAll(a, "_", ""), strings.ReplaceAll(b, "_", "")
	limit := 2
	if min(len(a), len(b)) < 6 { // in a short word two letters make another word
		limit = 1
	}
	return a == b || edits(a, b) <= limit
}

// edits counts the letters to change, add, drop or exchange with the next one to make b of a (optimal string alignment).
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = i + j
			case a[i-1] == b[j-1]:
				rows[i][j] = rows[i-1][j-1]
			default:
				rows[i][j] = 1 + min(rows[i-1][j-1], rows[i-1][j], rows[i][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
