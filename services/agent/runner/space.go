package runner

import (
	"io/fs"
	"slices"
)

// enoughSpace reports whether there is space to work in, after removing the oldest published files if there is not.
func (r *Runner) enoughSpace() bool {
	ok := r.o.MinFree < 0 || r.free(r.o.MinFree)
	if ok != !r.lowOn {
		r.lowOn = !ok
		if ok {
			r.o.Log.Info("there is space again: leasing goes on")
		} else {
			r.o.Log.Error("no space left: leasing stops", "min_free_bytes", r.o.MinFree)
		}
	}
	return ok
}

// makeSpace is called when a file did not fit. The job goes back to the queue; unless space could be freed, nothing is leased
// for a while.
func (r *Runner) makeSpace(size int64) {
	if !r.free(size + max(0, r.o.MinFree)) {
		r.o.Log.Error("no space left for a file: leasing pauses", "bytes", size)
		r.pauseFor(spacePause)
	}
}

// free removes published files, oldest first, until so many bytes are free. It removes none if all of them are too few.
func (r *Runner) free(want int64) bool {
	have, err := r.freeSpace()
	if err != nil {
		r.o.Log.Error("asking for free space failed", "error", err)
		return true // not known to be missing
	}
	if have >= want {
		return true
	}
	entries := r.records()
	slices.SortFunc(entries, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	inUse := r.inUse()
	var files []published
	var total int64
	for _, entry := range entries {
		p, ok := r.read(entry)
		if !ok || p.Dir || inUse(p.Path) {
			continue
		}
		if same, err := r.unchanged(p); err == nil && same {
			files = append(files, p)
			total += p.Size
		}
	}
	if have+total < want {
		return false
	}
	for _, p := range files {
		r.remove(p, "disk pressure")
		if have, err = r.freeSpace(); err != nil || have >= want {
			return err == nil
		}
	}
	return false
}
