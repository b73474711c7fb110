package download

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFetchSizes(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, testPart - 1, testPart, testPart + 1, 10*testPart + 7} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			b := setup(t, newOrigin(t, size))
			r, err := b.fetch()
			require.NoError(t, err)
			b.published()
			require.Equal(t, Result{Fetched: int64(size)}, r)
			if size == 0 {
				require.Equal(t, []string{""}, b.origin.seen(), "an empty file is fetched without a range")
			}
			r, err = b.fetch()
			require.NoError(t, err)
			require.True(t, r.Reused, "a file that is there is not fetched again")
		})
	}
}

func TestFetchPartsOfOtherSizesThanPieces(t *testing.T) {
	t.Parallel()
	for _, part := range []int{10 << 10, 30 << 10, 100 << 10, 64<<10 + 1, 300 << 10, 1 << 20} {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			bad := &faulty{from: 0, times: 1, serve: wrongBytes}
			b := setup(t, newOrigin(t, 300<<10, bad))
			b.task.PartSize, b.task.Parts = int64(part), digests(b.origin.body, part)
			r, err := b.fetch()
			require.NoError(t, err)
			b.published()
			require.Positive(t, r.BadParts)
		})
	}
}

// Each fault occurs a few times and then ends; the file must be downloaded whole despite it.
func TestFetchSurvives(t *testing.T) {
	t.Parallel()
	at := int64(2 * testPiece)
	cases := map[string]*faulty{
		"reset in mid-piece":         {from: at, times: 2, serve: cutAfter(1000)},
		"reset before the first":     {from: at, times: 2, serve: cutAfter(0)},
		"stall in mid-piece":         {from: at, times: 1, serve: stallAfter(1000)},
		"stall at once":              {from: at, times: 1, serve: stallAfter(0)},
		"503 storm":                  {from: -1, times: 8, serve: status(503)},
		"429":                        {from: -1, times: 3, serve: status(429)},
		"500":                        {from: -1, times: 3, serve: status(500)},
		"wrong bytes":                {from: at, times: 2, serve: wrongBytes},
		"whole object for a range":   {from: at, times: 2, serve: wholeObject},
		"wrong Content-Range":        {from: at, times: 2, serve: otherRange},
		"no Content-Range":           {from: at, times: 2, serve: noRange},
		"wrong length announced":     {from: at, times: 2, serve: shortAnnounced},
		"over-long body":             {from: at, times: -1, serve: overLong},
		"short body, no length":      {from: at, times: 2, serve: shortChunked},
		"206 without any body at it": {from: at, times: 1, serve: status(206)},
	}
	for name, f := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, newOrigin(t, 5*testPiece+5, f), func(o *Options) {
				o.MaxTries = 100 // one piece may meet all of a storm
				if strings.HasPrefix(name, "stall") {
					o.StallTimeout = 150 * time.Millisecond
				}
			})
			_, err := b.fetch()
			require.NoError(t, err)
			b.published()
		})
	}
}

func wholeObject(o *origin, w http.ResponseWriter, _ *http.Request, _, _ int64) {
	_, _ = w.Write(o.body)
}

func otherRange(o *origin, w http.ResponseWriter, _ *http.Request, from, to int64) {
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from+1, to, len(o.body)))
	w.WriteHeader(206)
	_, _ = w.Write(o.body[from:to])
}

func noRange(o *origin, w http.ResponseWriter, _ *http.Request, from, to int64) {
	w.WriteHeader(206)
	_, _ = w.Write(o.body[from:to])
}

func shortAnnounced(o *origin, w http.ResponseWriter, _ *http.Request, from, to int64) {
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.body)))
	w.WriteHeader(206)
	_, _ = w.Write(o.body[from : to-1])
}

func overLong(o *origin, w http.ResponseWriter, _ *http.Request, from, to int64) {
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.body)))
	w.WriteHeader(206)
	_, _ = w.Write(o.body[from:to])
	_ = http.NewResponseController(w).Flush() // chunked from here on: no length announced
	_, _ = w.Write(make([]byte, 100))
}

