package cli

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/api"
)

// gate holds all requests for bytes back until so many are there at once, and counts the most that were.
type gate struct {
	mu        sync.Mutex
	now, most int
	want      int
	opened    bool
	open      chan struct{}
}

func (b *bundle) gate(want int) *gate {
	g := &gate{want: want, open: make(chan struct{})}
	b.server.Hook = func(op string, _ http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(op, "GET /bucket") {
			return false
		}
		g.mu.Lock()
		g.now++
		g.most = max(g.most, g.now)
		if g.now == g.want && !g.opened {
			g.opened = true
			close(g.open)
		}
		g.mu.Unlock()
		select {
		case <-g.open:
		case <-time.After(10 * time.Second): // too few come: the test fails by its count
		case <-r.Context().Done():
		}
		g.mu.Lock()
		g.now--
		g.mu.Unlock()
		return false
	}
	return g
}

// Small files are limited by their round trips, so many are fetched at once; and the list already says all about a file of one part.
func TestFetchOfManySmallFiles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 20 {
		b.server.AddFile(fmt.Sprintf("many/%02d", i), body(100+i), mib)
	}
	g := b.gate(allConnections)
	out := b.ok("fetch", "many/", "-o", b.dir)
	require.Equal(t, 20, strings.Count(out, "verified"))
	require.Equal(t, allConnections, g.most)
	calls := map[string]int{}
	for _, c := range b.server.Calls {
		calls[c]++
	}
	require.Zero(t, calls["GET /v1/files/{id}/content"])
	require.Equal(t, 20, calls["GET /bucket/{id}"])
	require.Zero(t, calls["GET /v1/files/{id}"])
}

// A URL that has almost ended by the time of the file's turn is not used, and neither is one that has ended while it was: the file asks
// for its own.
func TestFetchWithURLsThatEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ttl    time.Duration
		refuse bool  // the bucket, the URL of the list
		asked  int32 // the bucket, for the bytes
	}{
		"soon":      {ttl: minURL / 2, asked: 1},
		"meanwhile": {ttl: time.Hour, refuse: true, asked: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.server.URLTTL = c.ttl
			b.server.AddFile("many/1", body(100), mib)
			var asked, urls atomic.Int32
			b.server.Hook = func(op string, w http.ResponseWriter, _ *http.Request) bool {
				switch op {
				case "GET /v1/files/{id}/content":
					urls.Add(1)
				case "GET /bucket/{id}":
					if asked.Add(1) == 1 && c.refuse {
						w.WriteHeader(http.StatusForbidden)
						return true
					}
				}
				return false
			}
			require.Contains(t, b.ok("fetch", "many/", "-o", b.dir), "verified")
			require.Equal(t, c.asked, asked.Load())
			require.EqualValues(t, 1, urls.Load())
		})
	}
}

// URLs cost the backend something: a page comes with them only if an eighth of the page before it was wanted.
func TestURLsOfPagesThatAreWanted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 8 { // the fake's pages have two files, the newest first
		name := "other/%d"
		if i == 3 {
			name = "wanted/%d"
		}
		b.server.AddFile(fmt.Sprintf(name, i), body(100), mib)
	}
	var with []bool
	b.server.Hook = func(op string, _ http.ResponseWriter, r *http.Request) bool {
		if op == "GET /v1/files" && r.URL.Query().Get("name") == "" {
			with = append(with, r.URL.Query().Get("content_urls") == "true")
		}
		return false
	}
	require.Contains(t, b.ok("fetch", "wanted/", "-o", b.dir), "verified")
	require.Equal(t, []bool{true, false, false, true}, with)
	with = nil
	b.ok("delete", "wanted/", "--yes")
	require.Equal(t, []bool{false, false, false, false}, with, "other commands need none")
}

// --parallel counts files.
func TestFetchOfSoManyFilesAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 6 {
		b.server.AddFile(fmt.Sprintf("many/%02d", i), body(100+i), mib)
	}
	g := b.gate(3)
	b.ok("fetch", "many/", "-o", b.dir, "--parallel", "3")
	require.Equal(t, 3, g.most)
}

// A file takes as many slots as it has connections, so that large files have few others beside them.
func TestSlotsOfAFile(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]int64{0: 1, 1: 1, 8 * mib: 1, 24 * mib: 2, 64 * mib: 2, 128 * mib: 4, 1 << 40: 8} {
		f := api.File{Size: size, PartSize: 8 * mib}
		require.Equal(t, want, (&fetcher{connections: 8}).slotsOf(f), "%d bytes", size)
		require.EqualValues(t, 1, (&fetcher{connections: 8, parallel: 2}).slotsOf(f), "files are counted")
	}
	require.EqualValues(t, 16, (&fetcher{connections: 16}).slotsOf(api.File{Size: 1 << 40, PartSize: 8 * mib}))
	require.EqualValues(t, 1, (&fetcher{connections: 8}).slotsOf(api.File{Size: 1, PartSize: -1}))
}
