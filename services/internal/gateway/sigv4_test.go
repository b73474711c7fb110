package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// AWS's published examples: the Signature Version 4 test suite, and the ListUsers example of the General Reference.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	cases := map[string]struct {
		method, path, query, host, service, signed, body string
		header                                           http.Header
		want                                             string
	}{
		"get-vanilla":  {method: "GET", want: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"post-vanilla": {method: "POST", want: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		"get-vanilla-query-order-key-case": {
			method: "GET",
			query:  "Param2=value2&Param1=value1",
			want:   "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
		},
		"get-relative": {
			method: "GET",
			path:   "/example/..",
			want:   "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		},
		"get-slash": {method: "GET", path: "//", want: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"get-utf8":  {method: "GET", path: "/ሴ", want: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
		"get-space": {
			method: "GET",
			path:   "/example space/",
			want:   "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
		},
		"get-header-value-trim": {
			method: "GET", header: http.Header{"My-Header1": {" value1"}, "My-Header2": {` "a   b   c"`}},
			signed: "host;my-header1;my-header2;x-amz-date",
			want:   "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
		},
		"post-x-www-form-urlencoded": {
			method: "POST", body: "Param1=value1", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
			signed: "content-type;host;x-amz-date",
			want:   "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
		},
		"ListUsers": {
			method: "GET", query: "Action=ListUsers&Version=2010-05-08", host: "iam.amazonaws.com", service: "iam",
			signed: "content-type;host;x-amz-date",
			header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}},
			want:   "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
		},
	}
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	or := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	for name, c := range cases {
		r := &http.Request{
			Method: c.method,
			Host:   or(c.host, "example.amazonaws.com"),
			URL:    &url.URL{RawQuery: c.query},
			Header: http.Header{"X-Amz-Date": {"20150830T123600Z"}},
		}
		for k, v := range c.header {
			r.Header[k] = v
		}
		signed := strings.Split(or(c.signed, "host;x-amz-date"), ";")
		canonical, err := canonicalRequest(r, or(c.path, "/"), signed, []byte(c.body))
		require.NoError(t, err)
		a := authorization{date: "20150830", region: "us-east-1", service: or(c.service, "service")}
		require.Equal(t, c.want, a.sign(secret, at, canonical), "%s:\n%s", name, canonical)
	}
}

// What the SDK signs is right here, and is not once anything that it signed is another.
func TestRequestsOfTheSDK(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.RuneFrom([]rune("abzAZ09-._~ %+=&/?#ä☃*'()")), 1, 12, -1)
		u := url.URL{Scheme: "http", Host: "gateway.test:8443", Path: "/live"}
		for _, s := range rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("abzAZ09-_~ %+=&ä☃*'()")), 1, 12, -1), 1, 4).Draw(t, "path") {
			u.Path += "/" + s
		}
		query := url.Values{}
		for _, k := range rapid.SliceOfN(word, 0, 4).Draw(t, "keys") {
			query.Add(k, word.Draw(t, "value"))
		}
		u.RawQuery = query.Encode()
		body := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "body")
		r, err := http.NewRequest(
			rapid.SampledFrom([]string{"GET", "PUT", "POST", "DELETE"}).Draw(t, "method"),
			u.String(),
			strings.NewReader(string(body)),
		)
		require.NoError(t, err)
		for _, name := range []string{"Content-Type", "Idempotency-Key", "If-Match"} {
			if rapid.Bool().Draw(t, name) {
				r.Header.Set(name, rapid.StringMatching(`[a-z]{1,5}( {1,3}[a-z;="]{1,5})?`).Draw(t, "header"))
			}
		}
		sum := sha256.Sum256(body)
		now := time.Now()
		c := aws.Credentials{
			AccessKeyID:     "A",
			SecretAccessKey: "secret",
			SessionToken:    rapid.SampledFrom([]string{"", "token"}).Draw(t, "session"),
		}
		require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), c, r, hex.EncodeToString(sum[:]), "execute-api", "eu-central-1", now))
		h := &Handler{
			Config: Config{
				Region:     "eu-central-1",
				Identities: []Identity{{ARN: "one", AccessKeyID: "A", SecretAccessKey: "secret", SessionToken: c.SessionToken}},
			},
		}
		got, f := h.authenticate(r, body)
		require.Nil(t, f, "%s\n%v", u.String(), r.Header)
		require.Equal(t, "one", got.ARN)

		changed := r.Clone(t.Context())
		switch rapid.IntRange(0, 6).Draw(t, "change") {
		case 0:
			changed.Method = "PATCH"
		case 1:
			changed.URL.Path, changed.URL.RawPath = changed.URL.Path+"x", ""
		case 2:
			changed.URL.RawQuery = strings.TrimPrefix(changed.URL.RawQuery+"&x=1", "&")
		case 3:
			body = append([]byte("x"), body...)
		case 4:
			changed.Host = "another"
		case 5:
			changed.Header.Set("X-Amz-Date", now.Add(time.Second).UTC().Format(timeFormat))
		case 6:
			h.Identities[0].SecretAccessKey = "another"
		}
		_, f = h.authenticate(changed, body)
		require.NotNil(t, f)
		require.Equal(t, "INVALID_SIGNATURE", f.kind)
	})
}
