package download

import (
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"scalable-backend/services/internal/tracing"
)

// Where a piece stands: todo → busy → done; busy → todo when its worker gives up; done → todo when its part turns out wrong.
type state uint8

const (
	todo state = iota
	busy
	done
)

// fetch is one download of one file: several workers fetch pieces, one verifier hashes the file from its beginning up to the first
// missing piece, and one syncer makes pieces durable and writes the journal. See verify.go for what is hashed when.
type fetch struct {
	e     *Engine
	t     Task
	plan  Plan
	names names
	file  file
	id    identity
	urls  urls
	pace  pace

	writing sync.Mutex // the kernel writes to a file one after the other, and spins meanwhile

	mu       sync.Mutex
	cond     *sync.Cond
	pieces   []state
	shared   map[int]*sharing // pieces that are busy
	next     int              // no piece before it is todo
	workers  int              // still running
	stopping bool
	over     bool // the verifier has ended
	etag     string
	fresh    []int // done since the last journal record
	redo     []int // not done any more since then
	unsynced int64 // bytes of fresh
	mark     mark
	auditing bool // the file turned out wrong, and its parts are looked at one by one
	wrong    span // the part that is fetched again, when auditing

	reused bool // the file appeared at the destination during the fetch

	// Of the verifier alone.
	whole    hash.Hash // or of the only worker, when there is one piece
	frontier int       // the piece that is hashed next

	// Of the syncer alone.
	kick    chan struct{}
	journal *journal
	dropped int64 // the offset of the last mark: up to it the page cache is dropped

	fetched, resumed, retries, badParts, freshURLs atomic.Int64
}

func (e *Engine) plan(t Task) (Plan, error) {
	if e.o.PieceSize > 0 {
		return newPlan(t.Size, t.PartSize, e.o.PieceSize, e.o.Connections)
	}
	return NewPlan(t.Size, t.PartSize, e.o.Connections)
}

// open opens the partial file and takes over what earlier fetches left.
func (e *Engine) open(t Task) (*fetch, error) {
	plan, err := e.plan(t)
	if err != nil {
		return nil, err
	}
	t.Done.Store(0)
	f := &fetch{
		e: e, t: t, plan: plan, names: namesOf(t), pieces: make([]state, plan.Pieces()), kick: make(chan struct{}, 1),
		shared: map[int]*sharing{},
		whole:  e.hash(), urls: urls{url: t.URL, refresh: t.Refresh, hosts: e.o.Hosts},
	}
	f.cond = sync.NewCond(&f.mu)
	if err := e.prepareDirs(t, f.names.dir, plan); err != nil {
		return nil, err
	}
	partial, err := createPartial(t.Root, f.names.partial, os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the partial file: %w", err)
	}
	f.file = e.wrap(partial)
	if err := f.prepare(); err != nil {
		return nil, errors.Join(err, f.file.Close())
	}
	return f, nil
}

func (f *fetch) prepare() error {
	if f.durable() {
		info, err := f.file.Stat()
		if err != nil {
			return fmt.Errorf("looking at the partial file: %w", err)
		}
		f.id = f.t.identity(f.plan, Inode(info))
		if err := f.resume(info.Size()); err != nil {
			return fmt.Errorf("reading journals: %w", err)
		}
	}
	if f.t.Size < mib {
		return nil // small: a write that fails will say that the disk is full
	}
	err := f.file.allocate(f.t.Size)
	if errors.Is(err, ErrNoSpace) && f.t.Held() == nil {
		f.discard()
	}
	return err
}

// durable reports whether the fetch keeps a journal. A file of one piece needs none: there is nothing to resume from.
func (f *fetch) durable() bool { return f.plan.Pieces() > 1 }

