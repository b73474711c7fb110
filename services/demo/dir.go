package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const dirPrefix = "scalable-backend-demo-"

// claimDir makes a demo's directory below parent. It is the demo's for as long as the returned file is open: a lock on the directory,
// which ends with the process however that ends.
func claimDir(parent string) (string, *os.File, error) {
	for {
		dir, err := os.MkdirTemp(parent, dirPrefix)
		if err != nil {
			return "", nil, err
		}
		lock, err := lockDir(dir, 0)
		if err == nil {
			if _, err = os.Stat(dir); err == nil {
				return dir, lock, nil
			}
			_ = lock.Close()
		}
		// Another demo that began at this moment took it for one that was left.
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
	}
}

// removeLeft removes the directories below parent of this user's demos that were killed, and returns their paths. What it cannot remove
// it returns as an error.
func removeLeft(parent string) (removed []string, err error) {
	entries, err := os.ReadDir(parent) // no pattern: the path of a temporary directory may hold any character
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), dirPrefix) {
			continue
		}
		dir := filepath.Join(parent, entry.Name())
		ours, removeErr := removeDir(dir)
		switch {
		case removeErr != nil:
			err = errors.Join(err, fmt.Errorf("removing what a killed demo has left: %w", removeErr))
		case ours:
			removed = append(removed, dir)
		}
	}
	return removed, err
}

// removeDir removes a directory of this user's that no demo uses, and reports whether it is one. A server that was killed in this
// moment may still write, so it tries more than once.
func removeDir(dir string) (ours bool, err error) {
	info, err := os.Lstat(dir)
	if err != nil {
		return false, nil //nolint:nilerr // it has gone
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Geteuid() {
		return false, nil
	}
	lock, err := lockDir(dir, unix.LOCK_NB)
	if err != nil {
		return false, nil //nolint:nilerr // it is in use, or has gone
	}
	defer lock.Close() //nolint:errcheck // nothing was written to it
	for range 20 {
		if err = os.RemoveAll(dir); err == nil {
			return true, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return true, err
}

func lockDir(dir string, how int) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|how); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return f, nil
}
