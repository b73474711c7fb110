package httpapi_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// strange are values that some layer may stumble over: the parser, the schema, Go's types, PostgreSQL's.
var strange = []any{
	nil, true, -1, 0, 1.5, 1e300, int64(1) << 62, "", "\x00", "a\x00b", "\ufffd", "\u202e", "..", "/etc/passwd", "a//b", `\`, "0", "1e3",
	"00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", strings.Repeat("x", 5000), []any{}, map[string]any{},
	[]any{nil}, map[string]any{"a": map[string]any{"b": []any{1}}}, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "+294276-12-31T23:59:59Z",
}

// spoil changes one thing somewhere in a body.
func (g *generator) spoil(v any) any {
	switch v := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		switch n := g.IntN(8); {
		case n == 0:
			v["unknown"] = g.strange()
		case n == 1 && len(keys) > 0:
			delete(v, keys[g.IntN(len(keys))])
		case len(keys) > 0 && n < 7:
			key := keys[g.IntN(len(keys))]
			v[key] = g.spoil(v[key])
		default:
			return g.strange()
		}
		return v
	case []any:
		switch n := g.IntN(6); {
		case n == 0:
			return append(v, g.strange())
		case n == 1 && len(v) > 0:
			return append(v, v[0])
		case n == 2:
			return []any{}
		case len(v) > 0:
			i := g.IntN(len(v))
			v[i] = g.spoil(v[i])
			return v
		}
	case string:
		if at := g.IntN(len(v) + 1); g.IntN(2) == 0 {
			return v[:at] + []string{"\x00", "/", "..", "A", " ", "\n", "é", "\x7f"}[g.IntN(8)] + v[at:]
		}
	}
	return g.strange()
}

func (g *generator) strange() any { return strange[g.IntN(len(strange))] }

// spoilRequest changes one thing around the body, or in its bytes.
func (g *generator) spoilRequest(r *generated) {
	flip := func(text []byte) {
		if len(text) > 0 {
			text[g.IntN(len(text))] = byte(g.IntN(256))
		}
	}
	separator := "?"
	if strings.Contains(r.path, "?") {
		separator = "&"
	}
	switch g.IntN(16) {
	case 0:
		flip(r.body)
	case 1:
		r.body = r.body[:g.IntN(len(r.body)+1)]
	case 2:
		r.body = append(r.body, "{}"...)
	case 3:
		r.body = []byte(strings.Repeat("[", 20_000))
	case 4:
		r.header.Set(
			"Content-Type",
			[]string{"text/plain", "application/json; charset=latin1", "", "application/json, text/html", "application/problem+json"}[g.IntN(5)],
		)
	case 5:
		r.path += separator + []string{"unknown=1", "page_size=0", "page_size=1001", "page_size=x", "page_size=1&page_size=2",
			"page_token=AAAA", "page_token=%00", "state=none", "file_id=%FF", "%zz", "a=b;c", "name=%00", "name="}[g.IntN(13)]
	case 6:
		r.method = []string{"PATCH", "HEAD", "OPTIONS", "POST", "DELETE", "GET", "PUT", "TRACE"}[g.IntN(8)]
	case 7:
		segments := strings.Split(r.path, "/")
		segments[g.IntN(len(segments))] = url.PathEscape(
			[]string{"\x00", "\xff", "..", "", "%", "ABC", strings.Repeat("x", 3000), "{id}", "00000000000000000000000000000000", "a b"}[g.IntN(10)],
		)
		if r.path = strings.Join(segments, "/"); !strings.HasPrefix(r.path, "/") {
			r.path = "/" + r.path
		}
	case 8:
		r.header.Set("Idempotency-Key", []string{"", strings.Repeat("k", 129), "\x80\xff", "k\tk", "ä"}[g.IntN(5)])
	case 9:
		r.header.Set("If-Match", []string{"", "*", `W/"x"`, strings.Repeat("e", 200), "\xff"}[g.IntN(5)])
	case 10:
		r.header.Del("Authorization")
		r.header.Del("X-Gateway-Caller")
	case 11:
		r.header.Set(
			"Authorization",
			[]string{"Bearer", "Bearer \xff\x00", "Bearer " + strings.Repeat("t", 4000), "Basic eDp5", "bearer  "}[g.IntN(5)],
		)
	case 12:
		r.header["X-Gateway-Caller"] = [][]string{{"a", "b"}, {""}, {"\xff\x00"}, {strings.Repeat("a", 3000)},
			{"arn:aws:iam::1:user/other"}}[g.IntN(5)]
	case 13:
		r.header.Set(
			"Traceparent",
			[]string{"00-0-0-0", "00-" + strings.Repeat("0", 32) + "-" + strings.Repeat("0", 16) + "-00", "\x00"}[g.IntN(3)],
		)
	}
}
