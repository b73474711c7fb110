package httpapi_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
)

// newFile is a right body, changed.
func newFile(change map[string]any) map[string]any {
	body := map[string]any{"name": "a/b.bin", "size": 0, "sha256": hexDigest(nil), "part_size": partSize, "part_digests": []string{}}
	for key, value := range change {
		body[key] = value
		if value == nil {
			delete(body, key)
		}
	}
	return body
}

func job(change map[string]any) map[string]any {
	j := map[string]any{"file_id": uuid.NewString()}
	for key, value := range change {
		j[key] = value
	}
	return map[string]any{"jobs": []any{j}}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	b := setup(t)
	some := uuid.NewString()
	digests := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = hexDigest([]byte{byte(i)})
		}
		return list
	}
	plain := http.Header{"Content-Type": {"text/plain"}}
	cases := map[string]struct {
		method, path string
		body         any
		header       http.Header
		want         int
		pointer      string // of one of the errors
	}{
		"unknown field":         {"POST", "/v1/files", newFile(map[string]any{"sise": 1}), nil, 400, ""},
		"field in another case": {"POST", "/v1/files", newFile(map[string]any{"Name": "x"}), nil, 400, ""},
		"unknown nested field":  {"POST", "/v1/jobs", job(map[string]any{"prio": 1}), nil, 400, "/jobs/0"},
		"missing field":         {"POST", "/v1/files", newFile(map[string]any{"size": nil}), nil, 400, "/size"},
		"wrong type":            {"POST", "/v1/files", newFile(map[string]any{"size": "12"}), nil, 400, "/size"},
		"null":                  {"POST", "/v1/files", []byte(`null`), nil, 400, ""},
		"fraction":              {"POST", "/v1/files", newFile(map[string]any{"size": 1.5}), nil, 400, "/size"},
		"negative size":         {"POST", "/v1/files", newFile(map[string]any{"size": -1}), nil, 400, "/size"},
		"size above 5 TiB":      {"POST", "/v1/files", newFile(map[string]any{"size": int64(5497558138881)}), nil, 400, "/size"},
		"size of a float": {
			"POST",
			"/v1/files",
			[]byte(strings.Replace(`{"name":"a","size":1e400,"sha256":"D","part_size":5242880,"part_digests":[]}`, "D", hexDigest(nil), 1)),
			nil,
			400,
			"",
		},
		"small parts":      {"POST", "/v1/files", newFile(map[string]any{"part_size": 1024}), nil, 400, "/part_size"},
		"digest too short": {"POST", "/v1/files", newFile(map[string]any{"sha256": "abc"}), nil, 400, "/sha256"},
		"digest in upper case": {
			"POST",
			"/v1/files",
			newFile(map[string]any{"sha256": strings.ToUpper(hexDigest([]byte("x")))}),
			nil,
			400,
			"/sha256",
		},
		"absolute name":      {"POST", "/v1/files", newFile(map[string]any{"name": "/etc/passwd"}), nil, 400, "/name"},
		"backslash":          {"POST", "/v1/files", newFile(map[string]any{"name": `a\b`}), nil, 400, "/name"},
		"zero byte":          {"POST", "/v1/files", newFile(map[string]any{"name": "a\x00b"}), nil, 400, "/name"},
		"empty name":         {"POST", "/v1/files", newFile(map[string]any{"name": ""}), nil, 400, "/name"},
		"not JSON":           {"POST", "/v1/files", []byte(`{"name":`), nil, 400, ""},
		"two values":         {"POST", "/v1/jobs", []byte(`{"jobs":[]} {}`), nil, 400, ""},
		"not UTF-8":          {"POST", "/v1/files", []byte("{\"name\":\"\xff\"}"), nil, 400, ""},
		"empty body":         {"POST", "/v1/files", []byte{}, nil, 400, ""},
		"no jobs":            {"POST", "/v1/jobs", map[string]any{"jobs": []any{}}, nil, 400, "/jobs"},
		"priority":           {"POST", "/v1/jobs", job(map[string]any{"priority": 101}), nil, 400, "/jobs/0/priority"},
		"max 17":             {"POST", "/v1/leases", map[string]any{"agent_id": some, "max": 17}, nil, 400, "/max"},
		"wait 21":            {"POST", "/v1/leases", map[string]any{"agent_id": some, "max": 1, "wait_s": 21}, nil, 400, "/wait_s"},
		"outcome status":     {"PUT", "/v1/leases/" + some + "/outcome", map[string]any{"status": "lost"}, nil, 400, "/status"},
		"not an id":          {"GET", "/v1/files/1", nil, nil, 400, "file_id"},
		"id in upper case":   {"GET", "/v1/files/" + strings.ToUpper(some[:35]) + "F", nil, nil, 400, "file_id"},
		"page size 0":        {"GET", "/v1/files?page_size=0", nil, nil, 400, "page_size"},
		"page size 1001":     {"GET", "/v1/files?page_size=1001", nil, nil, 400, "page_size"},
		"page size x":        {"GET", "/v1/files?page_size=x", nil, nil, 400, "page_size"},
		"made up page token": {"GET", "/v1/files?page_token=AAAA", nil, nil, 400, "page_token"},
		"unknown parameter":  {"GET", "/v1/files?page=2", nil, nil, 400, "page"},
		"parameter twice":    {"GET", "/v1/files?page_size=1&page_size=2", nil, nil, 400, "page_size"},
		"malformed query":    {"GET", "/v1/files?page_size=%zz", nil, nil, 400, ""},
		"unknown state":      {"GET", "/v1/files?state=gone", nil, nil, 400, "state"},
		"long idempotency key": {
			"POST",
			"/v1/files",
			newFile(nil),
			http.Header{"Idempotency-Key": {strings.Repeat("k", 129)}},
			400,
			"Idempotency-Key",
		},
		"two idempotency keys": {"POST", "/v1/files", newFile(nil), http.Header{"Idempotency-Key": {"a", "b"}}, 400, ""},
		"text":                 {"POST", "/v1/files", newFile(nil), plain, 415, ""},
		"no content type":      {"POST", "/v1/files", newFile(nil), http.Header{"Content-Type": {}}, 415, ""},
		"latin1":               {"POST", "/v1/files", newFile(nil), http.Header{"Content-Type": {"application/json; charset=latin1"}}, 415, ""},
		"compressed":           {"POST", "/v1/files", newFile(nil), http.Header{"Content-Encoding": {"gzip"}}, 415, ""},
		"too large":            {"POST", "/v1/files", bytes.Repeat([]byte(" "), 10*mib+1), nil, 413, ""},
		"too large, chunked":   {"POST", "/v1/files", io.MultiReader(bytes.NewReader(bytes.Repeat([]byte(" "), 10*mib+1))), nil, 413, ""},
		"method":               {"PATCH", "/v1/files", newFile(nil), nil, 405, ""},
		"method of a child":    {"GET", "/v1/files/" + some + "/uploads", nil, nil, 405, ""},
		"path":                 {"GET", "/v2/files", nil, nil, 404, ""},
		"file":                 {"GET", "/v1/files/" + some, nil, nil, 404, ""},
		"file to delete":       {"DELETE", "/v1/files/" + some, nil, nil, 404, ""},
		"content":              {"GET", "/v1/files/" + some + "/content", nil, nil, 404, ""},
		"upload of no file":    {"POST", "/v1/files/" + some + "/uploads", nil, nil, 404, ""},
		"parts of no upload":   {"GET", "/v1/files/" + some + "/uploads/" + some + "/parts", nil, nil, 404, ""},
		"completion":           {"PUT", "/v1/files/" + some + "/uploads/" + some + "/completion", nil, nil, 404, ""},
		"abortion":             {"DELETE", "/v1/files/" + some + "/uploads/" + some, nil, nil, 404, ""},
		"job":                  {"GET", "/v1/jobs/" + some, nil, nil, 404, ""},
		"cancellation":         {"PUT", "/v1/jobs/" + some + "/cancellation", nil, nil, 404, ""},
		"retry":                {"POST", "/v1/jobs/" + some + "/retries", nil, nil, 404, ""},
		"source":               {"GET", "/v1/leases/" + some + "/source", nil, nil, 404, ""},
		"outcome of no lease":  {"PUT", "/v1/leases/" + some + "/outcome", map[string]any{"status": "released"}, nil, 404, ""},
		"dots":                 {"POST", "/v1/files", newFile(map[string]any{"name": "a/../b"}), nil, 422, "/name"},
		"dot":                  {"POST", "/v1/files", newFile(map[string]any{"name": "./b"}), nil, 422, "/name"},
		"long segment":         {"POST", "/v1/files", newFile(map[string]any{"name": strings.Repeat("x", 256)}), nil, 422, "/name"},
		"too few digests":      {"POST", "/v1/files", newFile(map[string]any{"size": 1}), nil, 422, "/part_digests"},
		"too many digests":     {"POST", "/v1/files", newFile(map[string]any{"part_digests": digests(1)}), nil, 422, "/part_digests"},
		"too many parts": {
			"POST",
			"/v1/files",
			newFile(map[string]any{"size": int64(10001) * partSize, "part_digests": digests(10000)}),
			nil,
			422,
			"/part_size",
		},
		"empty, other digest": {"POST", "/v1/files", newFile(map[string]any{"sha256": hexDigest([]byte("x"))}), nil, 422, "/sha256"},
		"one part, two digests": {
			"POST",
			"/v1/files",
			newFile(map[string]any{"size": 1, "part_digests": digests(1)}),
			nil,
			422,
			"/part_digests/0",
		},
		"job of no file":        {"POST", "/v1/jobs", job(nil), nil, 422, "/jobs/0/file_id"},
		"dest with dots":        {"POST", "/v1/jobs", job(map[string]any{"dest": "../../etc"}), nil, 422, "/jobs/0/dest"},
		"success without proof": {"PUT", "/v1/leases/" + some + "/outcome", map[string]any{"status": "succeeded"}, nil, 422, "/sha256"},
	}
	for name, c := range cases {
		got, err := b.send(request{method: c.method, path: c.path, body: c.body, header: c.header})
		require.NoError(t, err, name)
		require.Equal(t, c.want, got.status, "%s: %s", name, got.body)
		if c.want == 405 {
			require.NotEmpty(t, got.header.Get("Allow"), name)
		}
		if c.pointer == "" {
			continue
		}
		problem := problemOf(t, got)
		require.NotNil(t, problem.Errors, "%s: %s", name, got.body)
		var pointers []string
		for _, e := range *problem.Errors {
			require.NotEmpty(t, e.Detail)
			if e.Pointer != nil {
				pointers = append(pointers, *e.Pointer)
			}
		}
		require.Contains(t, pointers, c.pointer, "%s: %s", name, got.body)
	}
	var stats api.Stats
	b.call(200, "GET", "/v1/stats", nil, &stats)
	require.Zero(t, stats, "nothing of all this was stored")
}

func TestAllProblemsOfABodyAreListed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.do(
		400,
		request{method: "POST", path: "/v1/files", body: newFile(map[string]any{"size": -1, "sha256": "x", "extra": 1, "name": nil})},
	)
	require.Len(t, *problemOf(t, got).Errors, 4, "%s", got.body)
	require.Contains(t, string(got.body), `property \"extra\" is unsupported`)
	require.NotContains(t, string(got.body), "Schema:")
	trace := b.do(400, request{method: "GET", path: "/v1/files?x=1", header: http.Header{
		"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}})
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", *problemOf(t, trace).TraceId)
}
