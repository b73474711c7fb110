// Package command is what every command of ops is made of: its entry in the table, what it gets from outside, its flags and its exit
// status.
//
// To add a command: a package below cmd/ops with
//
//	func Command() command.Command {
//		return command.Command{Name: "name", Summary: "one line for the help", Usage: "[flags]", Run: run}
//	}
//
//	func run(ctx context.Context, env *command.Env, args []string) error {
//		flags := env.Flags(Command())
//		from := stack.Flags(flags)           // -stack, -C, -outputs
//		if _, err := command.Parse(flags, args, 0); err != nil {
//			return err
//		}
//		facts, err := from.Load(ctx, env)    // the stack's outputs and configuration
//		...
//		mine, err := account.Open(ctx, env, facts) // the AWS configuration, its account and region checked
//		...
//		to := report.New(env)                // prints lines, verdicts and progress
//	}
//
// and its line in the table of main.go. Tests make an Env of their own: cmd/ops/opstest answers for AWS and for other programs.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Command is one line of the table in main.go.
type Command struct {
	Name    string
	Summary string // one line of help, without a full stop
	Usage   string // what follows the name: "[flags]"
	// Run does it. The error decides the exit status: see Status.
	Run func(ctx context.Context, env *Env, args []string) error
}

// The exit statuses.
const (
	Done       = 0
	Failed     = 1 // the check found something, the rollout failed, AWS refused
	Misused    = 2 // a wrong command line
	Unfinished = 3 // credentials, network, time or Ctrl-C ended it on the way: nothing is broken by it, run it again
)

// Exit is an error with an exit status of its own. Without a text, nothing is printed: the command has said it all.
type Exit struct {
	Status int
	error
}

// Unwrap returns what happened.
func (e Exit) Unwrap() error { return e.error }

// Error is the text, "" if there is none.
func (e Exit) Error() string {
	if e.error == nil {
		return ""
	}
	return e.error.Error()
}

// With gives an error an exit status. A nil error is allowed: the command has printed why already.
func With(status int, err error) error { return Exit{status, err} }

// Wrong is a wrong command line.
func Wrong(flags *flag.FlagSet, format string, args ...any) error {
	return Exit{Misused, fmt.Errorf(flags.Name()+": "+format+" ("+flags.Name()+" -h lists the flags)", args...)}
}

// Status is the exit status of what Run returned.
func Status(err error) int {
	var exit Exit
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return Done
	case errors.As(err, &exit):
		return exit.Status
	case errors.Is(err, context.Canceled):
		return Unfinished
	}
	return Failed
}

// Flags is an empty set of flags that prints the command's usage.
func (e *Env) Flags(c Command) *flag.FlagSet {
	flags := flag.NewFlagSet("ops "+c.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Parse says what is wrong, once
	flags.Usage = func() {
		fmt.Fprintf(e.Stdout, "%s: %s\n\nusage: %[1]s %[3]s\n", flags.Name(), c.Summary, c.Usage)
		flags.SetOutput(e.Stdout)
		flags.PrintDefaults()
		flags.SetOutput(io.Discard)
	}
	return flags
}

// Parse reads flags, which may stand after other arguments too, and returns the others: as many as most at most.
func Parse(flags *flag.FlagSet, args []string, most int) ([]string, error) {
	usage, asked := flags.Usage, false
	flags.Usage = func() { asked = true } // the package calls it on every mistake, too
	defer func() { flags.Usage = usage }()
	var others []string
	for {
		err := flags.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp) && asked:
			usage()
			return nil, err
		case err != nil:
			return nil, Wrong(flags, "%s", strings.TrimPrefix(err.Error(), "flag "))
		case flags.NArg() == 0:
			return others, nil
		case len(others) == most:
			return nil, Wrong(flags, "unexpected argument %q", flags.Arg(0))
		}
		others = append(others, flags.Arg(0))
		args = flags.Args()[1:]
	}
}
