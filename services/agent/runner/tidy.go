package runner

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"scalable-backend/services/agent/download"
)

const (
	partialAge = 24 * time.Hour // unfinished downloads that were not written to for so long are removed
	emptyAge   = time.Hour      // directories that the agent made are removed when they have been empty for so long
	recordAge  = time.Hour      // a record is written before its file is published; a record without a file is dropped after this
)

// partialName is the form of the names of partial files and their journals.
var partialName = regexp.MustCompile(`^[0-9a-f-]{36}-[0-9a-f]{16}(\.[A-Za-z0-9-]+\.journal)?$`)

// tidy removes old files at every interval, until ctx ends. It removes only what agents published and nobody changed since, and
// unfinished downloads.
func (r *Runner) tidy(ctx context.Context) {
	r.reportForeign(ctx)
	for ctx.Err() == nil {
		r.sweep(time.Now())
		r.doze(ctx, r.o.TidyEvery)
	}
}

// sweep removes what is too old.
func (r *Runner) sweep(now time.Time) {
	inUse := r.inUse()
	for _, entry := range r.records() {
		if p, ok := r.read(entry); ok && !inUse(p.Path) {
			r.sweepRecord(p, now)
		}
	}
	r.sweepPartials(now, inUse)
}

func (r *Runner) sweepRecord(p published, now time.Time) {
	age := now.Sub(p.at)
	same, err := r.unchanged(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if age > recordAge {
			_ = r.root.Remove(p.file)
		}
	case err != nil:
		r.o.Log.Warn("looking at a published file failed", "path", p.Path, "error", err)
	case !same:
		_ = r.root.Remove(p.file) // somebody changed it: it is theirs now
	case p.Dir:
		if info, err := r.root.Lstat(p.Path); err == nil && now.Sub(info.ModTime()) > emptyAge && r.root.Remove(p.Path) == nil {
			_ = r.root.Remove(p.file) // the directory was empty, or Remove would have failed
		}
	case r.o.Retain > 0 && age > r.o.Retain:
		r.remove(p, "retention")
	}
}

// sweepPartials removes unfinished downloads that nobody works on.
func (r *Runner) sweepPartials(now time.Time, inUse func(string) bool) {
	d, err := r.root.Open(download.PartialDir)
	if err != nil {
		return // there are none
	}
	defer func() { _ = d.Close() }()
	entries, err := d.Readdir(-1)
	if err != nil {
		r.o.Log.Error("listing unfinished downloads failed", "error", err)
	}
	for _, e := range entries {
		name := path.Join(download.PartialDir, e.Name())
		if !e.Mode().IsRegular() || !partialName.MatchString(e.Name()) || inUse(name) || now.Sub(e.ModTime()) <= max(partialAge, r.o.Retain) {
			continue
		}
		if err := r.root.Remove(name); err != nil {
			r.o.Log.Warn("removing a file failed", "path", name, "error", err)
			continue
		}
		r.o.Log.Info("file removed", "path", name, "bytes", e.Size(), "reason", "unfinished and abandoned")
	}
}

// inUse returns a function that reports whether a lease is working on a path, however old it looks after a jump of the clock.
func (r *Runner) inUse() func(name string) bool {
	destinations := map[string]bool{}
	var partials []string
	for _, l := range r.held() {
		destinations[path.Clean(l.Job.Dest)] = true
		partials = append(partials, path.Join(download.PartialDir, l.File.Id))
	}
	return func(name string) bool {
		return destinations[name] || slices.ContainsFunc(partials, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	}
}

// remove removes a published file and its record.
func (r *Runner) remove(p published, reason string) {
	if err := r.root.Remove(p.Path); err != nil {
		r.o.Log.Warn("removing a file failed", "path", p.Path, "error", err)
		return
	}
	_ = r.root.Remove(p.file)
	r.o.Log.Info("file removed", "path", p.Path, "bytes", p.Size, "reason", reason)
}

// maxForeign is how many foreign files reportForeign counts.
const maxForeign = 1000

// reportForeign logs that files lie below the root which no agent published: they are never removed, and take space.
func (r *Runner) reportForeign(ctx context.Context) {
	count, example := 0, ""
	err := fs.WalkDir(r.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil || count >= maxForeign:
			return fs.SkipAll
		case name == download.PartialDir:
			return fs.SkipDir
		case err != nil || d.IsDir() || r.isPublished(name):
			return nil
		}
		if count++; count == 1 {
			example = name
		}
		return nil
	})
	if err != nil {
		r.o.Log.Warn("listing the output directory failed", "error", err)
	}
	if count > 0 {
		r.o.Log.Warn("the output directory holds files that no agent published: they are never removed",
			"files", count, "counted_up_to", maxForeign, "example", example)
	}
}

func (r *Runner) isPublished(name string) bool {
	entry, err := r.root.Lstat(recordName(name))
	if err != nil {
		return false
	}
	p, ok := r.read(entry)
	if !ok {
		return false
	}
	same, err := r.unchanged(p)
	return err == nil && same
}
