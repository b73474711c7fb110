package runner

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"scalable-backend/services/agent/download"
)

const (
	partialAge = 24 * time.Hour // unfinished downloads that nobody touched for so long are removed
	emptyAge   = time.Hour      // and directories that have been empty for so long
)

// entry is something below the root.
type entry struct {
	path     string
	size     int64
	modified time.Time
	partial  bool
	dir      bool
}

// tidy removes old files now and then, until ctx ends.
func (r *Runner) tidy(ctx context.Context) {
	for ctx.Err() == nil {
		r.sweep(time.Now())
		r.doze(ctx, r.o.TidyEvery)
	}
}

// sweep removes what is too old.
func (r *Runner) sweep(now time.Time) {
	entries := r.entries()
	slices.Reverse(entries) // what is in a directory before the directory
	for _, e := range entries {
		age := now.Sub(e.modified)
		switch {
		case e.dir:
			if age > emptyAge {
				_ = r.root.Remove(e.path) // fails unless it is empty
			}
		case e.partial:
			if age > max(partialAge, r.o.Retain) {
				r.remove(e, "abandoned")
			}
		case r.o.Retain > 0 && age > r.o.Retain:
			r.remove(e, "retention")
		}
	}
}

// entries lists everything below the root but what leases are working on.
func (r *Runner) entries() []entry {
	taken := map[string]bool{}
	var files []string // by the ids of which their partials are named
	for _, l := range r.held() {
		taken[path.Clean(l.Job.Dest)] = true
		files = append(files, download.PartialDir+"/"+l.File.Id)
	}
	var all []entry
	err := fs.WalkDir(r.root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == "." || p == download.PartialDir || taken[p] {
			return nil // gone in the meantime, or not ours to judge
		}
		if slices.ContainsFunc(files, func(prefix string) bool { return strings.HasPrefix(p, prefix) }) {
			return nil // in use, however old it looks after a jump of the clock
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		all = append(all, entry{
			path: p, size: info.Size(), modified: info.ModTime(), dir: d.IsDir(),
			partial: strings.HasPrefix(p, download.PartialDir+"/"),
		})
		return nil
	})
	if err != nil {
		r.o.Log.Error("listing the output directory failed", "error", err)
	}
	return all
}

func (r *Runner) remove(e entry, why string) {
	if err := r.root.Remove(e.path); err != nil {
		r.o.Log.Warn("removing a file failed", "path", e.path, "error", err)
		return
	}
	r.o.Log.Info("file removed", "path", e.path, "bytes", e.size, "why", why)
}

// enoughSpace reports whether there is space to work in, after removing the oldest files if there is not.
func (r *Runner) enoughSpace() bool {
	ok := r.o.MinFree < 0 || r.free(r.o.MinFree)
	if ok != !r.lowOn {
		r.lowOn = !ok
		if ok {
			r.o.Log.Info("there is space again: leasing goes on")
		} else {
			r.o.Log.Error("no space left: leasing stops", "min_free", r.o.MinFree)
		}
	}
	return ok
}

// makeSpace is called when a file did not fit. The job goes back to the queue; unless room could be made, nothing is leased
// for a while.
func (r *Runner) makeSpace(size int64) {
	if !r.free(size + max(0, r.o.MinFree)) {
		r.o.Log.Error("no space left for a file: leasing pauses", "bytes", size)
		r.pauseFor(spacePause)
	}
}

// free removes published files, oldest first, until so many bytes are free.
func (r *Runner) free(want int64) bool {
	have, err := download.FreeSpace(r.root)
	if err != nil {
		r.o.Log.Error("asking for free space failed", "error", err)
		return true // not known to be missing
	}
	if have >= want {
		return true
	}
	entries := slices.DeleteFunc(r.entries(), func(e entry) bool { return e.dir || e.partial })
	var total int64
	for _, e := range entries {
		total += e.size
	}
	if have+total < want {
		return false // not worth a single file
	}
	slices.SortFunc(entries, func(a, b entry) int { return a.modified.Compare(b.modified) })
	for _, e := range entries {
		r.remove(e, "disk pressure")
		if have, err = download.FreeSpace(r.root); err != nil || have >= want {
			return err == nil
		}
	}
	return false
}
