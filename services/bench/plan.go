package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// plan says how much is measured.
type plan struct {
	full   bool
	rounds int
	only   *regexp.Regexp // of rows' titles
	bin    string
	out    string // Markdown; the picture stands beside it
}

// size returns the first number for a run of everything, and the second for one of under ten minutes.
func size[T int | int64](p plan, full, quick T) T {
	if p.full {
		return full
	}
	return quick
}

// row runs a part whose title is chosen, and says how long it took.
func (p plan) row(title string, f func() error) error {
	if !p.only.MatchString(title) {
		return nil
	}
	began := time.Now()
	fmt.Fprintf(os.Stderr, "%s ... ", title)
	err := f()
	fmt.Fprintf(os.Stderr, "%.0f s\n", time.Since(began).Seconds())
	if err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	return nil
}

func (p plan) measure(ctx context.Context, r *rig) (*report, error) {
	rep := &report{Full: p.full, Rounds: p.rounds, Machine: machine(ctx, r)}
	return rep, errors.Join(p.transfers(ctx, r, rep), p.queues(ctx, r, rep), p.calls(ctx, r, rep))
}

// transfers are the rows about bytes.
func (p plan) transfers(ctx context.Context, r *rig, rep *report) error {
	loads := []struct {
		name  string
		count int
		size  int64
	}{
		{"one", 1, size[int64](p, 4*gib, 512*mib)}, {"middle", size(p, 64, 16), 64 * mib}, {"small", size(p, 5000, 1000), 64 * kib},
	}
	origins := r.origins()
	for _, l := range loads {
		var set load
		var errs []error
		download := func(title string, o origin) {
			errs = append(errs, p.row(title, func() (err error) {
				if set.Files == nil {
					if set.Files, err = r.put(ctx, l.name, l.count, l.size); err != nil {
						return err
					}
					set.Name = l.name
				}
				t, err := r.download(ctx, title, set, o, p.rounds)
				rep.Downloads = append(rep.Downloads, t)
				return err
			}))
		}
		title := fmt.Sprintf("download %d × %s", l.count, bytesText(l.size))
		download(title, origins["http"])
		if l.name == "one" || p.full {
			download(title+", TLS", origins["tls"])
			download(title+", 85 MB/s a connection and 20 ms", origins["shaped"])
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if err := r.forget(set.Files); err != nil {
			return err
		}
	}
	title := "upload 1 × " + bytesText(size[int64](p, 2*gib, 512*mib))
	return p.row(title, func() error {
		t, err := r.upload(ctx, title, size[int64](p, 2*gib, 512*mib), p.rounds)
		rep.Uploads = append(rep.Uploads, t)
		return err
	})
}

// forget frees the memory that files of a load take.
func (r *rig) forget(files []file) error {
	for _, f := range files {
		if err := os.Remove(filepath.Join(r.objects(), bucket, f.Key)); err != nil {
			return err
		}
	}
	return nil
}

// queues are the rows about the queue.
func (p plan) queues(ctx context.Context, r *rig, rep *report) error {
	jobs, databases := size(p, 20_000, 10_000), 0
	fresh := func() (string, error) {
		databases++
		name := fmt.Sprintf("queue_%d", databases)
		return r.postgres.URL(name), r.postgres.CreateDatabase(ctx, name)
	}
	err := p.row("queue", func() error {
		rows := []queueRow{}
		for _, workers := range []int{8, 80} {
			for _, batch := range []int{1, 10} {
				rows = append(rows, queueRow{
					Name: fmt.Sprintf("ours, %d agents, %d at a time", workers, batch), Ours: true, Workers: workers,
					rate: func(url string) (float64, counters, error) { return oursRate(ctx, url, workers, batch, jobs) },
				})
			}
			rows = append(rows, queueRow{Name: fmt.Sprintf("River, %d workers", workers), Workers: workers,
				rate: func(url string) (float64, counters, error) { return riverRate(ctx, url, workers, jobs) }})
		}
		for range p.rounds {
			for i := range rows {
				url, err := fresh()
				if err != nil {
					return err
				}
				rate, cost, err := rows[i].rate(url)
				if err != nil {
					return fmt.Errorf("%s: %w", rows[i].Name, err)
				}
				rows[i].Rates, rows[i].Costs = append(rows[i].Rates, rate), append(rows[i].Costs, cost)
			}
		}
		rep.Queue = rows
		return nil
	})
	if err != nil {
		return err
	}
	return p.row("growth", func() error {
		sizes := []int{1000, 100_000}
		if p.full {
			sizes = append(sizes, 1_000_000, 10_000_000)
		}
		for _, n := range sizes {
			url, err := fresh()
			if err != nil {
				return err
			}
			row, err := growth(ctx, url, n/2, n/2)
			if err != nil {
				return err
			}
			rep.Growth = append(rep.Growth, row)
		}
		return nil
	})
}

// queueRow is a queue with a number of workers.
type queueRow struct {
	Name    string
	Ours    bool
	Workers int
	Rates   []float64  // jobs a second, one for each round
	Costs   []counters // a job's, likewise

	rate func(url string) (float64, counters, error)
}

// calls are the rows about the API and the starts.
func (p plan) calls(ctx context.Context, r *rig, rep *report) error {
	var files []file
	some := func() (err error) {
		if files == nil {
			files, err = r.put(ctx, "few", 100, 1000)
		}
		return err
	}
	err := p.row("requests", func() (err error) {
		if err := some(); err != nil {
			return err
		}
		rep.Requests, err = r.serve(ctx, files[0], size(p, 10, 4))
		return err
	})
	if err != nil {
		return err
	}
	return p.row("starts", func() (err error) {
		if err := some(); err != nil {
			return err
		}
		rep.Starts, err = r.starts(ctx, files[0], size(p, 15, 7))
		return err
	})
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
