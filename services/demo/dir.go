package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

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

// removeLeft removes the directories below parent of this user's demos that were killed, and returns their paths.
func removeLeft(parent string) (removed []string, err error) {
	dirs, err := filepath.Glob(filepath.Join(parent, dirPrefix+"*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		info, statErr := os.Lstat(dir)
		if statErr != nil || !info.IsDir() {
			continue
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Geteuid() {
			continue
		}
		lock, lockErr := lockDir(dir, unix.LOCK_NB)
		if lockErr != nil {
			continue // it runs, or has gone
		}
		if removeErr := os.RemoveAll(dir); removeErr != nil {
			err = errors.Join(err, fmt.Errorf("removing what a killed demo has left: %w", removeErr))
		} else {
			removed = append(removed, dir)
		}
		_ = lock.Close()
	}
	return removed, err
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
