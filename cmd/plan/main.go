// Command plan prints the resources and outputs of a stack without credentials, the Pulumi CLI or a network, or what an
// update would change.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"scalable-backend/internal/plan"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run returns the exit status: 0 for a plan, 1 when there is none, 2 for a wrong command line. Standard output holds the
// plan or nothing.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("plan", flag.ContinueOnError)
	flags.SetOutput(stderr)
	set := settings{}
	stack := flags.String("stack", "", "the stack to plan; its file is Pulumi.<stack>.yaml")
	asJSON := flags.Bool("json", false, "print the graph, or the changes, as one JSON object")
	unknown := flags.Bool("unknown", false, "leave unknown what only an update would tell, as the first preview does")
	dir := flags.String("dir", ".", "the directory of Pulumi.yaml")
	diff := flags.String("diff", "", "print what an update would change that finds the graph in this `file`, or - for standard input")
	save := flags.String("save", "", "write the graph to this `file`, policies and scripts opened up, and print nothing")
	flags.Var(set, "set", "plan with `key=value` in the configuration, as pulumi config set --path sets it; repeat it for more")
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
	text, warnings, err := answer(ctx, options, *diff, *asJSON, *save != "", stdin)
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

// answer plans, and writes what is asked for.
func answer(ctx context.Context, o plan.Options, diff string, asJSON, readable bool, stdin io.Reader) ([]byte, []string, error) {
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
		return plan.ReadGraph(stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	graph, err := plan.ReadGraph(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return graph, nil
}

// settings are the values of -set, by key.
type settings map[string]string

func (s settings) String() string { return "" }

func (s settings) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return fmt.Errorf("want key=value")
	}
	s[key] = value
	return nil
}
