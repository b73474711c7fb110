// Command backend serves the API: the REST API for users at one port, for agents at another. It reads its configuration from the
// environment (package backend/config), logs to standard output and ends on SIGTERM once what is in flight is done.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"scalable-backend/services/backend/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := server.Run(ctx, os.Args[1:], os.Environ(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "backend:", err)
		os.Exit(1)
	}
}
