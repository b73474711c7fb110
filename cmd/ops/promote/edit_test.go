package promote

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/p/prod/backend@sha256:0000"

// Files in all forms that Pulumi, people and editors write, and what becomes of them: NEW stands for the image.
var edits = map[string][2]string{
	"the key is missing": {
		"config:\n  images:\n    # the agents'\n    agent: a@sha256:1 # pinned\n  compute: {}\n",
		"config:\n  images:\n    backend: NEW\n    # the agents'\n    agent: a@sha256:1 # pinned\n  compute: {}\n"},
	"the value is there": {
		"config:\n  images:\n    backend: b@sha256:1 # since May\n    agent: a@sha256:1\n",
		"config:\n  images:\n    backend: NEW # since May\n    agent: a@sha256:1\n"},
	"quoted":           {"config:\n  images:\n    backend: \"b\" # x\n", "config:\n  images:\n    backend: \"NEW\" # x\n"},
	"in single quotes": {"config:\n  images:\n    'backend': 'b'\n", "config:\n  images:\n    'backend': 'NEW'\n"},
	"an empty text":    {"config:\n  images:\n    backend: \"\"\n", "config:\n  images:\n    backend: \"NEW\"\n"},
	"null":             {"config:\n  images:\n    backend: ~ # none\n", "config:\n  images:\n    backend: NEW # none\n"},
	"with the project": {
		"config:\n  p:images:\n    agent: a\n  images2: x\n",
		"config:\n  p:images:\n    backend: NEW\n    agent: a\n  images2: x\n",
	},
	"set already": {"config:\n  images:\n    backend: 'NEW'\n", "config:\n  images:\n    backend: 'NEW'\n"},
	"no images": {
		"# top\nconfig:\n  aws:region: x # here\n",
		"# top\nconfig:\n  aws:region: x # here\n  images:\n    backend: NEW\n",
	},
	"no end of the line":  {"config:\n  aws:region: x", "config:\n  aws:region: x\n  images:\n    backend: NEW"},
	"no end, images":      {"config:\n  images:\n    agent: a", "config:\n  images:\n    backend: NEW\n    agent: a"},
	"CRLF":                {"config:\r\n  aws:region: x\r\n", "config:\r\n  aws:region: x\r\n  images:\r\n    backend: NEW\r\n"},
	"CRLF, images":        {"config:\r\n  images:\r\n    agent: a\r\n", "config:\r\n  images:\r\n    backend: NEW\r\n    agent: a\r\n"},
	"CRLF, value":         {"config:\r\n  images:\r\n    backend: b\r\n", "config:\r\n  images:\r\n    backend: NEW\r\n"},
	"CRLF without an end": {"config:\r\n  aws:region: x", "config:\r\n  aws:region: x\r\n  images:\r\n    backend: NEW"},
	"four spaces": {
		"config:\n    images:\n            agent: a\n",
		"config:\n    images:\n            backend: NEW\n            agent: a\n",
	},
	"a comment at its key": {
		"config:\n  images: # by digest\n    agent: a\n",
		"config:\n  images: # by digest\n    backend: NEW\n    agent: a\n",
	},
	"images without value": {"config:\n  images:\n  compute: {}\n", "config:\n  images:\n    backend: NEW\n  compute: {}\n"},
	"in one line":          {"config:\n  images: {agent: a}\n", "config:\n  images: {backend: \"NEW\", agent: a}\n"},
	"in one line, empty":   {"config:\n  images: {} # none\n", "config:\n  images: {backend: \"NEW\"} # none\n"},
	"in one line, a value": {"config:\n  images: {agent: a, backend: b, }\n", "config:\n  images: {agent: a, backend: NEW, }\n"},
	"all in one line":      {"config: {\"aws:region\": x}\n", "config: {images: {backend: \"NEW\"}, \"aws:region\": x}\n"},
	"an empty config":      {"config: {}\n", "config: {images: {backend: \"NEW\"}}\n"},
	"no config":            {"encryptionsalt: v1:abc\n", "encryptionsalt: v1:abc\nconfig:\n  images:\n    backend: NEW\n"},
	"a letter before":      {"config: {ä: é, images: {backend: b}}\n", "config: {ä: é, images: {backend: NEW}}\n"},
	"JSON":                 {"{\"config\": {\"images\": {\"backend\": \"b\"}}}", "{\"config\": {\"images\": {\"backend\": \"NEW\"}}}"},
	"a document's marks":   {"---\nconfig:\n  a: b\n...\n", "---\nconfig:\n  a: b\n  images:\n    backend: NEW\n...\n"},
	"the top level goes on": {
		"config:\n  a: b\n\n# the key of the secrets\nencryptionsalt: v1:abc\n",
		"config:\n  a: b\n  images:\n    backend: NEW\n\n# the key of the secrets\nencryptionsalt: v1:abc\n",
	},
	"secrets and long texts": {
		"secretsprovider: awskms://alias/x\nconfig:\n  p:token:\n    secure: AAABAK==\n  note: |\n    backend: no\n\n    images:\n  " +
			"list:\n  - images\n  - backend\n",
		"secretsprovider: awskms://alias/x\nconfig:\n  p:token:\n    secure: AAABAK==\n  note: |\n    backend: no\n\n    images:\n  " +
			"list:\n  - images\n  - backend\n" +
			"  images:\n    backend: NEW\n",
	},
	"anchors elsewhere": {
		"config:\n  a: &x {b: 1}\n  c: *x\n  images:\n    agent: a\n",
		"config:\n  a: &x {b: 1}\n  c: *x\n  images:\n    backend: NEW\n    agent: a\n",
	},
	"comments and no more": {
		"config:\n  a: b\n  # the end\n\n\n# of all\n", "config:\n  a: b\n  # the end\n  images:\n    backend: NEW\n\n\n# of all\n"},
	"images of another program": {
		"images:\n  backend: no\nconfig:\n  compute:\n    images:\n      backend: no\n",
		"images:\n  backend: no\nconfig:\n  compute:\n    images:\n      backend: no\n  images:\n    backend: NEW\n",
	},
}

