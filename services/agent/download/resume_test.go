package download

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// victim is the process that TestResumeAfterKill kills: it fetches what its environment says.
func victim() {
	var b struct {
		Dir, URL, FileID, Owner string
		Size                    int
	}
	if err := json.Unmarshal([]byte(os.Getenv("DOWNLOAD_TEST_VICTIM")), &b); err != nil {
		panic(err)
	}
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		panic(err)
	}
	body := testBody(b.Size)
	options := Options{
		Connections: 2, PieceSize: testPiece, SyncInterval: 5 * time.Millisecond, ResponseTimeout: patience, StallTimeout: patience,
		SlowInterval: patience, Hosts: HostPolicy{Insecure: true},
	}
	_, err = New(options).
		Fetch(context.Background(), Task{
			FileID: b.FileID, Version: "1", Size: int64(b.Size), SHA256: sha256.Sum256(body), PartSize: testPart, Parts: digests(body, testPart),
			Root: root, Dest: "a/b.bin", Owner: b.Owner, URL: b.URL,
		})
	panic(err) // it is to be killed before
}

// hold stalls until its channel is closed.
func hold(release <-chan struct{}) func(*origin, http.ResponseWriter, *http.Request, int64, int64) {
	return func(o *origin, w http.ResponseWriter, r *http.Request, from, to int64) {
		select {
		case <-release:
		case <-r.Context().Done():
			return
		}
		o.head(w, from, to)
		_, _ = w.Write(o.body[from:to])
	}
}

func (b *bundle) journals() []string {
	found, err := filepath.Glob(b.dir + "/" + PartialDir + "/*.journal")
	require.NoError(b.t, err)
	return found
}

// journaled returns what the journals say that can be read.
func (b *bundle) journaled() (all []*replay) {
	for _, name := range b.journals() {
		rel, err := filepath.Rel(b.dir, name)
		require.NoError(b.t, err)
		if r, err := readJournal(b.root, rel, len(b.task.Parts)); err == nil && r != nil {
			all = append(all, r)
		}
	}
	return all
}

// saved waits until a journal says that the first pieces, and no others, are there and hashed.
func (b *bundle) saved(pieces int) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		return slices.ContainsFunc(b.journaled(), func(r *replay) bool {
			return len(r.done) == pieces && r.mark != nil && r.mark.Offset == int64(pieces*testPiece)
		})
	}, patience, 2*time.Millisecond)
}

// victim begins the fetch in a process of its own, and returns how to kill that.
func (b *bundle) victim() (kill func()) {
	b.t.Helper()
	arg, err := json.Marshal(map[string]any{
		"Dir": b.dir, "URL": b.origin.URL, "FileID": b.task.FileID, "Owner": uuid.NewString(), "Size": len(b.origin.body),
	})
	require.NoError(b.t, err)
	self, err := os.Executable()
	require.NoError(b.t, err)
	var output bytes.Buffer
	cmd := exec.CommandContext(b.t.Context(), self)
	cmd.Env = append(os.Environ(), "DOWNLOAD_TEST_VICTIM="+string(arg))
	cmd.Stderr = &output
	require.NoError(b.t, cmd.Start())
	return func() {
		b.t.Helper()
		require.NoError(b.t, cmd.Process.Kill())
		require.Error(b.t, cmd.Wait())
		require.NotContains(b.t, output.String(), "panic")
	}
}

func TestResumeAfterKill(t *testing.T) {
	t.Parallel()
	const pieces, before = 12, 8
	release := make(chan struct{})
	o := newOrigin(t, pieces*testPiece)
	for i := before; i < pieces; i++ {
		o.set(func() {
			o.faults = append(o.faults, &faulty{from: int64(i * testPiece), times: -1, serve: hold(release)})
		})
	}
	b := setup(t, o)
	kill := b.victim()
	b.saved(before)
	kill()

	close(release)
	r, err := b.fetch()
	require.NoError(t, err)
	b.published()
	require.Equal(t, int64(before*testPiece), r.Resumed)
	require.Equal(t, int64((pieces-before)*testPiece), r.Fetched, "only what was missing")
	require.Empty(t, b.journals())
}

// interrupted leaves a partial with the first `before` of eight pieces. The origin, which has these faults meanwhile, has none later,
// and has forgotten its requests.
func interrupted(t *testing.T, before int, faults ...*faulty) *bundle {
	t.Helper()
	release := make(chan struct{})
	o := newOrigin(t, 8*testPiece, faults...)
	for i := before; i < 8; i++ {
		o.set(func() {
			o.faults = append(o.faults, &faulty{from: int64(i * testPiece), times: 1, serve: hold(release)})
		})
	}
	b := setup(t, o, func(o *Options) {
		o.StopGrace, o.StealSize = time.Millisecond, 1<<30 // requests are counted
	})
	stop := make(chan struct{})
	b.task.Stop = stop
	ended := make(chan error, 1)
	go func() {
		_, err := b.fetch()
		ended <- err
	}()
	b.saved(before)
	close(stop)
	require.ErrorIs(t, <-ended, ErrStopped)
	close(release)
	o.set(func() { o.faults, o.ranges = nil, nil })
	b.task.Stop, b.task.Owner = nil, uuid.NewString()
	return b
}

