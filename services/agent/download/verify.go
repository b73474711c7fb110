package download

import (
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// verify hashes pieces in order as they become complete, and returns when the whole file is verified.
func (f *fetch) verify(ctx context.Context) error {
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.over = true
		f.cond.Broadcast()
	}()
	if !f.durable() && !f.plan.split() && f.plan.Parts() == 1 {
		return f.await(ctx, 0) // the file is one part, which its worker has hashed
	}
	buf := f.e.buffers.get()
	defer f.e.buffers.put(buf)
	part := sha256.New()
	for f.frontier < len(f.pieces) {
		if err := f.await(ctx, f.frontier); err != nil {
			return err
		}
		if err := f.hashPiece(ctx, part, *buf); err != nil {
			return err
		}
	}
	if [32]byte(f.whole.Sum(nil)) != f.t.SHA256 {
		return fmt.Errorf("%w: every part is right, the file is not", ErrDigest)
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

// hashPiece hashes the piece at the frontier and moves the frontier behind it. A part of several pieces is checked when its last
// piece is hashed.
func (f *fetch) hashPiece(ctx context.Context, part hash.Hash, buf []byte) error {
	from, to := f.plan.Piece(f.frontier)
	var w io.Writer = f.whole
	if f.plan.Parts() == 1 {
		part = f.whole
	} else if f.plan.split() {
		w = io.MultiWriter(f.whole, part)
	}
	n, err := copyBuffer(ctx, w, io.NewSectionReader(f.file, from, to-from), buf)
	if err != nil {
		return fmt.Errorf("reading the partial file: %w", err)
	}
	if n != to-from {
		return fmt.Errorf("%w: the partial file was cut", errSync)
	}
	f.frontier++
	if f.plan.split() {
		number, partFrom, partTo := f.plan.part(from)
		if to < partTo {
			return nil
		}
		sum := [32]byte(part.Sum(nil))
		if part != f.whole {
			part.Reset()
		}
		if sum != f.t.Parts[number] {
			return f.again(number, partFrom, partTo)
		}
	}
	state, err := f.whole.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return fmt.Errorf("saving the digest's state: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mark = mark{Offset: to, State: state}
	return nil
}

// again marks the pieces of a wrong part as todo and moves the frontier back to the part's beginning.
func (f *fetch) again(number int, from, to int64) error {
	f.badParts.Add(1)
	f.e.o.Log.Warn("part arrived with wrong bytes", "file_id", f.t.FileID, "offset", from, "bytes", to-from)
	if f.bad[number]++; f.bad[number] >= maxBadFetches {
		return fmt.Errorf("%w: part at byte %d", ErrDigest, from)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frontier = f.plan.index(from)
	for i := f.frontier; i < f.plan.index(to); i++ {
		f.pieces[i] = todo
		f.redo = append(f.redo, i)
	}
	f.next = min(f.next, f.frontier)
	f.t.Done.Add(from - to)
	f.whole.Reset()
	f.cond.Broadcast()
	if from == 0 {
		return nil
	}
	return f.whole.(encoding.BinaryUnmarshaler).UnmarshalBinary(f.mark.State)
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
	f.file.dropCache(f.dropped, m.Offset)
	f.dropped = m.Offset
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
	if there, err := f.t.Root.Lstat(f.t.Dest); err == nil && f.t.Keep && !os.SameFile(info, there) {
		return f.yield(ctx)
	}
	// The directory may have been removed while it was empty.
	if err := f.t.makeDirs(f.names.dir); err != nil {
		return err
	}
	if err := f.t.Note(f.t.Dest, info); err != nil {
		return err
	}
	if err := f.t.Root.Rename(f.names.partial, f.t.Dest); err != nil {
		// Another fetch of the same file, into the same partial, may have published it first.
		there, statErr := f.t.Root.Lstat(f.t.Dest)
		if !errors.Is(err, fs.ErrNotExist) || statErr != nil || !os.SameFile(info, there) {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	if err := syncDir(f.t.Root, f.names.dir); err != nil {
		return fmt.Errorf("syncing the destination's directory: %w", err)
	}
	f.removeJournals()
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
