package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"slices"

	"scalable-backend/internal/picture"
	"scalable-backend/internal/plan/shape"
)

// draw prints a graph for other tools.
func draw(ctx context.Context, s *session, flags *flag.FlagSet, args []string) error {
	from := sourceFlags(flags)
	format := flags.String("format", "json", "json, readable (policies as JSON, scripts as lines), dot (Graphviz) or svg (a picture)")
	if err := parse(s, flags, args); err != nil {
		return err
	}
	if !slices.Contains([]string{"json", "readable", "dot", "svg"}, *format) {
		return wrong(flags, "-format %s: want json, readable, dot or svg", *format)
	}
	g, err := from.graph(ctx, s, flags)
	if err != nil {
		return err
	}
	write := map[string]func(io.Writer) error{
		"json": g.WriteJSON, "readable": g.WriteReadable, "dot": g.WriteDOT,
		"svg": func(w io.Writer) error { return picture.WriteSVG(w, shape.Restore(g)) },
	}[*format]
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return err
	}
	_, err = s.stdout.Write(text.Bytes())
	return err
}
