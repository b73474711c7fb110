package download

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

// Each byte is hashed once, for the digest of the whole file, which is what the catalogue promises. Digests of parts say nothing more
// about a file that is right; they tell where the wrong bytes of a file are that is not. So they are compared only then (audit): with
// what is on disk, whoever brought it there.

// verify hashes pieces in order as they become complete, and returns when the whole file is verified.
func (f *fetch) verify(ctx context.Context) error {
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.over = true
		f.cond.Broadcast()
	}()
	if err := f.hashPieces(ctx); err != nil {
		return err
	}
	if f.right() {
		return nil
	}
	return f.audit(ctx)
}

// right reports whether the digest of what was hashed is the catalogue's.
func (f *fetch) right() bool { return [32]byte(f.whole.Sum(nil)) == f.t.SHA256 }

// hashPieces computes the digest of the whole file.
func (f *fetch) hashPieces(ctx context.Context) error {
	if len(f.pieces) == 1 {
		return nil // it was hashed as it came; see single
	}
	buf := f.e.buffers.get(f.t.Size)
	defer f.e.buffers.put(buf)
	for ; f.frontier < len(f.pieces); f.frontier++ {
		if err := f.await(ctx, f.frontier); err != nil {
			return err
		}
		from, to := f.plan.Piece(f.frontier)
		if err := f.read(ctx, f.whole, from, to, *buf); err != nil {
			return err
		}
		if err := f.marks(to); err != nil {
			return err
		}
	}
	return nil
}

// await waits until a piece is done.
func (f *fetch) await(ctx context.Context, i int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.pieces[i] != done {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if f.stopping && f.workers == 0 {
			return ErrStopped
		}
		f.cond.Wait()
	}
	return nil
}

// read writes bytes of the partial file to w.
func (f *fetch) read(ctx context.Context, w io.Writer, from, to int64, buf []byte) error {
	n, err := copyBuffer(ctx, w, io.NewSectionReader(f.file, from, to-from), buf)
	if err != nil {
		return fmt.Errorf("reading the partial file: %w", err)
	}
	if n != to-from {
		return fmt.Errorf("%w: the partial file was cut", errSync)
	}
	return nil
}

// marks sets the mark to an offset up to which the file is hashed: the end of a piece.
func (f *fetch) marks(offset int64) error {
	state, err := f.whole.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return fmt.Errorf("saving the digest's state: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mark = mark{Offset: offset, State: state}
	return nil
}

// sync makes a checkpoint whenever enough time has passed or enough bytes have come.
func (f *fetch) sync(ctx context.Context, over <-chan struct{}) error {
	ticker := time.NewTicker(f.e.o.SyncInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-f.kick:
		case <-over:
			return nil
		case <-ctx.Done():
			return nil // run makes the last checkpoint
		}
		if err := f.checkpoint(); err != nil {
			return err
		}
	}
}

// checkpoint makes finished pieces durable, and then writes them to the journal.
func (f *fetch) checkpoint() error {
	f.mu.Lock()
	rec := record{Done: rows(slices.Sorted(slices.Values(f.fresh))), Redo: rows(slices.Sorted(slices.Values(f.redo)))}
	m := f.mark
	if m.Offset > 0 {
		rec.Mark = &m
	}
	if f.journal == nil {
		rec.Done = rows(f.allDone())
	}
	head := header{identity: f.id, ETag: f.etag}
	f.fresh, f.redo, f.unsynced = nil, nil, 0
	f.mu.Unlock()
	if len(rec.Done)+len(rec.Redo) == 0 && m.Offset == f.dropped {
		return nil
	}
	if err := f.file.datasync(); err != nil {
		return syncError(err)
	}
	var err error
	if f.journal == nil {
		f.journal, err = createJournal(f.t.Root, f.names, head, rec)
	} else {
		err = f.journal.append(rec)
	}
	if err != nil {
		return writeError(err)
	}
	if m.Offset > f.dropped {
		f.file.dropCache(f.dropped, m.Offset)
	}
	f.dropped = m.Offset // less than before in an audit, which reads all again
	return nil
}

func (f *fetch) allDone() []int {
	var all []int
	for i, s := range f.pieces {
		if s == done {
			all = append(all, i)
		}
	}
	return all
}

// publish renames the verified partial file to its destination, so that the file is there whole or not at all.
func (f *fetch) publish(ctx context.Context) error {
	info, err := f.file.Stat()
	if err != nil {
		return fmt.Errorf("looking at the partial file: %w", err)
	}
	if info.Size() != f.t.Size {
		return fmt.Errorf("%w: the partial file has %d bytes", ErrDigest, info.Size())
	}
	if err := f.file.Sync(); err != nil {
		return syncError(err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := f.t.Held(); err != nil {
		return err
	}
	if f.t.Keep {
		if there, err := f.t.Root.Lstat(f.t.Dest); err == nil && !os.SameFile(info, there) {
			return f.yield(ctx)
		}
	}
	if err := f.t.Note(f.t.Dest, info); err != nil {
		return err
	}
	if err := f.rename(info); err != nil {
		return err
	}
	if err := syncDir(f.t.Root, f.names.dir); err != nil {
		return fmt.Errorf("syncing the destination's directory: %w", err)
	}
	if f.durable() {
		f.removeJournals()
	}
	return nil
}

// rename gives the partial file its name.
func (f *fetch) rename(info fs.FileInfo) error {
	err := f.t.Root.Rename(f.names.partial, f.t.Dest)
	if errors.Is(err, fs.ErrNotExist) {
		// Another fetch of the same file, into the same partial, may have published it first.
		if there, err := f.t.Root.Lstat(f.t.Dest); err == nil && os.SameFile(info, there) {
			return nil
		}
		// Or the directory was removed while it was empty.
		if err := f.t.makeDirs(f.names.dir); err != nil {
			return err
		}
		err = f.t.Root.Rename(f.names.partial, f.t.Dest)
	}
	if errors.Is(err, syscall.EXDEV) {
		return fmt.Errorf("%w: %w", ErrOtherFileSystem, err)
	}
	if err != nil {
		return f.t.explain(f.names.dir, fmt.Errorf("publishing: %w", err))
	}
	return nil
}

// yield is for a file that appeared at the destination during the fetch. If it has the same bytes, whoever put it there did what
// was asked for; another file is kept.
func (f *fetch) yield(ctx context.Context) error {
	there, err := f.e.reuse(ctx, f.t)
	if err != nil {
		return err
	}
	if !there {
		return ErrExists
	}
	f.reused = true
	f.discard()
	return nil
}
