package text

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain ünïcode 文件 👍.txt": "plain ünïcode 文件 👍.txt",
		"red\x1b[31m":            `red\x1b[31m`,
		"c1 \u009b31m":           `c1 \u009b31m`,
		"a\nb\tc\x7f":            `a\nb\tc\x7f`,
		"photo\u202egpj.exe":     `photo\u202egpj.exe`,
		"\u2066x\u2069\u200f":    `\u2066x\u2069\u200f`,
		"a\u2028b":               `a\u2028b`,
		"caf\xe9.txt":            `caf\xe9.txt`,
		"tag \U000e0041":         `tag \U000e0041`,
		"real \ufffd":            "real \ufffd",
	} {
		require.Equal(t, want, Escape(in))
	}
}

func TestJSONIsTheSameDocument(t *testing.T) {
	t.Parallel()
	value := "red\x1b[31m c1 \u009b bidi \u202e tag \U000e0041 del \x7f ü 👍"
	var b bytes.Buffer
	require.NoError(t, json.NewEncoder(JSON(&b)).Encode(value))
	require.Contains(t, b.String(), `\u009b bidi \u202e tag \udb40\udc41 del \u007f ü 👍`)
	var back string
	require.NoError(t, json.Unmarshal(b.Bytes(), &back))
	require.Equal(t, value, back)
}
