package console

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// palettes are the colours of the style sheet, in light and in dark.
func palettes(t *testing.T) map[string]map[string]string {
	t.Helper()
	found := regexp.MustCompile(`:root \{([^}]+)\}`).FindAllStringSubmatch(styleSheet, -1)
	require.Len(t, found, 2)
	all := map[string]map[string]string{}
	for i, name := range []string{"light", "dark"} {
		all[name] = map[string]string{}
		for _, m := range regexp.MustCompile(`--(\w+): (#[0-9a-f]+);`).FindAllStringSubmatch(found[i][1], -1) {
			all[name][m[1]] = m[2]
		}
	}
	require.Len(t, all["dark"], len(all["light"]))
	return all
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	hex := strings.TrimPrefix(colour, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	require.Len(t, hex, 6)
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		require.NoError(t, err)
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// Text has a contrast of 4.5 at least, and what shows where a control is 3 (WCAG 2.2, 1.4.3 and 1.4.11, level AA), in both palettes. The
// pairs are all that the style sheet puts on each other.
func TestContrast(t *testing.T) {
	t.Parallel()
	for name, colours := range palettes(t) {
		for _, pair := range []struct {
			front, behind string
			least         float64
		}{
			{"text", "page", 4.5}, {"text", "card", 4.5}, {"text", "alarm", 4.5}, {"text", "note", 4.5},
			{"dim", "page", 4.5}, {"dim", "card", 4.5}, {"dim", "alarm", 4.5},
			{"link", "page", 4.5}, {"link", "card", 4.5},
			{"good", "page", 4.5}, {"bad", "page", 4.5}, {"bad", "card", 4.5}, {"busy", "page", 4.5}, {"warn", "page", 4.5},
			{"onmain", "main", 4.5}, {"page", "bad", 4.5},
			{"edge", "page", 3}, {"edge", "card", 3}, {"focus", "page", 3}, {"busy", "card", 3}, {"main", "card", 3},
		} {
			require.NotEmpty(t, colours[pair.front], pair.front)
			require.NotEmpty(t, colours[pair.behind], pair.behind)
			got := contrast(t, colours[pair.front], colours[pair.behind])
			t.Logf("%-5s %-6s on %-5s %5.2f", name, pair.front, pair.behind, got)
			require.GreaterOrEqual(t, got, pair.least, "%s: %s on %s", name, pair.front, pair.behind)
		}
	}
	require.InDelta(t, 21, contrast(t, "#000", "#fff"), 0.001)
}

// All colours of the style sheet stand in the palettes, so that none is measured nowhere.
func TestColoursStandInThePalettes(t *testing.T) {
	t.Parallel()
	rest := regexp.MustCompile(`:root \{[^}]+\}`).ReplaceAllString(styleSheet, "")
	require.NotRegexp(t, `#[0-9a-fA-F]{3}\b|#[0-9a-fA-F]{6}\b|rgb|hsl|opacity`, rest)
}
