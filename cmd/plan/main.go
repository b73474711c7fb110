// Command plan prints the resources and outputs of a stack without credentials, the Pulumi CLI or a network.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"scalable-backend/internal/plan"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 for a plan, 1 when there is none, 2 for a wrong command line. Standard output holds the
// plan or nothing.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("plan", flag.ContinueOnError)
	flags.SetOutput(stderr)
	stack := flags.String("stack", "", "the stack to plan; its file is Pulumi.<stack>.yaml")
	asJSON := flags.Bool("json", false, "print the graph as one JSON object")
	unknown := flags.Bool("unknown", false, "leave unknown what only an update would tell, as the first preview does")
	dir := flags.String("dir", ".", "the directory of Pulumi.yaml")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "plan: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	graph, err := plan.Run(ctx, plan.Options{Dir: *dir, Stack: *stack, Unknown: *unknown})
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	for _, warning := range graph.Warnings {
		fmt.Fprintln(stderr, "warning:", warning)
	}
	var text bytes.Buffer
	write := graph.WriteTree
	if *asJSON {
		write = graph.WriteJSON
	}
	if err := write(&text); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	if _, err := stdout.Write(text.Bytes()); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}
