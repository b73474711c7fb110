package httpapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
)

// refused makes a request that is to be refused with a status; the texts are to stand in the answer.
func (b *bundle) refused(status int, r request, texts ...string) {
	b.t.Helper()
	answer := b.do(status, r)
	for _, text := range texts {
		require.Contains(b.t, strings.ReplaceAll(string(answer.body), `\\`, `\`), text)
	}
}

// Text that is no Unicode is refused with the text in the answer; it used to become U+FFFD.
func TestTextThatIsNotUnicode(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := func(name string) request {
		text := `{"name":"` + name + `","size":0,"sha256":"` + hexDigest(nil) + `","part_size":5242880,"part_digests":[]}`
		return request{method: "POST", path: "/v1/files", body: []byte(text)}
	}
	for name, quoted := range map[string]string{
		`\ud83d`:             `\ud83d`,
		`a\ud83d.txt`:        `a\ud83d.txt`,
		`\ude00\ud83d`:       `\ude00\ud83d`,
		`\ud83d\u0041`:       `\ud83d\u0041`,
		`\uD83D\n`:           `\uD83D\n`,
		"caf\xe9.txt":        `caf\xe9.txt`,
		"\xed\xa0\xbd":       `\xed\xa0\xbd`,
		`"` + "\xff" + `" :`: ``,
	} {
		b.refused(400, file(name), "not valid Unicode", quoted)
	}
	b.refused(400, request{method: "GET", path: "/v1/files?name=caf%E9.txt"}, "not valid Unicode", `caf\xe9.txt`)
	for name, want := range map[string]string{`\ud83d\ude00`: "😀", `caf\u00e9`: "café", `\ufffd`: "\ufffd", `\\ud83d`: ""} {
		if want == "" {
			b.refused(400, file(name), "/name") // an escaped backslash, which a path may not have, and no escape behind it
			continue
		}
		var made api.File
		b.do(201, file(name)).into(t, &made)
		require.Equal(t, want, made.Name)
	}
}

// A name that every agent refuses is refused here already, and so is a text that could change what a terminal shows.
func TestNamesThatAgentsRefuse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := b.ready("good", nil)
	for _, bad := range []string{
		".partial/x", ".partial", strings.Repeat("é/", 340), "a\u009b31m", "invoice\u202efdp.exe", "a\u2066b", "a\u2028b", strings.Repeat("a",
			256),
	} {
		status := 422
		if len([]rune(bad)) > 1024 || strings.HasSuffix(bad, "/") {
			status = 400
		}
		b.refused(status, request{method: "POST", path: "/v1/files", body: newFile(map[string]any{"name": bad})}, "/name")
		job := map[string]any{"jobs": []any{map[string]any{"file_id": good.Id, "dest": bad}}}
		b.refused(status, request{method: "POST", path: "/v1/jobs", body: job}, "/jobs/0/dest")
	}
	b.refused(422, request{method: "POST", path: "/v1/tokens", body: map[string]any{"name": "a\x1b[2J", "scopes": []string{"jobs"}}},
		"/name", "U+001B")
	for _, field := range []string{"name", "version"} {
		claim := map[string]any{"agent_id": uuid.NewString(), "max": 1, field: "a\u202eb"}
		b.refused(422, request{method: "POST", path: "/v1/leases", body: claim}, "/"+field, "U+202E")
	}
}

// An id of zeros names nothing; it does not mean that the filter is left out.
func TestAFilterOfZerosIsAFilter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.submit(b.ready("a", nil))
	var page api.JobPage
	b.call(200, "GET", "/v1/jobs?file_id="+uuid.Nil.String(), nil, &page)
	require.Empty(t, page.Jobs)
}

// A token whose end is in the past is refused, the year 1 included: inside, that instant means never.
func TestTokensThatEndInThePast(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, end := range []string{
		"0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T01:00:00+01:00", "1970-01-01T00:00:00Z",
		time.Now().Add(-time.Second).Format(time.RFC3339),
	} {
		b.refused(422, request{method: "POST", path: "/v1/tokens", body: map[string]any{"name": "x", "scopes": []string{"jobs"},
			"expires_at": end}},
			"/expires_at", "in the past")
	}
	var made api.CreatedToken
	b.call(201, "POST", "/v1/tokens", map[string]any{"name": "x", "scopes": []string{"jobs"}}, &made)
	require.Nil(t, made.Info.ExpiresAt)
}
