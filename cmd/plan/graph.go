package main

import (
	"bytes"
	"context"
	"flag"
	"io"
)

// picture prints a graph for other tools.
func picture(ctx context.Context, s *session, flags *flag.FlagSet, args []string) error {
	from := sourceFlags(flags)
	format := flags.String("format", "json", "json, readable (policies as JSON, scripts as lines) or dot (Graphviz)")
	if err := parse(s, flags, args); err != nil {
		return err
	}
	if *format != "json" && *format != "readable" && *format != "dot" {
		return wrong(flags, "-format %s: want json, readable or dot", *format)
	}
	g, err := from.graph(ctx, s, flags)
	if err != nil {
		return err
	}
	write := map[string]func(io.Writer) error{"json": g.WriteJSON, "readable": g.WriteReadable, "dot": g.WriteDOT}[*format]
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return err
	}
	_, err = s.stdout.Write(text.Bytes())
	return err
}