func TestResumeAfterStop(t *testing.T) {
	t.Parallel()
	b := interrupted(t, 5)
	r, err := b.fetch()
	require.NoError(t, err)
	b.published()
	require.Equal(t, int64(5*testPiece), r.Resumed)
	require.Len(t, b.origin.seen(), 3)
}

func TestResumeTornJournal(t *testing.T) {
	t.Parallel()
	for name, tear := range map[string]func([]byte) []byte{
		"cut in a record": func(j []byte) []byte { return j[:len(j)-5] },
		"garbage at the end": func(j []byte) []byte {
			return append(j, "00000000 {\"done\":[[0,7]]}\n"...)
		},
		"half a line": func(j []byte) []byte { return append(j, "1234"...) },
		"empty":       func([]byte) []byte { return nil },
		"flipped bit": func(j []byte) []byte {
			j[bytes.IndexByte(j, '{')+5] ^= 1
			return j
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := interrupted(t, 5)
			require.Len(t, b.journals(), 1)
			text, err := os.ReadFile(b.journals()[0])
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(b.journals()[0], tear(text), 0o600))
			_, err = b.fetch()
			require.NoError(t, err)
			b.published()
		})
	}
}

// A journal of another partial, or of another version, or with another entity tag, says nothing about this one.
func TestResumeForeignJournal(t *testing.T) {
	t.Parallel()
	b := interrupted(t, 5)
	partial, _, _ := strings.Cut(filepath.Base(b.journals()[0]), ".")
	partial = filepath.Join(b.dir, PartialDir, partial)
	// Another file of the same name and size, full of holes: as it is when a predecessor published and died.
	require.NoError(t, os.Rename(partial, b.dir+"/published"))
	require.NoError(t, os.WriteFile(partial, make([]byte, 8*testPiece), 0o600))
	r, err := b.fetch()
	require.NoError(t, err)
	b.published()
	require.Zero(t, r.Resumed)

	b = interrupted(t, 5)
	b.task.Version = "2"
	r, err = b.fetch()
	require.NoError(t, err)
	require.Zero(t, r.Resumed)
	require.NotEmpty(t, b.leftovers(), "the other version's partial is its own")
}

// The bytes that a journal vouches for belong to an object that has been replaced: everything is fetched again.
func TestResumeChangedObject(t *testing.T) {
	t.Parallel()
	b := interrupted(t, 5)
	b.origin.set(func() { b.origin.etag = `"v2"` })
	r, err := b.fetch()
	require.NoError(t, err)
	b.published()
	require.Zero(t, r.Resumed)
}

// Two at once write the same bytes to the same partial; one renames it, the other finds its work done.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, 20*testPiece))
	other := b.task
	other.Owner = uuid.NewString()
	ended := make(chan error, 2)
	go func() { _, err := b.engine.Fetch(t.Context(), other); ended <- err }()
	go func() { _, err := b.engine.Fetch(t.Context(), b.task); ended <- err }()
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
	got, err := b.root.ReadFile(b.task.Dest)
	require.NoError(t, err)
	require.True(t, bytes.Equal(b.origin.body, got))
}

func TestStopLetsPiecesInFlightEnd(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	o := newOrigin(t, 2*testPiece, &faulty{from: -1, times: 2, serve: hold(release)})
	b := setup(t, o, func(o *Options) { o.StopGrace = patience })
	stop := make(chan struct{})
	b.task.Stop = stop
	ended := make(chan error, 1)
	go func() { _, err := b.fetch(); ended <- err }()
	require.Eventually(t, func() bool { return o.requests.Load() == 2 }, patience, time.Millisecond)
	close(stop)
	close(release)
	require.NoError(t, <-ended, "all that was missing was in flight")
	b.published()
}

func TestFetchCancelled(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 4*testPiece, &faulty{from: -1, times: -1, serve: stallAfter(10)})
	b := setup(t, o)
	why := errors.New("lease lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for o.requests.Load() < 2 {
			time.Sleep(time.Millisecond)
		}
		cancel(why)
	}()
	_, err := b.engine.Fetch(ctx, b.task)
	require.ErrorIs(t, err, why)
	b.notPublished()
	require.Zero(t, b.task.Done.Load())
}
