// Package download fetches one file at a time from a presigned URL, in pieces and over several connections, checks every byte
// against the catalogue's SHA-256, and publishes it whole or not at all.
//
// What was fetched survives: a partial file and a journal lie in PartialDir until the file is published, and the next fetch of
// the same file goes on from there.
package download

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path"
	"sync/atomic"
	"time"
)

// What a fetch may fail with, besides errors of the file system and of the context.
var (
	// ErrStopped: Task.Stop ended the fetch. What was fetched is on disk and in the journal.
	ErrStopped = errors.New("stopped before the file was whole")
	// ErrNoSpace: the file does not fit on the disk.
	ErrNoSpace = errors.New("no space left for the file")
	// ErrChanged: the object was replaced by another one during the download.
	ErrChanged = errors.New("the object changed during the download")
	// ErrDigest: the bytes are not those of the catalogue, even when fetched again.
	ErrDigest = errors.New("the bytes do not have the catalogue's SHA-256")
	// ErrExists: another file is at the destination and Task.Keep is set.
	ErrExists = errors.New("another file is at the destination")
	// ErrDirectory: the destination is a directory, which is never replaced.
	ErrDirectory = errors.New("a directory is at the destination")
)

// Options of an Engine; zero values take the defaults.
type Options struct {
	Connections     int           // most connections of one file; 8
	ResponseTimeout time.Duration // until the first byte of an answer, connecting included; 15 s
	StallTimeout    time.Duration // without a byte, after which a connection is given up; 5 s
	SlowInterval    time.Duration // between looks for connections under half the mean speed, which are made anew; 5 s
	MaxTries        int           // of one piece without progress; 6
	BackoffBase     time.Duration // of the first wait; 100 ms
	BackoffLimit    time.Duration // of each wait; 5 s
	MaxRetryAfter   time.Duration // a longer Retry-After ends the fetch; 60 s
	SyncInterval    time.Duration // between journal records; 2 s
	SyncBytes       int64         // or so many bytes; 64 MiB
	StopGrace       time.Duration // for pieces in flight after Task.Stop; 15 s
	StealSize       int64         // idle connections take over tails of at least so many bytes; 2 MiB
	PieceSize       int64         // 0 chooses by the file's size
	Hosts           HostPolicy    // where bytes may come from; the zero value allows every public host over https
	Proxy           ProxyFunc     // the proxy of a request; nil asks HTTPS_PROXY, HTTP_PROXY and NO_PROXY
	UserAgent       string        // of each request; "scalable-backend-agent"
	Log             *slog.Logger  // nil logs nothing
}

func (o Options) withDefaults() Options {
	o.Connections = cmp.Or(o.Connections, 8)
	o.ResponseTimeout = cmp.Or(o.ResponseTimeout, 15*time.Second)
	o.StallTimeout = cmp.Or(o.StallTimeout, 5*time.Second)
	o.SlowInterval = cmp.Or(o.SlowInterval, 5*time.Second)
	o.MaxTries = cmp.Or(o.MaxTries, 6)
	o.BackoffBase = cmp.Or(o.BackoffBase, 100*time.Millisecond)
	o.BackoffLimit = cmp.Or(o.BackoffLimit, 5*time.Second)
	o.MaxRetryAfter = cmp.Or(o.MaxRetryAfter, time.Minute)
	o.SyncInterval = cmp.Or(o.SyncInterval, 2*time.Second)
	o.SyncBytes = cmp.Or(o.SyncBytes, 64*mib)
	o.StopGrace = cmp.Or(o.StopGrace, 15*time.Second)
	o.StealSize = cmp.Or(o.StealSize, 2*mib)
	o.UserAgent = cmp.Or(o.UserAgent, "scalable-backend-agent")
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return o
}

// Task is one file to be fetched.
type Task struct {
	FileID   string // a UUID
	Version  string // of the object; two versions never share a partial
	Size     int64
	SHA256   [32]byte
	PartSize int64
	Parts    [][32]byte // the digest of each part: they tell which one is wrong when SHA256 is not the file's

	Root  *os.Root // nothing outside is ever touched
	Dest  string   // relative to Root, with slashes
	Owner string   // names the journal: letters, digits and -; a lease's id
	Keep  bool     // refuse to replace another file at Dest

	URL string
	// Refresh returns a fresh URL of the same object version when URL has expired. Nil means that there is none.
	Refresh func(context.Context) (string, error)
	// Held is asked right before the file is published, and before anything is removed. An error means that the lease is lost,
	// and that neither may be done. Nil means that there is no lease to lose.
	Held func() error
	// Stop ends the fetch when it is closed, after giving pieces in flight Options.StopGrace to end. Nil never stops it.
	Stop <-chan struct{}
	// Note is called with each directory that the fetch made, and with the file right before it is published under that name. An
	// error ends the fetch. May be nil.
	Note func(name string, info fs.FileInfo) error
	// Done counts the bytes on disk, for progress bars and heartbeats. May be nil.
	Done *atomic.Int64
}

// Result says what a fetch did.
type Result struct {
	Fetched  int64 // bytes that came over the network
	Resumed  int64 // bytes that an earlier fetch left
	Reused   bool  // the file was at the destination already
	Retries  int64 // tries that failed
	BadParts int64 // parts that had wrong bytes, as often as they had
	URLs     int64 // fresh URLs
}

