// Package local finds and opens the regular files of this machine that a person names on the command line.
package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrNotRegular means that something is neither a regular file nor a directory: a FIFO, a device, a socket.
var ErrNotRegular = errors.New("not a regular file")

// Open opens a regular file for reading. Everything else is refused, without waiting for whoever writes to a FIFO.
func Open(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w: it is %s", name, ErrNotRegular, Kind(info.Mode()))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Kind says in words what is not a regular file.
func Kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	default:
		return "a special file"
	}
}

// Skipped is something below a directory that Files left out.
type Skipped struct{ Path, Why string }

// Failed is something that Files could not look into.
type Failed struct {
	Path string
	Err  error
}

// Found is what Files found at one path.
type Found struct {
	Dir     bool     // the path is a directory, or a link to one
	Files   []string // regular files, by paths below the given one; for a file, the path itself
	Skipped []Skipped
	Failed  []Failed
}

// Files lists the regular files at a path: the file itself, or everything below a directory. The path itself may be a symbolic
// link; links below a directory are left out, and so are directories called skip. Nothing is opened.
func Files(name, skip string) (Found, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return Found{}, err
	case info.Mode().IsRegular():
		return Found{Files: []string{name}}, nil
	case !info.IsDir():
		return Found{}, fmt.Errorf("%s: %w: it is %s", name, ErrNotRegular, Kind(info.Mode()))
	}
	found := Found{Dir: true}
	resolved, err := filepath.EvalSymlinks(name) // WalkDir does not follow a link, even at its root
	if err != nil {
		return found, err
	}
	err = filepath.WalkDir(resolved, func(file string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(resolved, file)
		shown := filepath.Join(name, rel)
		switch {
		case relErr != nil:
			return relErr
		case err != nil:
			found.Failed = append(found.Failed, Failed{shown, err})
		case d.IsDir() && d.Name() == skip && rel != ".":
			found.Skipped = append(found.Skipped, Skipped{shown, "unfinished downloads"})
			return filepath.SkipDir
		case d.Type().IsRegular():
			found.Files = append(found.Files, shown)
		case !d.IsDir():
			found.Skipped = append(found.Skipped, Skipped{shown, Kind(d.Type())})
		}
		return nil
	})
	return found, err
}
