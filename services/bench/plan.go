package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// plan says how much is measured.
type plan struct {
	full, tiny bool
	rounds     int
	jobs       int // to which growth is followed
	root       string
	by         measuredBy
}

// size returns the first number for a run of everything, the second for one of under ten minutes, and a part of it to try the command.
func size[T int | int64 | time.Duration](p plan, full, quick T) T {
	switch {
	case p.tiny:
		return max(1, quick/16)
	case p.full:
		return full
	}
	return quick
}

// steps are all that can be measured. What they take are figures of two quiet cores.
func (p plan) steps(r *rig, rep *report) (all []step) {
	all = append(all, p.downloads(r, rep)...)
	all = append(all, p.uploads(r, rep)...)
	all = append(all, p.queues(r, rep)...)
	all = append(all, p.growths(r, rep)...)
	return append(all, p.rest(r, rep)...)
}

// downloads are the rows about bytes that come.
func (p plan) downloads(r *rig, rep *report) (all []step) {
	origins := r.origins()
	add := func(set *load, title, place string, rounds int, limit, takes time.Duration) {
		all = append(all, step{"downloads", title, takes, func(ctx context.Context) error {
			if err := set.put(ctx, r); err != nil {
				return err
			}
			t, err := r.download(ctx, title, *set, origins[place], rounds, limit)
			if err == nil {
				rep.Downloads.add(p.by, t)
			}
			return err
		}})
	}
	one := &load{Name: "one", Count: 1, Size: size[int64](p, 4*gib, 384*mib)}
	middle := &load{Name: "middle", Count: size(p, 64, 16), Size: size[int64](p, 64*mib, 32*mib)}
	small := &load{Name: "small", Count: size(p, 5000, 1000), Size: 64 * kib}
	const shaped = ", 85 MB/s a connection and 20 ms"
	add(one, one.title(), "http", p.rounds, 0, size(p, 320*time.Second, 31*time.Second))
	add(one, one.title()+", TLS", "tls", p.rounds, 0, size(p, 380*time.Second, 38*time.Second))
	add(one, one.title()+shaped, "shaped", p.rounds, 0, size(p, 600*time.Second, 57*time.Second))
	limit := size(p, 2*time.Minute, 15*time.Second)
	add(one, one.title()+shaped+", one of them stalled", "stalled", 1, limit, size(p, 500*time.Second, 60*time.Second))
	add(one, one.title()+shaped+", one of them slow", "slow", 1, limit, size(p, 240*time.Second, 34*time.Second))
	add(middle, middle.title(), "http", p.rounds, 0, size(p, 320*time.Second, 36*time.Second))
	add(small, small.title(), "http", p.rounds, 0, size(p, 60*time.Second, 16*time.Second))
	if p.full {
		add(middle, middle.title()+shaped, "shaped", p.rounds, 0, 4*time.Minute)
		add(small, small.title()+shaped, "shaped", p.rounds, 0, 4*time.Minute)
	}
	return all
}

func (p plan) uploads(r *rig, rep *report) []step {
	bytes := size[int64](p, 2*gib, 256*mib)
	title := "upload 1 × " + bytesText(bytes)
	return []step{{"uploads", title, size(p, 5*time.Minute, 40*time.Second), func(ctx context.Context) error {
		t, err := r.upload(ctx, title, bytes, p.rounds)
		if err == nil {
			rep.Uploads.add(p.by, t)
		}
		return err
	}}}
}

// queues are the rows about the queue.
func (p plan) queues(r *rig, rep *report) []step {
	return []step{
		{"queue", "ours, pgbench and River", size(p, 6*time.Minute, 130*time.Second), func(ctx context.Context) error {
			rows, err := r.queue(ctx, size(p, 20_000, 3_000), p.rounds)
			if err == nil {
				rep.Queue.add(p.by, rows...)
			}
			return err
		}},
		{"held", "a transaction held open", size(p, 12*time.Minute, 40*time.Second), func(ctx context.Context) error {
			for _, batch := range []int{1, 10}[:size(p, 2, 1)] {
				name, err := r.newDatabase(ctx)
				if err != nil {
					return err
				}
				row, err := held(ctx, r.postgres.URL(name), 80, batch, size(p, 3*time.Minute, 20*time.Second))
				if err != nil {
					return err
				}
				rep.Held.add(p.by, row)
				if err := r.dropDatabase(ctx, name); err != nil {
					return err
				}
			}
			return nil
		}},
	}
}