func shortChunked(o *origin, w http.ResponseWriter, _ *http.Request, from, to int64) {
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.body)))
	w.WriteHeader(206)
	_ = http.NewResponseController(w).Flush()
	_, _ = w.Write(o.body[from : to-10])
}

// A stalled or broken connection goes on at the byte reached.
func TestFetchGoesOnAtTheByteReached(t *testing.T) {
	t.Parallel()
	type after func(int64) func(*origin, http.ResponseWriter, *http.Request, int64, int64)
	for name, serve := range map[string]after{"stall": stallAfter, "reset": cutAfter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, newOrigin(t, testPiece, &faulty{times: 1, serve: serve(1000)}), func(o *Options) { o.StallTimeout = 2 * time.Second })
			r, err := b.fetch()
			require.NoError(t, err)
			b.published()
			require.Equal(t, []string{"bytes=0-65535", "bytes=1000-65535"}, b.origin.seen())
			require.Equal(t, int64(testPiece), r.Fetched, "no byte came twice")
		})
	}
}

// Each fault stays; the fetch fails for the right reason and publishes nothing.
func TestFetchGivesUp(t *testing.T) {
	t.Parallel()
	at := int64(2 * testPiece)
	cases := map[string]struct {
		fault *faulty
		want  error
	}{
		"always the whole object": {&faulty{from: -1, times: -1, serve: wholeObject}, nil},
		"always wrong bytes":      {&faulty{from: at, times: -1, serve: wrongBytes}, ErrDigest},
		"redirect":                {&faulty{from: at, times: -1, serve: status(302, "Location", "http://127.0.0.1/")}, ErrRefused},
		"content encoding":        {&faulty{from: at, times: -1, serve: gzipped}, ErrRefused},
		"404":                     {&faulty{from: at, times: -1, serve: status(404)}, &StatusError{}},
		"416":                     {&faulty{from: at, times: -1, serve: status(416)}, ErrChanged},
		"412":                     {&faulty{from: at, times: -1, serve: status(412)}, ErrChanged},
		"503 for ever":            {&faulty{from: at, times: -1, serve: status(503)}, &StatusError{}},
		"very long Retry-After":   {&faulty{from: at, times: -1, serve: status(503, "Retry-After", "3600")}, &StatusError{}},
		"403 without a fresh URL": {&faulty{from: at, times: -1, serve: status(403)}, &StatusError{}},
		"object of another size":  {&faulty{from: at, times: -1, serve: otherSize}, ErrChanged},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, newOrigin(t, 5*testPiece+5, c.fault))
			_, err := b.fetch()
			require.Error(t, err)
			require.NotContains(t, err.Error(), "token=", "a URL is a credential")
			if _, ok := c.want.(*StatusError); ok {
				var s *StatusError
				require.ErrorAs(t, err, &s)
			} else if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			b.notPublished()
		})
	}
}

func gzipped(o *origin, w http.ResponseWriter, _ *http.Request, from, to int64) {
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.body)))
	w.WriteHeader(206)
	z := gzip.NewWriter(w)
	_, _ = z.Write(o.body[from:to])
	_ = z.Close()
}

func otherSize(o *origin, w http.ResponseWriter, _ *http.Request, from, to int64) {
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.body)+1))
	w.WriteHeader(206)
	_, _ = w.Write(o.body[from:to])
}

func TestFetchObeysRetryAfter(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, testPiece, &faulty{times: 1, serve: status(503, "Retry-After", "1")}))
	begun := time.Now()
	_, err := b.fetch()
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begun), time.Second)
	b.published()
}