// resume merges the journals of all owners. It only reads them, because other owners may still be at work.
func (f *fetch) resume(size int64) error {
	found, err := f.names.journals(f.t.Root)
	if err != nil {
		return err
	}
	for _, name := range found {
		r, err := readJournal(f.t.Root, name, len(f.pieces))
		if err != nil {
			return err
		}
		if r == nil || r.header.identity != f.id || (f.etag != "" && r.header.ETag != f.etag) {
			continue
		}
		f.etag = r.header.ETag
		for i := range r.done {
			if i < 0 || i >= len(f.pieces) || f.pieces[i] == done {
				continue
			}
			if from, to := f.plan.Piece(i); to <= size {
				f.pieces[i] = done
				f.resumed.Add(to - from)
				f.t.Done.Add(to - from)
			}
		}
		if r.mark != nil && r.mark.Offset > f.mark.Offset && f.trust(*r.mark) {
			f.mark = *r.mark
			f.frontier = f.plan.index(r.mark.Offset)
		}
	}
	if f.mark.Offset > 0 {
		return f.whole.(encoding.BinaryUnmarshaler).UnmarshalBinary(f.mark.State)
	}
	return nil
}

// trust reports whether hashing may continue from a mark: all pieces before it are there, and its state can be decoded.
func (f *fetch) trust(m mark) bool {
	if m.Offset > f.t.Size || sha256.New().(encoding.BinaryUnmarshaler).UnmarshalBinary(m.State) != nil {
		return false
	}
	end := f.plan.index(m.Offset)
	for i := range end {
		if f.pieces[i] != done {
			return false
		}
	}
	if end < len(f.pieces) {
		from, _ := f.plan.Piece(end)
		return from == m.Offset
	}
	return m.Offset == f.t.Size
}

// run fetches, verifies and publishes.
func (f *fetch) run(ctx context.Context) error {
	err := phase(ctx, "transfer", f.transfer) // and verify: bytes are hashed as they come
	if err == nil {
		err = phase(ctx, "publish", f.publish)
	}
	if err != nil && f.durable() && !discards(err) {
		err = errors.Join(err, f.checkpoint())
	}
	if f.journal != nil {
		_ = f.journal.close()
	}
	if discards(err) && f.t.Held() == nil {
		f.discard()
	}
	_ = f.file.Close()
	return err
}

// phase runs one part of the work in a trace span of its own, if the job is traced.
func phase(ctx context.Context, name string, do func(context.Context) error) error {
	ctx, span := tracing.Child(ctx, name)
	err := do(ctx)
	tracing.End(span, err)
	return err
}

func (f *fetch) result() Result {
	return Result{
		Reused: f.reused, Fetched: f.fetched.Load(), Resumed: f.resumed.Load(), Retries: f.retries.Load(),
		BadParts: f.badParts.Load(), URLs: f.freshURLs.Load(),
	}
}

// transfer fetches and verifies all pieces.
func (f *fetch) transfer(parent context.Context) error {
	if f.t.Size == 0 {
		return f.empty(parent)
	}
	if len(f.pieces) == 1 {
		if err := f.single(parent); err != nil || f.right() {
			return err
		}
	}
	outer, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	g, ctx := errgroup.WithContext(outer)
	defer context.AfterFunc(ctx, f.wake)()
	over := make(chan struct{})
	f.workers = f.plan.Connections
	for range f.plan.Connections {
		g.Go(func() error { return f.work(ctx) })
	}
	g.Go(func() error {
		defer close(over)
		return f.verify(ctx)
	})
	g.Go(func() error {
		f.watchStop(ctx, over, func() { cancel(ErrStopped) })
		return nil
	})
	g.Go(func() error {
		f.pace.watch(ctx, f.e.o.SlowInterval, over)
		return nil
	})
	if f.durable() {
		g.Go(func() error { return f.sync(ctx, over) })
	}
	err := g.Wait()
	if err != nil && outer.Err() != nil {
		return context.Cause(outer)
	}
	return err
}

func (f *fetch) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cond.Broadcast()
}

// discard removes the partial and all journals of it.
func (f *fetch) discard() {
	_ = f.t.Root.Remove(f.names.partial)
	f.removeJournals()
}

func (f *fetch) removeJournals() {
	found, _ := f.names.journals(f.t.Root)
	for _, name := range found {
		if err := f.t.Root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.e.o.Log.Warn("journal left behind", "name", name, "error", err)
		}
	}
}
