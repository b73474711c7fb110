package names_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/api/names"
)

func TestPaths(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"a", "a/b.bin", ".hidden", "..a", "a..", ".partial2", "a/.partial", "naïve/日本語.txt", "👩\u200d👧.png", "a b", "x'$(id)",
		"می\u200cخواهم",
		strings.Repeat("a", 255), strings.Repeat("a/", 511) + "aa", "\ufffd",
	} {
		require.NoError(t, names.CheckPath(good), "%q", good)
	}
	for bad, want := range map[string]string{
		"":                                   "has 0 bytes",
		strings.Repeat("a/", 750) + "a":      "has 1501 bytes",
		strings.Repeat("é", 600):             "has 1200 bytes",
		strings.Repeat("a", 256):             "a segment of 256 bytes",
		"/etc/passwd":                        `the segment ""`,
		"a//b":                               `the segment ""`,
		"a/":                                 `the segment ""`,
		"a/../b":                             `the segment ".."`,
		"./a":                                `the segment "."`,
		`a\b`:                                "a backslash",
		".partial":                           "agents keep",
		".partial/x":                         "agents keep",
		".PARTIAL/x":                         "agents keep",
		"a\x00b":                             "U+0000",
		"a\x1b[31mred":                       "U+001B",
		"a\nb":                               "U+000A",
		"a\x7f":                              "U+007F",
		"a\u009b31m":                         "U+009B",
		"a\u0085":                            "U+0085",
		"a\u2028b":                           "U+2028",
		"invoice\u202efdp.exe":               "U+202E",
		"a\u2066b":                           "U+2066",
		"a\u200fb":                           "U+200F",
		"caf\xe9.txt":                        "not valid UTF-8",
		"\xed\xa0\xbd (a surrogate in CESU)": "not valid UTF-8",
	} {
		err := names.CheckPath(bad)
		require.ErrorContains(t, err, want, "%q", bad)
		require.Regexp(t, `^[\x20-\x7e]*$`, err.Error(), "the message itself is safe to show")
	}
	require.EqualError(t, names.CheckPath("caf\xe9.txt"), `"caf\xe9.txt" is not valid UTF-8`)
}
