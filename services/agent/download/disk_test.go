package download

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// badDisk fails as its functions say; nil functions do not.
type badDisk struct {
	file
	write          func(offset int64) error
	sync, dataSync func() error
	reserve        func(size int64) error
}

func (d badDisk) WriteAt(p []byte, offset int64) (int, error) {
	if d.write != nil {
		if err := d.write(offset); err != nil {
			return 0, &os.PathError{Op: "write", Path: "partial", Err: err}
		}
	}
	return d.file.WriteAt(p, offset)
}

func (d badDisk) Sync() error {
	if d.sync != nil {
		return d.sync()
	}
	return d.file.Sync()
}

func (d badDisk) datasync() error {
	if d.dataSync != nil {
		return d.dataSync()
	}
	return d.file.datasync()
}

func (d badDisk) allocate(size int64) error {
	if d.reserve != nil {
		return d.reserve(size)
	}
	return d.file.allocate(size)
}

func (b *bundle) on(d badDisk) {
	healthy := b.engine.wrap
	b.engine.wrap = func(f *os.File) file {
		d.file = healthy(f)
		return d
	}
	b.t.Cleanup(func() { b.engine.wrap = healthy })
}

// beforeTheEnd keeps the last piece back until the disk was told to sync data: a fetch that has ended by then needs no journal.
func (b *bundle) beforeTheEnd(d badDisk) badDisk {
	told := make(chan struct{})
	tell, dataSync := sync.OnceFunc(func() { close(told) }), d.dataSync
	d.dataSync = func() error {
		tell()
		return dataSync()
	}
	last := &faulty{from: int64(len(b.origin.body) - testPiece), times: 1, serve: hold(told)}
	b.origin.set(func() { b.origin.faults = append(b.origin.faults, last) })
	return d
}

// failing returns err once, or always, and counts.
func failing(err error, always bool, calls *atomic.Int64) func() error {
	return func() error {
		if calls.Add(1) == 1 || always {
			return err
		}
		return nil // as Linux does: the pages that could not be written are clean now, and lost
	}
}

// The disk runs full in the middle: the file does not fit, whoever finds out, and what there is of it goes away.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	late := func(err error) func(int64) error {
		return func(offset int64) error {
			if offset < 3*testPiece {
				return nil
			}
			return err
		}
	}
	for name, d := range map[string]badDisk{
		"writing":       {write: late(syscall.ENOSPC)},
		"quota":         {write: late(syscall.EDQUOT)},
		"found by sync": {dataSync: failing(syscall.ENOSPC, true, &calls)},
		"at the end":    {sync: failing(syscall.ENOSPC, true, &calls)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, newOrigin(t, 8*testPiece), func(o *Options) { o.SyncBytes = 1 })
			if d.dataSync != nil {
				d = b.beforeTheEnd(d)
			}
			b.on(d)
			_, err := b.fetch()
			require.ErrorIs(t, err, ErrNoSpace)
			b.notPublished()
			require.Empty(t, b.leftovers(), "it would hold the space that others need")
		})
	}
}

// A large file for which there is no space is not begun: it would fetch for long what it must throw away, and take the space
// from others meanwhile.
func TestDiskTooSmallFetchesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, mib))
	var asked []int64
	b.on(badDisk{reserve: func(size int64) error {
		asked = append(asked, size)
		return ErrNoSpace
	}})
	_, err := b.fetch()
	require.ErrorIs(t, err, ErrNoSpace)
	require.Equal(t, []int64{mib}, asked)
	require.Empty(t, b.origin.seen(), "not a byte is asked for")
	b.notPublished()
	require.Empty(t, b.leftovers())
}

// Who has lost the lease leaves even a full disk to its successor.
func TestDiskFullWithoutLease(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, 8*testPiece))
	b.on(badDisk{write: func(int64) error { return syscall.ENOSPC }})
	b.task.Held = func() error { return errors.New("lost") }
	_, err := b.fetch()
	require.ErrorIs(t, err, ErrNoSpace)
	require.NotEmpty(t, b.leftovers())
}

// A sync that failed is not tried again, because the second one would succeed and mean nothing: all is thrown away, and the
// next fetch begins at the first byte.
func TestFailedSyncIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	for name, hook := range map[string]func(*badDisk, func() error){
		"of data": func(d *badDisk, f func() error) { d.dataSync = f },
		"of file": func(d *badDisk, f func() error) { d.sync = f },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			var d badDisk
			hook(&d, failing(syscall.EIO, false, &calls))
			b := setup(t, newOrigin(t, 8*testPiece), func(o *Options) { o.SyncBytes = 1 })
			if d.dataSync != nil {
				d = b.beforeTheEnd(d)
			}
			b.on(d)
			_, err := b.fetch()
			require.ErrorIs(t, err, syscall.EIO)
			require.NotErrorIs(t, err, ErrNoSpace)
			require.EqualValues(t, 1, calls.Load())
			b.notPublished()
			require.Empty(t, b.leftovers(), "nobody knows what the disk holds")
			r, err := b.fetch()
			require.NoError(t, err)
			require.Zero(t, r.Resumed)
			require.EqualValues(t, 8*testPiece, r.Fetched)
			b.published()
		})
	}
}

// The right file is at the destination, but the disk refuses to keep it: it is not reported, but fetched again.
func TestExistingDestinationIsMadeDurable(t *testing.T) {
	t.Parallel()
	b := setup(t, newOrigin(t, 100))
	require.NoError(t, os.Mkdir(b.dir+"/a", 0o755))
	require.NoError(t, os.WriteFile(b.dir+"/a/b.bin", b.origin.body, 0o600))
	r, err := b.fetch()
	require.NoError(t, err)
	require.True(t, r.Reused)
	var calls atomic.Int64
	b.on(badDisk{sync: failing(syscall.EIO, false, &calls)})
	r, err = b.fetch()
	require.NoError(t, err)
	require.False(t, r.Reused)
	require.EqualValues(t, 100, r.Fetched)
	b.published()
}
