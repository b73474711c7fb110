package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan"
)

// show prints a stack's graph, or saves it.
func show(ctx context.Context, s *session, flags *flag.FlagSet, args []string) error {
	from := sourceFlags(flags)
	asJSON := flags.Bool("json", false, "print the graph as one JSON object")
	flags.BoolVar(&from.unknown, "unknown", false, "leave the outputs that AWS decides unknown, as the preview of a new stack does")
	save := flags.String("save", "", "write the graph to this `file`, policies as JSON and scripts as lines, and print nothing")
	if err := parse(s, flags, args); err != nil {
		return err
	}
	if *save != "" && *asJSON {
		return wrong(flags, "-save prints nothing: leave out -json")
	}
	quiet := *s
	if *save != "" {
		quiet.stderr = io.Discard
	}
	g, err := from.graph(ctx, &quiet, flags)
	if err != nil {
		return err
	}
	return s.writeGraph(g, *save, *asJSON)
}

func (s *session) writeGraph(g *graph.Graph, save string, asJSON bool) error {
	write := g.WriteTree
	switch {
	case save != "":
		write = g.WriteReadable
	case asJSON:
		write = g.WriteJSON
	}
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return err
	}
	if save != "" {
		return os.WriteFile(save, text.Bytes(), 0o644)
	}
	_, err := s.stdout.Write(text.Bytes())
	return err
}

// withoutCommand is what the program did before it had commands: show, or with -diff what an update would change.
func withoutCommand(ctx context.Context, s *session, flags *flag.FlagSet, args []string) error {
	from := sourceFlags(flags)
	asJSON := flags.Bool("json", false, "print the graph, or the changes, as one JSON object")
	flags.BoolVar(&from.unknown, "unknown", false, "leave the outputs that AWS decides unknown, as the preview of a new stack does")
	diff := flags.String("diff", "", "compare with the graph in this `file` (- for standard input) and print what an update would change")
	save := flags.String("save", "", "write the graph to this `file`, policies as JSON and scripts as lines, and print nothing")
	if err := parse(s, flags, args); err != nil {
		return err
	}
	if len(s.args) > 0 {
		return wrong(flags, "unexpected argument %q", s.args[0])
	}
	if *save != "" && (*diff != "" || *asJSON) {
		return wrong(flags, "-save prints nothing: leave out -diff and -json")
	}
	if *diff == "" {
		g, err := plan.Run(ctx, from.options())
		if err != nil {
			return err
		}
		if *save == "" {
			s.warn(g)
		}
		return s.writeGraph(g, *save, *asJSON)
	}
	before, err := s.read(*diff)
	if err != nil {
		return err
	}
	g, changes, err := plan.Compare(ctx, before, from.options())
	if err != nil {
		return err
	}
	s.warn(g)
	write := changes.WriteText
	if *asJSON {
		write = changes.WriteJSON
	}
	return write(s.stdout)
}
