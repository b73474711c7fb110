// Command bench measures both services beside what a user would take instead of them, all in one run, and writes docs/benchmarks.md:
// `make bench`, or `BENCH=full make bench` for every row. It needs Linux, and the programs that scripts/setup.sh bench installs.
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

func run(ctx context.Context) error {
	root, err := servers.Repository()
	if err != nil {
		return err
	}
	p := plan{full: os.Getenv("BENCH") == "full"}
	only := ""
	flag.BoolVar(&p.full, "full", p.full, "all rows, at their full size (BENCH=full)")
	flag.IntVar(&p.rounds, "rounds", 3, "how often each peer runs")
	flag.StringVar(&only, "only", "", "regular expression of the titles of the rows to run; the document is printed instead of written")
	flag.StringVar(&p.bin, "bin", filepath.Join(root, ".cache", "bin"), "where agent, backend and rclone are")
	flag.StringVar(&p.out, "out", filepath.Join(root, "docs", "benchmarks.md"), "the document to write")
	flag.Parse()
	if p.only, err = regexp.Compile(only); err != nil {
		return err
	}
	r, err := newRig(ctx, p.bin)
	if err != nil {
		return errors.Join(err, r.close())
	}
	began := time.Now()
	report, err := p.measure(ctx, r)
	if err := errors.Join(err, r.close()); err != nil {
		return err
	}
	report.Took = time.Since(began)
	if only != "" {
		fmt.Print(report.markdown())
		return nil
	}
	if err := os.WriteFile(strings.TrimSuffix(p.out, ".md")+".svg", []byte(report.picture()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(p.out, []byte(report.markdown()), 0o644)
}
