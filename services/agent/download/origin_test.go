package download

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/internal/leak"
)

func TestMain(m *testing.M) {
	if os.Getenv("DOWNLOAD_TEST_VICTIM") != "" {
		victim()
		return
	}
	leak.Main(m)
}

// origin serves one object like S3, and misbehaves as its faults say.
type origin struct {
	*httptest.Server
	body []byte
	etag string

	mu       sync.Mutex
	faults   []*faulty
	ranges   []string // of all requests, in order
	token    string   // that the URL must carry; "" takes any
	requests atomic.Int64
}

// faulty is a misbehaviour: it strikes times requests (all of them when times is negative) that begin at from, or anywhere
// when from is negative.
type faulty struct {
	from  int64
	times int
	serve func(o *origin, w http.ResponseWriter, r *http.Request, from, to int64)
}

// testBody returns the same bytes for the same size, in whatever process.
func testBody(size int) []byte {
	body := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(body)
	return body
}

func newOrigin(t *testing.T, size int, faults ...*faulty) *origin {
	t.Helper()
	o := &origin{body: testBody(size), etag: `"v1"`, faults: faults}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.requests.Add(1)
	from, to := int64(0), int64(len(o.body))
	spec := r.Header.Get("Range")
	if a, b, ok := strings.Cut(strings.TrimPrefix(spec, "bytes="), "-"); ok {
		from, _ = strconv.ParseInt(a, 10, 64)
		to, _ = strconv.ParseInt(b, 10, 64)
		to++
	}
	o.mu.Lock()
	o.ranges = append(o.ranges, spec)
	token, etag := o.token, o.etag
	strike := o.strike(from)
	o.mu.Unlock()
	if token != "" && r.URL.Query().Get("token") != token {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
		return
	}
	if m := r.Header.Get("If-Match"); m != "" && m != etag {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	if strike != nil {
		strike(o, w, r, from, to)
		return
	}
	o.head(w, from, to)
	_, _ = w.Write(o.body[from:to])
}

// set changes the origin while it serves.
func (o *origin) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

func (o *origin) strike(from int64) func(*origin, http.ResponseWriter, *http.Request, int64, int64) {
	for _, f := range o.faults {
		if f.times != 0 && (f.from < 0 || f.from == from) {
			f.times--
			return f.serve
		}
	}
	return nil
}

func (o *origin) head(w http.ResponseWriter, from, to int64) {
	o.mu.Lock()
	w.Header().Set("ETag", o.etag)
	o.mu.Unlock()
	w.Header().Set("Content-Length", strconv.FormatInt(to-from, 10))
	if len(o.body) == 0 {
		return
	}
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.body)))
	w.WriteHeader(http.StatusPartialContent)
}

func (o *origin) seen() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.ranges...)
}

// status answers with a status and headers.
func status(code int, header ...string) func(*origin, http.ResponseWriter, *http.Request, int64, int64) {
	return func(_ *origin, w http.ResponseWriter, _ *http.Request, _, _ int64) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// cutAfter sends a part of the body and then breaks the connection.
func cutAfter(n int64) func(*origin, http.ResponseWriter, *http.Request, int64, int64) {
	return func(o *origin, w http.ResponseWriter, _ *http.Request, from, to int64) {
		o.head(w, from, to)
		_, _ = w.Write(o.body[from : from+n])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// stallAfter sends a part of the body and then nothing, on a live connection.
func stallAfter(n int64) func(*origin, http.ResponseWriter, *http.Request, int64, int64) {
	return func(o *origin, w http.ResponseWriter, r *http.Request, from, to int64) {
		o.head(w, from, to)
		_, _ = w.Write(o.body[from : from+n])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

func wrongBytes(o *origin, w http.ResponseWriter, _ *http.Request, from, to int64) {
	o.head(w, from, to)
	_, _ = w.Write(bytes.Repeat([]byte{'x'}, int(to-from)))
}

const (
	testPart  = 64 << 10
	testPiece = 64 << 10
)

type bundle struct {
	t      *testing.T
	origin *origin
	engine *Engine
	task   Task
	dir    string
	root   *os.Root
}

// patience is for what comes for certain, however slow the machine is.
const patience = time.Minute

// setup returns an engine, and a task for the origin's object. The engine waits shortly after a failure. It does not take a machine that
// is slow for an origin that stalls: tests count requests and tries.
func setup(t *testing.T, o *origin, change ...func(*Options)) *bundle {
	t.Helper()
	opts := Options{
		Connections: 4, PieceSize: testPiece, ResponseTimeout: patience, StallTimeout: patience, SlowInterval: patience,
		BackoffBase: time.Millisecond, BackoffLimit: 4 * time.Millisecond, SyncInterval: 10 * time.Millisecond,
		StopGrace: 200 * time.Millisecond, StealSize: 4 << 10, Hosts: HostPolicy{Insecure: true},
	}
	for _, c := range change {
		c(&opts)
	}
	b := &bundle{t: t, origin: o, engine: New(opts), dir: t.TempDir()}
	t.Cleanup(b.engine.Close)
	root, err := os.OpenRoot(b.dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	b.root = root
	b.task = Task{
		FileID: uuid.NewString(), Version: "1", Size: int64(len(o.body)), SHA256: sha256.Sum256(o.body), PartSize: testPart,
		Root: root, Dest: "a/b.bin", Owner: uuid.NewString(), URL: o.URL + "/object?token=old", Done: new(atomic.Int64),
	}
	b.task.Parts = digests(o.body, testPart)
	return b
}

func digests(body []byte, size int) (parts [][32]byte) {
	for i := 0; i < len(body); i += size {
		parts = append(parts, sha256.Sum256(body[i:min(i+size, len(body))]))
	}
	return parts
}

func (b *bundle) fetch() (Result, error) { return b.engine.Fetch(b.t.Context(), b.task) }

// published fails unless the file is there with the right bytes, and nothing else is.
func (b *bundle) published() {
	b.t.Helper()
	got, err := b.root.ReadFile(b.task.Dest)
	require.NoError(b.t, err)
	require.True(b.t, bytes.Equal(b.origin.body, got), "the published bytes are not the object's")
	require.Equal(b.t, int64(len(b.origin.body)), b.task.Done.Load())
	require.Empty(b.t, b.leftovers())
}

func (b *bundle) notPublished() {
	b.t.Helper()
	_, err := b.root.Lstat(b.task.Dest)
	require.ErrorIs(b.t, err, os.ErrNotExist)
}

func (b *bundle) leftovers() []string {
	entries, err := os.ReadDir(b.dir + "/" + PartialDir)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(b.t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
