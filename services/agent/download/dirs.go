package download

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// ErrOtherFileSystem means that a file cannot be published by a rename: its directory is a mount point, or below one.
var ErrOtherFileSystem = errors.New("the destination is on another file system than the output directory")

// maxPrepared bounds how many directories an engine remembers.
const maxPrepared = 1000

// prepared are directories that downloads have been prepared for.
type prepared struct {
	mu   sync.Mutex
	dirs map[place]bool
}

// place is a directory below a root.
type place struct {
	root *os.Root
	dir  string
}

func (p *prepared) has(at place) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dirs[at]
}

func (p *prepared) add(at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dirs == nil || len(p.dirs) >= maxPrepared {
		p.dirs = map[place]bool{}
	}
	p.dirs[at] = true
}

// prepareDirs prepares the directories of a download. For a small file, those that were right for another are not looked at again: if
// they have changed since, publishing says so, or makes them again, and little was fetched in vain.
func (e *Engine) prepareDirs(t Task, dir string, plan Plan) error {
	at := place{t.Root, dir}
	if plan.Pieces() <= 1 && e.prepared.has(at) {
		return nil
	}
	if err := t.prepareDirs(dir); err != nil {
		return err
	}
	e.prepared.add(at)
	return nil
}

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

// inPartialDir does something in PartialDir, and makes the directory where it is not there, or where another fetch has removed it
// meanwhile: whoever leaves it empty removes it.
func inPartialDir(root *os.Root, do func() error) error {
	const tries = 10
	err := do()
	for try := 0; try < tries && errors.Is(err, fs.ErrNotExist); try++ {
		if err := root.MkdirAll(PartialDir, 0o755); err != nil {
			return fmt.Errorf("making the directory %s: %w", PartialDir, err)
		}
		err = do()
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
