// Command plan shows what a stack would create, what a change does to it, and what it costs: without credentials, the Pulumi CLI or a
// network.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit statuses. On an error nothing is printed to stdout.
const (
	done     = 0
	failed   = 1
	misused  = 2 // a wrong command line
	tooMuch  = 3 // `cost -max`: the estimate is above the limit
	helpText = `plan shows what a stack would create, without credentials, the Pulumi CLI or a network.

  plan show  -stack dev             the resources and outputs of a stack
  plan diff  -base main             what this tree changes in each stack, compared with a git ref
  plan diff  old.json new.json      what an update from one saved graph to another changes
  plan diff  -stack prod -to dev    how two stacks differ
  plan cost  -stack dev             what a month costs
  plan graph -stack dev             the graph, as JSON, DOT or a picture (SVG)

"plan COMMAND -h" lists the flags of a command. The flags without a command still do what they did: plan -stack dev -json.
`
)

// command is one subcommand.
type command struct {
	usage string // what follows its name
	run   func(ctx context.Context, s *session, flags *flag.FlagSet, args []string) error
}

var commands = map[string]command{
	"show":  {"-stack STACK [flags]", show},
	"diff":  {"[-base REF | OLD NEW | -stack STACK -to STACK] [flags]", diff},
	"cost":  {"[-stack STACK | GRAPH] [flags]", estimate},
	"graph": {"[-stack STACK | GRAPH] [flags]", draw},
}

// session is one call of the command.
type session struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	args           []string // what is left of the command line without flags
}

// exit is an error with a status of its own.
type exit struct {
	status int
	error
}

// run returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &session{stdin: stdin, stdout: stdout, stderr: stderr}
	name, rest := "", args
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, rest = args[0], args[1:]
	}
	c, known := commands[name]
	switch {
	case name == "help" || len(args) == 1 && (args[0] == "-h" || args[0] == "-help" || args[0] == "--help"):
		fmt.Fprint(stdout, helpText)
		return done
	case len(args) == 0:
		fmt.Fprint(stderr, helpText)
		return misused
	case name == "":
		c = command{"[flags]", withoutCommand}
	case !known:
		fmt.Fprintf(stderr, "plan: there is no command %q: want show, diff, cost or graph\n", name)
		return misused
	}
	flags := flag.NewFlagSet(strings.TrimSpace("plan "+name), flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "usage: %s %s\n", flags.Name(), c.usage)
		flags.PrintDefaults()
	}
	err := c.run(ctx, s, flags, rest)
	var status exit
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return done
	case errors.As(err, &status):
		if status.error != nil {
			fmt.Fprintln(stderr, status.error)
		}
		return status.status
	}
	fmt.Fprintln(stderr, err)
	return failed
}

// parse reads the flags of a command, which may stand after other arguments too. The package flag has printed what is wrong with them.
func parse(s *session, flags *flag.FlagSet, args []string) error {
	for _, arg := range args {
		if arg == "-h" || arg == "-help" || arg == "--help" {
			flags.SetOutput(s.stdout)
		}
	}
	for {
		err := flags.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			return err
		case err != nil:
			return exit{status: misused}
		case flags.NArg() == 0:
			return nil
		}
		s.args = append(s.args, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

// wrong is a wrong command line.
func wrong(flags *flag.FlagSet, format string, args ...any) error {
	return exit{misused, fmt.Errorf(flags.Name()+": "+format, args...)}
}
