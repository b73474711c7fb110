package download

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// file is a partial file as a fetch uses it. Tests put one in between whose disk fails.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (os.FileInfo, error)
	Sync() error
	allocate(size int64) error
	datasync() error
	dropCache(from, to int64)
}

type diskFile struct{ *os.File }

func (f diskFile) allocate(size int64) error { return allocate(f.File, size) }
func (f diskFile) datasync() error           { return datasync(f.File) }
func (f diskFile) dropCache(from, to int64)  { dropCache(f.File, from, to) }

// errSync means that the disk did not take what it was given. What it holds is unknown from then on: a second try would
// answer for pages that the kernel has dropped.
var errSync = errors.New("syncing the partial file")

func writeError(err error) error {
	if full(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return fmt.Errorf("writing the partial file: %w", err)
}

// syncError tells a disk that is full from one that is broken: file systems that allocate late, and NFS, find out only now.
func syncError(err error) error {
	if full(err) {
		return fmt.Errorf("%w: %w: %w", errSync, ErrNoSpace, err)
	}
	return fmt.Errorf("%w: %w", errSync, err)
}

// full reports whether err says that there is no space, or none for this user.
func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// discards reports whether what is on disk is worth nothing after an error, or in the way. Of a file that did not fit nothing
// is kept: it would hold the space that others need, for a job that goes elsewhere.
func discards(err error) bool {
	return errors.Is(err, ErrChanged) || errors.Is(err, ErrDigest) || errors.Is(err, errSync) || errors.Is(err, ErrNoSpace)
}
