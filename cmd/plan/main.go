// Command plan prints the resources and outputs of a stack without credentials, the Pulumi CLI or a network, or what an
// update would change.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run returns the exit status: 0 when it has printed a plan, 1 on an error, 2 on a wrong command line. On an error it prints
// nothing to stdout.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("plan", flag.ContinueOnError)
	flags.SetOutput(stderr)
	set := settings{}
	stack := flags.String("stack", "", "the stack to plan; its file is Pulumi.<stack>.yaml")
	asJSON := flags.Bool("json", false, "print the graph, or the changes, as one JSON object")
	unknown := flags.Bool("unknown", false, "leave the outputs that AWS decides unknown, as the preview of a new stack does")
	dir := flags.String("dir", ".", "the directory of Pulumi.yaml")
	diff := flags.String("diff", "", "compare with the graph in this `file` (- for standard input) and print what an update would change")
	save := flags.String("save", "", "write the graph to this `file`, policies as JSON and scripts as lines, and print nothing")
	flags.Var(set, "set", "set `key=value` in the configuration as pulumi config set --path does; may be given more than once")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "plan: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	if *save != "" && (*diff != "" || *asJSON) {
		fmt.Fprintln(stderr, "plan: -save prints nothing: leave out -diff and -json")
		return 2
	}
	options := plan.Options{Dir: *dir, Stack: *stack, Unknown: *unknown, ConfigOverrides: set}
	text, warnings, err := output(ctx, options, *diff, *asJSON, *save != "", stdin)
	if err == nil && *save != "" {
		err = os.WriteFile(*save, text, 0o644)
		text, warnings = nil, nil
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	for _, warning := range warnings {
		fmt.Fprintln(stderr, "warning:", warning)
	}
	if _, err := stdout.Write(text); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// output plans the stack and returns its text, in the form that the flags ask for, and the warnings.
func output(ctx context.Context, o plan.Options, diff string, asJSON, readable bool, stdin io.Reader) ([]byte, []string, error) {
	var text bytes.Buffer
	if diff != "" {
		before, err := read(diff, stdin)
		if err != nil {
			return nil, nil, err
		}
		graph, changes, err := plan.Compare(ctx, before, o)
		if err != nil {
			return nil, nil, err
		}
		write := changes.WriteText
		if asJSON {
			write = changes.WriteJSON
		}
		err = write(&text)
		return text.Bytes(), graph.Warnings, err
	}
	graph, err := plan.Run(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	write := graph.WriteTree
	switch {
	case readable:
		write = graph.WriteReadable
	case asJSON:
		write = graph.WriteJSON
	}
	err = write(&text)
	return text.Bytes(), graph.Warnings, err
}

func read(path string, stdin io.Reader) (*plan.Graph, error) {
	if path == "-" {
		return graph.ReadGraph(stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	g, err := graph.ReadGraph(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return g, nil
}

// settings are the values of -set, by key.
type settings map[string]string

func (s settings) String() string { return "" }

func (s settings) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return errors.New("want key=value")
	}
	s[key] = value
	return nil
}
