package proof

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireFile compares a generated file with what it should contain and shows the lines that differ. -update writes it.
func requireFile(t *testing.T, name, want string) {
	t.Helper()
	if *updateFiles {
		require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
	}
	have, err := os.ReadFile(name)
	require.NoError(t, err, "`make golden` writes this file")
	if string(have) != want {
		t.Errorf("%s is out of date:\n%sIf this is intended, run `make golden` and commit the file.", name,
			differingLines(string(have), want))
	}
}

// shownLines limits the lines that a failing test prints.
const shownLines = 20

// differingLines shows two texts without their common first and last lines.
func differingLines(have, want string) string {
	a, b := strings.Split(have, "\n"), strings.Split(want, "\n")
	start := 0
	for start < min(len(a), len(b)) && a[start] == b[start] {
		start++
	}
	a, b = a[start:], b[start:]
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	var out strings.Builder
	for _, side := range []struct {
		sign  string
		lines []string
	}{{"-", a}, {"+", b}} {
		for i, line := range side.lines {
			if i == shownLines {
				out.WriteString(side.sign + " ...\n")
				break
			}
			out.WriteString(side.sign + " " + line + "\n")
		}
	}
	return out.String()
}

func TestDifferingLines(t *testing.T) {
	t.Parallel()
	require.Equal(t, "- b\n+ x\n+ y\n", differingLines("a\nb\nc\n", "a\nx\ny\nc\n"))
	require.Equal(t, "+ b\n", differingLines("a\na\n", "a\na\nb\n"))
	long := differingLines(strings.Repeat("same\n", 1000)+strings.Repeat("old\n", 100), strings.Repeat("same\n", 1000)+"new\n")
	require.Len(t, strings.Split(long, "\n"), shownLines+3)
}