func TestEdit(t *testing.T) {
	t.Parallel()
	for name, c := range edits {
		got, err := setImage([]byte(strings.ReplaceAll(c[0], "NEW", image)), "p", "backend", image)
		require.NoError(t, err, name)
		require.Equal(t, strings.ReplaceAll(c[1], "NEW", image), string(got), name)
		again, err := setImage(got, "p", "backend", image)
		require.NoError(t, err, name)
		require.Equal(t, string(got), string(again), "%s, twice", name)
	}
}

// What cannot be edited with certainty is refused, and the file stays.
func TestEditRefuses(t *testing.T) {
	t.Parallel()
	form := "the file has a form that this does not edit"
	for text, want := range map[string]string{
		"":                           "the file is empty",
		"# nothing\n":                "the file is empty",
		"- a\n":                      "want a YAML mapping",
		"config: [\n":                "did not find expected",
		"config:\n\ta: b\n":          "found character that cannot start any token",
		"a: 1\n---\nb: 2\n":          "more than one YAML document",
		"config: text\n":             form,
		"config: *x\n":               "unknown anchor",
		"a: &c {b: 1}\nconfig: *c\n": form,
		"config:\n  images: &i\n    agent: a\n  other: *i\n":       form,
		"config:\n  a: &i {agent: a}\n  images: *i\n":              form,
		"config:\n  images:\n    backend: &b x\n    agent: *b\n":   form,
		"config:\n  images:\n    backend: |\n      x\n":            form,
		"config:\n  images:\n    backend: \"a\\\"b\"\n":            form,
		"config:\n  images:\n    backend: one\n      two\n":        form,
		"config:\n  images:\n    backend:\n":                       "it has no value: remove the key",
		"config:\n  images:\n    backend:\n      secure: AAAB==\n": "it is a secret: remove it with pulumi config rm --path first",
		"config:\n  images: '{\"agent\":\"a\"}'\n":                 `want a mapping, got "{\"agent\":\"a\"}"`,
		"config:\n  images: {}\n  p:images: {}\n":                  "it is in the file twice, as images and p:images",
		"config:\n  ? images\n  : ? agent\n    : a\n":              form,
	} {
		_, err := setImage([]byte(text), "p", "backend", image)
		require.ErrorContains(t, err, want, text)
	}
}

func TestPinFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "real.yaml"), filepath.Join(dir, "Pulumi.prod.yaml")
	require.NoError(t, os.WriteFile(file, []byte("config:\n  a: b\n"), 0o640))
	require.NoError(t, os.Symlink("real.yaml", link))
	pins := map[string]string{"backend": "b@sha256:1", "agent": "a@sha256:1"}
	changed, err := pinFile(link, "p", pins, true)
	require.NoError(t, err)
	require.Equal(t, pins, changed)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "config:\n  a: b\n", string(text), "dry")

	_, err = pinFile(link, "p", pins, false)
	require.NoError(t, err)
	text, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "config:\n  a: b\n  images:\n    agent: a@sha256:1\n    backend: b@sha256:1\n", string(text))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink, "the link stays")
	info, err = os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())

	changed, err = pinFile(link, "p", pins, false)
	require.NoError(t, err)
	require.Empty(t, changed)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "no temporary file is left")
	_, err = pinFile(filepath.Join(dir, "none.yaml"), "p", pins, false)
	require.ErrorContains(t, err, "no such file")
}
