package download

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ErrOtherFileSystem means that a file cannot be published by a rename: its directory is a mount point, or below one.
var ErrOtherFileSystem = errors.New("the destination is on another file system than the output directory")

// prepareDirs makes the directories of a download. It refuses a destination to which nothing could be renamed before anything is
// made there or fetched.
func (t Task) prepareDirs(dir string) error {
	there := dir
	for ; there != "."; there = path.Dir(there) {
		if _, err := t.Root.Stat(there); err == nil {
			break
		}
	}
	same := false
	err := inPartialDir(t.Root, func() (err error) {
		same, err = t.sameFileSystem(PartialDir, there)
		return err
	})
	if err != nil {
		return t.explain(dir, err)
	}
	if !same {
		return fmt.Errorf("%w: %s is a mount point, or below one", ErrOtherFileSystem, there)
	}
	return t.makeDirs(dir)
}

// inPartialDir does something in PartialDir, and once more where another fetch has removed the directory meanwhile: whoever
// leaves it empty removes it.
func inPartialDir(root *os.Root, do func() error) error {
	const tries = 10
	var err error
	for range tries {
		if err := root.MkdirAll(PartialDir, 0o755); err != nil {
			return fmt.Errorf("making the directory %s: %w", PartialDir, err)
		}
		if err = do(); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// createPartial opens a file of PartialDir, and makes it if it is not there.
func createPartial(root *os.Root, name string, flags int, mode fs.FileMode) (f *os.File, err error) {
	err = inPartialDir(root, func() (err error) {
		f, err = root.OpenFile(name, os.O_CREATE|flags, mode)
		return err
	})
	return f, err
}

func (t Task) sameFileSystem(a, b string) (bool, error) {
	var ids [2]fileSystemID
	for i, name := range []string{a, b} {
		d, err := t.Root.Open(name)
		if err != nil {
			return false, err
		}
		ids[i], err = fileSystem(d)
		if err := errors.Join(err, d.Close()); err != nil {
			return false, err
		}
	}
	return ids[0] == ids[1], nil
}

// makeDirs makes a directory and its parents, and notes those that were not there.
func (t Task) makeDirs(dir string) error {
	info, err := t.Root.Stat(filepath.FromSlash(dir))
	if err == nil && info.IsDir() {
		return nil
	}
	made := ""
	for segment := range strings.SplitSeq(dir, "/") {
		made = path.Join(made, segment)
		if err := t.Root.Mkdir(made, 0o755); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return t.explain(dir, fmt.Errorf("making the directory %s: %w", dir, err))
		}
		info, err := t.Root.Lstat(made)
		if err == nil {
			err = t.Note(made, info)
		}
		if err != nil {
			return fmt.Errorf("noting the directory %s: %w", made, err)
		}
	}
	if info, err = t.Root.Stat(filepath.FromSlash(dir)); err != nil {
		return t.explain(dir, err)
	} else if !info.IsDir() {
		return fmt.Errorf("%w: %s is not a directory", ErrExists, dir)
	}
	return nil
}

// explain replaces the error of a path that an os.Root did not follow by one that names the symbolic link.
func (t Task) explain(dir string, err error) error {
	at := ""
	for segment := range strings.SplitSeq(dir, "/") {
		at = path.Join(at, segment)
		info, statErr := t.Root.Lstat(at)
		if statErr != nil {
			break
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			if _, followErr := t.Root.Stat(at); followErr != nil {
				return fmt.Errorf("%w: %q: %s is a symbolic link that leads out of the output directory, or nowhere", ErrUnsafe, t.Dest, at)
			}
		}
	}
	return err
}
