// Command agent downloads files for the backend, and is its command-line client.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"scalable-backend/services/agent/cli"
	"scalable-backend/services/agent/runner"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(cli.Run(ctx, os.Args[1:], os.Environ(), runner.Keep))
}