// Engine fetches files. It is safe for concurrent use.
type Engine struct {
	o        Options
	client   *http.Client
	buffers  buffers
	prepared prepared
	wrap     func(*os.File) file
	hash     func() hash.Hash // SHA-256, and an encoding.BinaryMarshaler
}

// New returns an Engine.
func New(o Options) *Engine {
	o = o.withDefaults()
	return &Engine{o: o, client: NewHTTPClient(o.Hosts, o.Proxy), wrap: func(f *os.File) file { return diskFile{f} }, hash: sha256.New}
}

// Close drops idle connections.
func (e *Engine) Close() { e.client.CloseIdleConnections() }

// Fetch fetches a file and publishes it. A file that changed underway is fetched once more from its beginning.
func (e *Engine) Fetch(ctx context.Context, t Task) (Result, error) {
	if err := e.check(&t); err != nil {
		return Result{}, err
	}
	if reused, err := e.reuse(ctx, t); err != nil || reused {
		return Result{Reused: reused}, err
	}
	var total Result
	for again := false; ; again = true {
		f, err := e.open(t)
		if err != nil {
			return total, err
		}
		err = f.run(ctx)
		r := f.result()
		total.Fetched += r.Fetched
		total.Retries += r.Retries
		total.BadParts += r.BadParts
		total.URLs += r.URLs
		total.Resumed, total.Reused = r.Resumed, r.Reused
		if !errors.Is(err, ErrChanged) || again {
			return total, err
		}
		e.o.Log.Warn("object changed, starting again", "file_id", t.FileID)
	}
}

func (e *Engine) check(t *Task) error {
	if _, err := CleanPath(t.Dest); err != nil {
		return err
	}
	if len(t.FileID) != 36 || t.Owner == "" || len(t.Owner) > 64 {
		return fmt.Errorf("fetching %s: want a file id and an owner", t.Dest)
	}
	plan, err := NewPlan(t.Size, t.PartSize, e.o.Connections)
	if err != nil {
		return err
	}
	if plan.Parts() != len(t.Parts) {
		return fmt.Errorf("%w: %d parts, %d digests", ErrDigest, plan.Parts(), len(t.Parts))
	}
	if (len(t.Parts) == 1 && t.Parts[0] != t.SHA256) || (t.Size == 0 && t.SHA256 != sha256.Sum256(nil)) {
		return fmt.Errorf("%w: the catalogue contradicts itself", ErrDigest)
	}
	if err := e.o.Hosts.Check(t.URL); err != nil {
		return err
	}
	if t.Held == nil {
		t.Held = func() error { return nil }
	}
	if t.Note == nil {
		t.Note = func(string, fs.FileInfo) error { return nil }
	}
	if t.Done == nil {
		t.Done = new(atomic.Int64)
	}
	return nil
}

// reuse looks at what is at the destination already.
func (e *Engine) reuse(ctx context.Context, t Task) (bool, error) {
	info, err := t.Root.Lstat(t.Dest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, t.explain(path.Dir(t.Dest), fmt.Errorf("looking at the destination: %w", err))
	case info.IsDir():
		return false, ErrDirectory
	}
	if info.Mode().IsRegular() && info.Size() == t.Size {
		sum, err := e.Sum(ctx, t.Root, t.Dest)
		if err != nil {
			return false, err
		}
		if sum == t.SHA256 && e.settled(t) {
			t.Done.Store(t.Size)
			return true, nil
		}
	}
	if t.Keep {
		return false, ErrExists
	}
	return false, nil
}

// settled makes a file that was found at the destination durable: a file that is reported as there must survive a crash, even if
// another program wrote it.
func (e *Engine) settled(t Task) bool {
	f, err := t.Root.Open(t.Dest)
	if err == nil {
		there := e.wrap(f)
		err = errors.Join(there.Sync(), there.Close(), syncDir(t.Root, path.Dir(t.Dest)))
	}
	if err != nil {
		e.o.Log.Warn("the file at the destination cannot be made durable, fetching it again", "file_id", t.FileID, "error", err)
	}
	return err == nil
}

// Discard removes what unfinished fetches of a task left, if the task is still held.
func (e *Engine) Discard(t Task) {
	if t.Held != nil && t.Held() != nil {
		return
	}
	f := &fetch{e: e, t: t, names: namesOf(t)}
	f.discard()
}

// FreeSpace returns the bytes that may still be written below a root.
func FreeSpace(root *os.Root) (int64, error) {
	d, err := root.Open(".")
	if err != nil {
		return 0, err
	}
	defer func() { _ = d.Close() }()
	return freeSpace(d)
}

// Sum returns the SHA-256 of a file.
func (e *Engine) Sum(ctx context.Context, root *os.Root, name string) ([32]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return [32]byte{}, err
	}
	defer func() { _ = f.Close() }()
	buf := e.buffers.get(bufferSize)
	defer e.buffers.put(buf)
	h := sha256.New()
	if _, err := copyBuffer(ctx, h, f, *buf); err != nil {
		return [32]byte{}, fmt.Errorf("reading %s: %w", name, err)
	}
	return [32]byte(h.Sum(nil)), nil
}

func (t Task) identity(p Plan, inode uint64) identity {
	return identity{
		Format: 1, File: t.FileID, Version: t.Version, Size: t.Size, SHA256: hex.EncodeToString(t.SHA256[:]),
		PartSize: p.PartSize, PieceSize: p.PieceSize, Inode: inode,
	}
}
