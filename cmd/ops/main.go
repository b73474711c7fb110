// Command ops works on a stack that runs in AWS: it follows a rollout, promotes images, and does the runbook's procedures. cmd/plan is
// what needs no credentials.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/doctor"
	"scalable-backend/cmd/ops/promote"
	"scalable-backend/cmd/ops/psql"
	"scalable-backend/cmd/ops/restore"
	"scalable-backend/cmd/ops/retrydead"
	"scalable-backend/cmd/ops/rollout"
	"scalable-backend/cmd/ops/rotate"
)

// commands is the table, in the order of the help.
var commands = []command.Command{
	doctor.Command(),
	rollout.Command(),
	promote.Command(),
	restore.Command(),
	rotate.Command(),
	retrydead.Command(),
	psql.Command(),
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, command.System(), os.Args[1:]))
}

// run returns the exit status.
func run(ctx context.Context, env *command.Env, args []string) int {
	if len(args) == 0 {
		help(env.Stderr)
		return command.Misused
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		if len(args) == 1 {
			help(env.Stdout)
			return command.Done
		}
		args = []string{args[1], "-h"} // ops help rollout
	}
	for _, c := range commands {
		if c.Name == args[0] {
			return finish(ctx, env, c, c.Run(ctx, env, args[1:]))
		}
	}
	fmt.Fprintf(env.Stderr, "ops: there is no command %q: \"ops help\" lists them\n", args[0])
	return command.Misused
}

// finish prints the error and returns the exit status.
func finish(ctx context.Context, env *command.Env, c command.Command, err error) int {
	status := command.Status(err)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case ctx.Err() != nil && status != command.Misused:
		fmt.Fprintf(env.Stderr, "ops %s: interrupted; it can be run again\n", c.Name)
		return command.Unfinished
	case err.Error() != "":
		fmt.Fprintln(env.Stderr, command.Printable(err.Error()))
	}
	return status
}
