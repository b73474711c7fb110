package download

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// file is what a fetch needs of its partial file. Tests replace it by one whose disk fails.
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

// errSync means that syncing the file failed. What the disk holds is unknown from then on, and a second fsync would succeed
// without meaning anything, because the kernel has dropped the pages that it could not write.
var errSync = errors.New("syncing the partial file")

func writeError(err error) error {
	if full(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return fmt.Errorf("writing the partial file: %w", err)
}

// syncError distinguishes a full disk from a broken one. NFS, and file systems that allocate blocks late, notice a full disk only
// when they sync.
func syncError(err error) error {
	if full(err) {
		return fmt.Errorf("%w: %w: %w", errSync, ErrNoSpace, err)
	}
	return fmt.Errorf("%w: %w", errSync, err)
}

// full reports whether err says that there is no space, or none for this user.
func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// discards reports whether the partial file is removed after an error, because its bytes are wrong or unknown, or because the disk
// is full: then it would take the space that other files need, while another agent does the job.
func discards(err error) bool {
	return errors.Is(err, ErrChanged) || errors.Is(err, ErrDigest) || errors.Is(err, errSync) || errors.Is(err, ErrNoSpace)
}
