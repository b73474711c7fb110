package download

import (
	"context"
	"encoding"
	"fmt"
	"io"
)

// maxBadFetches is how often a part may have wrong bytes before the fetch fails: then the object itself is wrong.
const maxBadFetches = 3

// audit looks for the wrong bytes of a file whose digest is not the catalogue's. It reads all parts from the beginning, compares each
// with its digest, has a wrong one fetched again alone, and computes the file's digest anew: that of before may have begun with the
// state that another fetch left, and is worth nothing now.
func (f *fetch) audit(ctx context.Context) error {
	buf := f.e.buffers.get(f.t.Size)
	defer f.e.buffers.put(buf)
	f.e.o.Log.Warn("the file has wrong bytes: looking for the part", "file_id", f.t.FileID)
	f.mu.Lock()
	f.auditing, f.mark = true, mark{}
	f.mu.Unlock()
	f.whole.Reset()
	part := f.e.hash()
	for n, bad := 0, 0; n < f.plan.Parts(); {
		_, from, to := f.plan.part(int64(n) * f.plan.PartSize)
		state, err := f.whole.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return fmt.Errorf("saving the digest's state: %w", err)
		}
		part.Reset()
		if err := f.read(ctx, io.MultiWriter(f.whole, part), from, to, *buf); err != nil {
			return err
		}
		if [32]byte(part.Sum(nil)) == f.t.Parts[n] {
			n, bad = n+1, 0
			if err := f.audited(to); err != nil {
				return err
			}
			continue
		}
		if bad++; bad >= maxBadFetches {
			f.badParts.Add(1)
			return fmt.Errorf("%w: part at byte %d", ErrDigest, from)
		}
		if err := f.again(ctx, span{from, to}); err != nil {
			return err
		}
		if err := f.whole.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
			return fmt.Errorf("restoring the digest's state: %w", err)
		}
	}
	if [32]byte(f.whole.Sum(nil)) != f.t.SHA256 {
		return fmt.Errorf("%w: every part is right, the file is not", ErrDigest)
	}
	return nil
}

// audited moves the mark to the end of a part, if a piece ends there, too.
func (f *fetch) audited(offset int64) error {
	if i := f.plan.index(offset); i < len(f.pieces) {
		if from, _ := f.plan.Piece(i); from != offset {
			return nil
		}
	}
	return f.marks(offset)
}

// again has a wrong part fetched again, and waits for it. The journal takes back the pieces of it.
func (f *fetch) again(ctx context.Context, part span) error {
	f.badParts.Add(1)
	f.e.o.Log.Warn("part arrived with wrong bytes", "file_id", f.t.FileID, "offset", part.from, "bytes", part.to-part.from)
	first, last := f.plan.index(part.from), f.plan.index(part.to-1)
	f.mu.Lock()
	f.wrong = part
	for i := first; i <= last; i++ {
		f.pieces[i] = todo
		f.redo = append(f.redo, i)
	}
	f.next = first
	f.t.Done.Add(part.from - part.to)
	f.cond.Broadcast()
	f.mu.Unlock()
	for i := first; i <= last; i++ {
		if err := f.await(ctx, i); err != nil {
			return err
		}
	}
	return nil
}
