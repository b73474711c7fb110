// Command handler is an agent that does something with what it downloads: it counts the records of each file of JSON lines. Its
// commands, settings and image are the agent's; only Handle is its own.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"scalable-backend/services/agent/cli"
	"scalable-backend/services/agent/runner"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	os.Exit(cli.Run(ctx, os.Args[1:], os.Environ(), runner.HandlerFunc(count)))
}

// count is called with a file that is whole, verified and at its place. Its error fails the attempt, and people see it in the job.
// It may be called again with the same file, and ctx ends when the job is no longer this agent's.
func count(ctx context.Context, p runner.Published) error {
	file, err := os.Open(p.Path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // nothing was written to it
	records, lines := 0, bufio.NewScanner(file)
	for ; lines.Scan(); records++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !json.Valid(lines.Bytes()) {
			return fmt.Errorf("line %d of %s is not JSON", records+1, p.File.Name)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	slog.Info("counted", "file_id", p.File.Id, "records", records)
	return nil
}