// growths are the rows about many jobs and many agents.
func (p plan) growths(r *rig, rep *report) (all []step) {
	crews := []int{1, 100}
	if p.jobs >= 1_000_000 || p.full {
		crews = []int{1, 100, 1000, 10_000}
	}
	long := size(p, 30*time.Second, 4*time.Second)
	if p.jobs >= 1_000_000 {
		long = 30 * time.Second
	}
	for jobs := 10; jobs <= p.jobs; jobs *= 10 {
		if jobs == 100 || jobs == 10_000 || (jobs == 10 && !p.full) {
			continue // between those that tell of the growth
		}
		takes := time.Duration(len(crews))*long + time.Duration(jobs)*60*time.Microsecond + 3*time.Second
		if len(crews) > 2 {
			takes += time.Minute // the most agents take longer, see simulate
		}
		all = append(all, step{"growth", count(jobs) + " jobs", takes, func(ctx context.Context) error {
			name, err := r.newDatabase(ctx)
			if err != nil {
				return err
			}
			row, err := r.growth(ctx, name, jobs, crews, long)
			if err != nil {
				return err
			}
			rep.Growth.add(p.by, row)
			return r.dropDatabase(ctx, name)
		}})
	}
	for _, agents := range crews[1:] {
		long := size(p, 30*time.Second, 5*time.Second)
		all = append(all, step{"waiting", count(agents) + " agents", long + 10*time.Second, func(ctx context.Context) error {
			name, err := r.newDatabase(ctx)
			if err != nil {
				return err
			}
			row, err := r.waiting(ctx, name, agents, long)
			if err == nil {
				rep.Waiting.add(p.by, row)
			}
			return err
		}})
	}
	return all
}

// rest are the rows about the agent's memory, the API, the starts and the builds.
func (p plan) rest(r *rig, rep *report) []step {
	few := &load{Name: "few", Count: 100, Size: 1000}
	memorySizes := []int64{kib, mib, 64 * mib, gib}
	if p.full {
		memorySizes = append(memorySizes, 8*gib, 64*gib)
	}
	all := []step{
		{"memory", "files of " + bytesText(memorySizes[0]) + " to " + bytesText(memorySizes[len(memorySizes)-1]),
			size(p, 6*time.Minute, 15*time.Second), func(ctx context.Context) error {
				rows, err := r.memory(ctx, memorySizes)
				rep.Memory.add(p.by, rows...)
				return err
			}},
		{"requests", "the API, a bare handler and pgbench", size(p, 90*time.Second, 28*time.Second), func(ctx context.Context) error {
			if err := few.put(ctx, r); err != nil {
				return err
			}
			rows, err := r.serve(ctx, few.Files[0], size(p, 10, 3))
			rep.Requests.add(p.by, rows...)
			return err
		}},
		{"starts", "both programs", size(p, 10*time.Second, 5*time.Second), func(ctx context.Context) error {
			if err := few.put(ctx, r); err != nil {
				return err
			}
			rows, err := r.starts(ctx, few.Files[0], size(p, 15, 7))
			rep.Starts.add(p.by, rows...)
			return err
		}},
	}
	if p.full {
		all = append(all, step{"builds", "the program and its tools", 25 * time.Minute, func(ctx context.Context) error {
			rows, err := r.builds(ctx, p.root, !p.tiny)
			rep.Builds.add(p.by, rows...)
			return err
		}})
	}
	return all
}

// put makes the files of a load and uploads them, unless they are there. Those of the load before go, as they take memory.
func (l *load) put(ctx context.Context, r *rig) (err error) {
	if r.there == l {
		return nil
	}
	if r.there != nil {
		for _, f := range r.there.Files {
			if err := os.Remove(filepath.Join(r.objects(), bucket, f.Key)); err != nil {
				return err
			}
		}
		r.there = nil
	}
	if l.Files, err = r.put(ctx, fmt.Sprintf("%s-%d", l.Name, r.loads), l.Count, l.Size); err == nil {
		r.there = l
		r.loads++
	}
	return err
}

func bytesText(n int64) string {
	switch {
	case n%gib == 0:
		return fmt.Sprintf("%d GiB", n/gib)
	case n%mib == 0:
		return fmt.Sprintf("%d MiB", n/mib)
	}
	return fmt.Sprintf("%d KiB", n/kib)
}
