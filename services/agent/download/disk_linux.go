package download

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// allocate reserves size bytes for f without changing its size. File systems that cannot (NFS, and so EFS) are asked for
// their free space instead.
func allocate(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG):
		return ErrNoSpace
	case errors.Is(err, unix.EINTR):
		return allocate(f, size)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	free, err := freeSpace(f)
	if err != nil {
		return err
	}
	if free < size-st.Blocks*512 {
		return ErrNoSpace
	}
	return nil
}

// datasync makes the file's data durable, and of its metadata what is needed to read it.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// dropCache tells the kernel that a range will not be read again: cached pages count against a container's memory.
func dropCache(f *os.File, from, to int64) {
	_ = unix.Fadvise(int(f.Fd()), from, to-from, unix.FADV_DONTNEED) // advice: nothing depends on it
}

func freeSpace(f *os.File) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, os.NewSyscallError("fstatfs", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // Bsize is 32 bits wide on some architectures
}

// fileSystemID tells mounts apart: a rename from one to another fails, even between two mounts of the same disk.
type fileSystemID struct{ device, mount uint64 }

func fileSystem(f *os.File) (fileSystemID, error) {
	var sx unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &sx)
	if err == nil && sx.Mask&unix.STATX_MNT_ID != 0 {
		return fileSystemID{uint64(sx.Dev_major)<<32 | uint64(sx.Dev_minor), sx.Mnt_id}, nil
	}
	var st unix.Stat_t // Linux before 5.8 does not tell mounts apart
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fileSystemID{}, os.NewSyscallError("fstat", err)
	}
	return fileSystemID{device: st.Dev}, nil
}

// Inode returns the number of a file, by which a journal knows that the partial is still the one it was written for.
func Inode(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}
