package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan"
)

// source says where a graph comes from: a stack that is planned, or a file.
type source struct {
	stack, dir string
	unknown    bool
	set        settings
}

// sourceFlags adds the flags of a stack.
func sourceFlags(flags *flag.FlagSet) *source {
	s := &source{set: settings{}}
	flags.StringVar(&s.stack, "stack", "", "the `stack` to plan; its file is Pulumi.<stack>.yaml")
	flags.StringVar(&s.dir, "dir", ".", "the `directory` of Pulumi.yaml")
	flags.Var(s.set, "set", "set `key=value` in the configuration as pulumi config set --path does; may be given more than once")
	return s
}

func (s *source) options() plan.Options {
	return plan.Options{Dir: s.dir, Stack: s.stack, Unknown: s.unknown, ConfigOverrides: s.set}
}

// graph returns the graph of the file that is the only argument, or plans the stack.
func (s *source) graph(ctx context.Context, session *session, flags *flag.FlagSet) (*graph.Graph, error) {
	switch {
	case len(session.args) == 0:
		g, err := plan.Run(ctx, s.options())
		if err == nil {
			session.warn(g)
		}
		return g, err
	case len(session.args) > 1:
		return nil, wrong(flags, "unexpected argument %q", session.args[1])
	case s.stack != "" || len(s.set) > 0:
		return nil, wrong(flags, "unexpected argument %q: -stack and -set are for a stack that is planned, not for a file", session.args[0])
	}
	return session.read(session.args[0])
}

// warn prints the warnings of a plan.
func (s *session) warn(graphs ...*graph.Graph) {
	for _, g := range graphs {
		for _, warning := range g.Warnings {
			fmt.Fprintln(s.stderr, "warning:", warning)
		}
	}
}

// read reads a graph from a file, "-" for standard input.
func (s *session) read(path string) (*graph.Graph, error) {
	if path == "-" {
		return graph.ReadGraph(s.stdin)
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
