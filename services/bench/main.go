// Command bench measures both services beside what a user would take instead of them, and writes docs/benchmarks.json with the figures and
// the pages that show them: `make bench`, or `make bench BENCH=full` for every row. It needs Linux, and the programs that
// scripts/setup-bench.sh installs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"scalable-backend/services/internal/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if len(os.Args) > 2 && os.Args[1] == "peer" {
		err = runPeer(ctx, os.Args[2:])
	} else {
		err = run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// runPeer is the part of a peer that is no program of its own.
func runPeer(ctx context.Context, args []string) error {
	switch name := args[0] + "/" + fmt.Sprint(len(args)-1); name {
	case "get/1":
		return s3Get(ctx, args[1])
	case "put/3":
		return s3Put(ctx, args[1], args[2], args[3])
	case "bare/2":
		return bareServer(args[1], args[2])
	default:
		return fmt.Errorf("unknown peer %s", strings.Join(args, " "))
	}
}

// options are the flags of the command.
type options struct {
	plan
	parts, titles *regexp.Regexp
	growthAlone   bool
	bin, out      string
}

func readOptions(root string) (o options, err error) {
	o.root = root
	var parts, titles string
	flag.BoolVar(&o.full, "full", false, "all rows, at their full size (BENCH=full)")
	flag.BoolVar(&o.tiny, "tiny", false, "a sixteenth of the sizes of a run without -full: to try the command; use it with -out")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each peer runs")
	flag.StringVar(&parts, "only", "", "measure these parts only, separated by commas, and keep the others' figures (ONLY=queue,held)")
	flag.StringVar(&titles, "rows", "", "of these parts only the rows that match this regular expression: printed, and not written")
	flag.IntVar(&o.jobs, "growth", 0, "measure growth alone, up to so many jobs (GROWTH=10000000)")
	flag.StringVar(&o.bin, "bin", filepath.Join(root, ".cache", "bin"), "where agent, backend and rclone are")
	flag.StringVar(&o.out, "out", filepath.Join(root, "docs"), "where the pages are")
	flag.Parse()
	o.by = thisRun(o.full, o.tiny)
	if flag.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: want flags only, see -help", flag.Arg(0))
	}
	switch {
	case o.jobs > 0 && parts != "":
		return o, errors.New("-growth and -only: want one of them")
	case o.jobs > 0:
		o.growthAlone, parts = true, "growth"
	case o.full:
		o.jobs = 10_000_000
	case o.tiny:
		o.jobs = 1000
	default:
		o.jobs = 100_000
	}
	if o.titles, err = regexp.Compile(titles); err != nil {
		return o, fmt.Errorf("-rows: %w", err)
	}
	o.parts, err = partPattern(parts)
	return o, err
}

// partNames are the names of the report's parts.
var partNames = []string{
	"downloads", "uploads", "memory", "queue", "held", "growth", "waiting", "requests", "starts", "builds",
}

// partPattern matches the parts of a list, all if it is empty.
func partPattern(list string) (*regexp.Regexp, error) {
	if list == "" {
		return regexp.Compile("")
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(partNames, name) {
			return nil, fmt.Errorf("part %q: want some of %s", name, strings.Join(partNames, ", "))
		}
	}
	return regexp.Compile("^(" + strings.Join(names, "|") + ")$")
}

func run(ctx context.Context) error {
	root, err := servers.Repository()
	if err != nil {
		return err
	}
	o, err := readOptions(root)
	if err != nil {
		return err
	}
	prices, err := readPrices(root)
	if err != nil {
		return err
	}
	all, err := readReport(filepath.Join(o.out, "benchmarks.json"))
	if err != nil {
		return err
	}
	began := time.Now()
	shown := o.titles.String() != ""
	write := func(measured *report) error {
		if shown {
			return nil
		}
		all.merge(measured, o.growthAlone)
		return all.write(o.out, prices)
	}
	measured, err := o.measure(ctx, write)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%.1f minutes\n", time.Since(began).Minutes())
	if ctx.Err() != nil {
		return errors.New("stopped: what is written are the parts that were done")
	}
	if shown {
		fmt.Print(measured.markdown())
	}
	err = write(measured)
	if len(measured.Failed) > 0 {
		err = errors.Join(err, fmt.Errorf("%d of the rows failed:\n%s", len(measured.Failed), strings.Join(measured.Failed, "\n")))
	}
	return err
}

// measure runs the chosen steps, and writes the report after each part of it, as a run may take hours. An error means that nothing could be
// measured; rows that failed are in the report.
func (o options) measure(ctx context.Context, write func(*report) error) (rep *report, err error) {
	r, err := newRig(ctx, o.bin)
	defer func() { err = errors.Join(err, r.close()) }()
	if err != nil {
		return nil, err
	}
	rep = &report{Machine: machine(ctx, r)}
	steps := chosen(o.steps(r, rep), o.parts, o.titles)
	if len(steps) == 0 {
		return nil, errors.New("no row is chosen (builds are rows of BENCH=full)")
	}
	rep.Failed = runSteps(ctx, os.Stderr, steps, func() {
		_ = write(rep) // that the page on sizes lacks a figure may be right until the end: it is told of then
	})
	return rep, nil
}

// write writes all pages.
func (r *report) write(dir string, prices *priceList) error {
	pages, err := r.pages(prices)
	for name, text := range pages {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return err
}
