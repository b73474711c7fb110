package upload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"scalable-backend/services/api"
)

const (
	mib = 1 << 20
	// partSize of files up to 78 GiB; above, parts grow so that they are no more than maxParts.
	partSize = 8 * mib
	maxParts = 10000
	maxSize  = 5 << 40
)

// partSizeFor returns a whole number of partSize.
func partSizeFor(size int64) int64 {
	least := (size + maxParts - 1) / maxParts
	return max(1, (least+partSize-1)/partSize) * partSize
}

// describe reads a file and says what is to be registered.
func describe(ctx context.Context, f *os.File, name string, done *atomic.Int64) (api.NewFile, error) {
	info, err := f.Stat()
	if err != nil {
		return api.NewFile{}, err
	}
	if info.Size() > maxSize {
		return api.NewFile{}, fmt.Errorf("%s is larger than 5 TiB", f.Name())
	}
	n := api.NewFile{Name: name, Size: info.Size(), PartSize: partSizeFor(info.Size()), PartDigests: []string{}}
	whole := sha256.New()
	part := whole // the first part is what the file has so far: its bytes are hashed once
	buf := make([]byte, mib)
	for from := int64(0); from < n.Size; from += n.PartSize {
		if from > 0 {
			part = sha256.New()
		}
		r := io.NewSectionReader(f, from, min(n.PartSize, n.Size-from))
		for left := r.Size(); left > 0; {
			if ctx.Err() != nil {
				return api.NewFile{}, context.Cause(ctx)
			}
			k, err := io.ReadFull(r, buf[:min(left, mib)])
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return api.NewFile{}, sizeChanged(f, n.Size)
			}
			if err != nil {
				return api.NewFile{}, err
			}
			writeBoth(whole, part, buf[:k])
			left -= int64(k)
			done.Add(int64(k))
		}
		n.PartDigests = append(n.PartDigests, hex.EncodeToString(part.Sum(nil)))
	}
	n.Sha256 = hex.EncodeToString(whole.Sum(nil))
	return n, sizeChanged(f, n.Size)
}

// sizeChanged returns ErrChanged if a file has another size than when it was read. Other bytes of the same size are found by the
// digests of the parts.
func sizeChanged(f *os.File, was int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != was {
		return fmt.Errorf("%w: it had %d bytes, and now has %d", ErrChanged, was, info.Size())
	}
	return nil
}

// writeBoth hashes bytes for two digests, on two processors. Two digests that are one take them once.
func writeBoth(a, b hash.Hash, p []byte) {
	if a == b {
		a.Write(p)
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { a.Write(p) })
	b.Write(p)
	wg.Wait()
}
