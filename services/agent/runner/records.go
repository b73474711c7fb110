package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"scalable-backend/services/agent/download"
)

// recordDir holds a small file for each file that an agent published and each directory that it made below this root: what
// nobody has changed since may be removed again, and nothing else. The agents that share a root share the records.
const recordDir = download.PartialDir + "/published"

// unfinishedRecord is the age from which a record that was never renamed belongs to an agent that was killed.
const unfinishedRecord = time.Hour

// record says what was published. Its own modification time is when.
type record struct {
	Path     string    `json:"path"` // relative to the root
	Dir      bool      `json:"dir"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Inode    uint64    `json:"inode"` // 0 where the system has none
}

func recordOf(name string, info fs.FileInfo) record {
	r := record{Path: path.Clean(name), Dir: info.IsDir(), Inode: download.Inode(info)}
	if !r.Dir { // what is in a directory changes its size and time
		r.Size, r.Modified = info.Size(), info.ModTime().UTC()
	}
	return r
}

func recordName(name string) string {
	sum := sha256.Sum256([]byte(path.Clean(name)))
	return path.Join(recordDir, hex.EncodeToString(sum[:16]))
}

// note records what a download is about to publish, or a directory that it made.
func (r *Runner) note(name string, info fs.FileInfo) error {
	if err := r.root.MkdirAll(recordDir, 0o755); err != nil {
		return fmt.Errorf("making the directory of records: %w", err)
	}
	text, err := json.Marshal(recordOf(name, info))
	if err != nil {
		return fmt.Errorf("encoding a record: %w", err)
	}
	// By rename, so that another agent never reads half a record.
	file := recordName(name)
	temporary := file + "." + r.id
	if err := r.root.WriteFile(temporary, text, 0o644); err != nil {
		return fmt.Errorf("writing the record of %s: %w", name, err)
	}
	if err := r.root.Rename(temporary, file); err != nil {
		return fmt.Errorf("writing the record of %s: %w", name, err)
	}
	return nil
}

// renew counts the age of a file that was found at its destination from now on, if an agent published it.
func (r *Runner) renew(name string) {
	now := time.Now()
	_ = r.root.Chtimes(recordName(name), now, now) // a file without a record is somebody else's
}

// published is a record with the time of publication.
type published struct {
	record
	file string // of the record
	at   time.Time
}

// read reads a record, and removes one that cannot be read: what it was about stays for ever.
func (r *Runner) read(entry fs.FileInfo) (published, bool) {
	p := published{file: path.Join(recordDir, entry.Name()), at: entry.ModTime()}
	text, err := r.root.ReadFile(p.file)
	if err == nil {
		err = json.Unmarshal(text, &p.record)
	}
	if err == nil && recordName(p.Path) != p.file {
		err = errors.New("it belongs to another path")
	}
	switch {
	case errors.Is(err, fs.ErrNotExist): // another agent removed it
		return p, false
	case err != nil:
		r.o.Log.Warn("a record of a published file cannot be read and is dropped", "record", p.file, "error", err)
		_ = r.root.Remove(p.file)
		return p, false
	}
	return p, true
}

// unchanged reports whether what lies at a record's path is what was published there.
func (r *Runner) unchanged(p published) (bool, error) {
	info, err := r.root.Lstat(p.Path)
	if err != nil {
		return false, err
	}
	now := recordOf(p.Path, info)
	same := now.Dir == p.Dir && now.Size == p.Size && now.Inode == p.Inode && now.Modified.Equal(p.Modified)
	return same && (p.Dir || info.Mode().IsRegular()), nil
}

// records lists the files of the records, without reading them.
func (r *Runner) records() []fs.FileInfo {
	d, err := r.root.Open(recordDir)
	if err != nil {
		return nil // nothing was published yet
	}
	defer func() { _ = d.Close() }()
	all, err := d.Readdir(-1)
	if err != nil {
		r.o.Log.Error("listing the records of published files failed", "error", err)
	}
	return slices.DeleteFunc(all, func(e fs.FileInfo) bool {
		unfinished := strings.Contains(e.Name(), ".")
		if unfinished && time.Since(e.ModTime()) > unfinishedRecord {
			_ = r.root.Remove(path.Join(recordDir, e.Name()))
		}
		return unfinished || !e.Mode().IsRegular()
	})
}