func TestFetchExpiredURL(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 8*testPiece)
	o.set(func() { o.token = "new" })
	b := setup(t, o)
	b.task.Refresh = func(context.Context) (string, error) { return o.URL + "/object?token=new", nil }
	r, err := b.fetch()
	require.NoError(t, err)
	b.published()
	require.Equal(t, int64(1), r.URLs, "one fresh URL serves all connections")
	require.Zero(t, r.Retries, "an expired URL costs no try")
}

func TestFetchFreshURLsAreBounded(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, testPiece)
	o.set(func() { o.token = "never" })
	b := setup(t, o)
	calls := 0
	b.task.Refresh = func(context.Context) (string, error) { calls++; return o.URL + "/object?token=old", nil }
	_, err := b.fetch()
	var s *StatusError
	require.ErrorAs(t, err, &s)
	require.Equal(t, &StatusError{Status: 403, Code: "AccessDenied"}, s)
	require.Equal(t, maxIdleURLs, calls)
}

func TestFetchRefusesFreshURLElsewhere(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, testPiece)
	o.set(func() { o.token = "new" })
	b := setup(t, o)
	b.task.Refresh = func(context.Context) (string, error) { return "http://169.254.169.254/latest/meta-data", nil }
	_, err := b.fetch()
	require.ErrorIs(t, err, ErrRefused)
}

// The object is replaced underway: If-Match fails, and the fetch begins again with the new object, once.
func TestFetchChangedObjectStartsAgain(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 8*testPiece)
	replaced := func(o *origin, w http.ResponseWriter, _ *http.Request, _, _ int64) {
		o.set(func() { o.etag = `"v2"` })
		w.WriteHeader(412)
	}
	o.set(func() { o.faults = []*faulty{{from: 3 * testPiece, times: 1, serve: replaced}} })
	b := setup(t, o, func(o *Options) { o.Connections = 1 })
	_, err := b.fetch()
	require.NoError(t, err)
	b.published()
	first := 0
	for _, r := range o.seen() {
		if r == "bytes=0-65535" {
			first++
		}
	}
	require.Equal(t, 2, first, "from the first byte")
}

func TestFetchFencedBeforePublishing(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, 4*testPiece))
	lost := errors.New("lease lost")
	b.task.Held = func() error { return lost }
	_, err := b.fetch()
	require.ErrorIs(t, err, lost)
	b.notPublished()
	require.NotEmpty(t, b.leftovers(), "who lost the lease removes nothing")
}

func TestFetchDestination(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	for _, dest := range []string{"", "/etc/x", "../x", "a/../../x", "a//b", "a/./b", "a\\b", "a\nb", "a/..", "."} {
		b := setup(t, newOrigin(t, 10))
		b.task.Dest = dest
		_, err := b.fetch()
		require.ErrorIs(t, err, ErrUnsafe, "%q", dest)
	}
	b := setup(t, newOrigin(t, 10))
	require.NoError(t, os.Symlink(outside, b.dir+"/link"))
	b.task.Dest = "link/x"
	_, err := b.fetch()
	require.Error(t, err, "a symbolic link does not lead out of the root")
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestFetchExistingDestination(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, 100))
	require.NoError(t, os.Mkdir(b.dir+"/a", 0o755))
	require.NoError(t, os.WriteFile(b.dir+"/a/b.bin", make([]byte, 100), 0o600))
	b.task.Keep = true
	_, err := b.fetch()
	require.ErrorIs(t, err, ErrExists)
	b.task.Keep = false
	_, err = b.fetch()
	require.NoError(t, err)
	b.published()
}

func TestFetchContradictions(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, 3*testPiece))
	b.task.Parts = b.task.Parts[:2]
	_, err := b.fetch()
	require.ErrorIs(t, err, ErrDigest)

	b = setup(t, newOrigin(t, 3*testPiece))
	b.task.SHA256 = sha256.Sum256([]byte("another"))
	_, err = b.fetch()
	require.ErrorIs(t, err, ErrDigest)
	b.notPublished()
	require.Empty(t, b.leftovers(), "worthless bytes are not kept")
}
