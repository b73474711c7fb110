// Command demo runs the system's data flow on one machine; see package demo.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"scalable-backend/services/demo"
)

func main() {
	// A terminal that is closed, or a pipe that nobody reads any more, is an end like the others: what was started must go.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// The other programs are built beside this one.
	return demo.Run(ctx, filepath.Dir(self), os.Environ(), os.Stdout)
}
