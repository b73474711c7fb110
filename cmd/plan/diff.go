package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"scalable-backend/internal/graph"
	"scalable-backend/internal/plan"
	"scalable-backend/internal/plan/shape"
	"scalable-backend/internal/review"
)

// comparison is what `diff` compares.
type comparison struct {
	*session
	from    *source
	to      string // another stack
	base    string // a git ref
	options review.Options
}

// diff prints what a change does, of two files, of two stacks, or of this tree against a git ref.
func diff(ctx context.Context, s *session, flags *flag.FlagSet, args []string) error {
	c := &comparison{session: s, from: sourceFlags(flags)}
	flags.StringVar(&c.base, "base", "", "compare with this git `ref`: the stack, or every stack that has a file")
	flags.StringVar(&c.to, "to", "", "another `stack`, which is compared with -stack")
	var outputs formats
	flags.Var(&outputs, "format", "print as text, markdown (fits into a comment on GitHub) or json; `format=file` writes a file, and may be "+
		"given more than once")
	usageFile := flags.String("usage", "", "what a month uses: see plan cost")
	pricesFile := flags.String("prices", "", "other prices: see plan cost")
	if err := parse(s, flags, args); err != nil {
		return err
	}
	var compare func(context.Context) ([]*review.Report, error)
	switch files := len(s.args); {
	case c.base != "" && c.to == "" && files == 0:
		compare = c.refs
	case c.base == "" && c.to != "" && c.from.stack != "" && files == 0:
		compare = c.stacks
	case c.base == "" && c.to == "" && files == 2:
		compare = func(context.Context) ([]*review.Report, error) { return c.files(s.args[0], s.args[1]) }
	case c.base == "" && c.to == "" && files == 1 && c.from.stack != "":
		compare = func(ctx context.Context) ([]*review.Report, error) { return c.file(ctx, s.args[0]) }
	default:
		return wrong(flags, "want one of: -base REF; two files of graphs; a file and -stack STACK; -stack STACK -to STACK")
	}
	var err error
	if c.options.Prices, c.options.Usage, err = assumptions(*pricesFile, *usageFile); err != nil {
		return err
	}
	reports, err := compare(ctx)
	if err != nil {
		return err
	}
	return outputs.write(s.stdout, reports)
}

var writers = map[string]func(io.Writer, []*review.Report) error{
	"text": review.WriteText, "markdown": review.WriteMarkdown, "json": review.WriteJSON,
}

// formats are the values of -format.
type formats []struct{ format, file string }

func (f *formats) String() string { return "" }

func (f *formats) Set(text string) error {
	format, file, named := strings.Cut(text, "=")
	if _, ok := writers[format]; !ok || named && file == "" {
		return errors.New("want text, markdown or json, or one of them with =file")
	}
	*f = append(*f, struct{ format, file string }{format, file})
	return nil
}

// write writes every format that is wanted; text without any.
func (f *formats) write(stdout io.Writer, reports []*review.Report) error {
	if len(*f) == 0 {
		return review.WriteText(stdout, reports)
	}
	for _, output := range *f {
		var text bytes.Buffer
		if err := writers[output.format](&text, reports); err != nil {
			return err
		}
		if output.file == "" {
			if _, err := stdout.Write(text.Bytes()); err != nil {
				return err
			}
		} else if err := os.WriteFile(output.file, text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files compares two saved graphs. Indirect changes are not seen: only a program that runs shows them.
func (c *comparison) files(old, now string) ([]*review.Report, error) {
	before, err := c.read(old)
	if err != nil {
		return nil, err
	}
	after, err := c.read(now)
	if err != nil {
		return nil, err
	}
	return c.report(shape.Restore(before), shape.Restore(after), graph.NewDiff(before, after))
}

// file compares a saved graph with the plan of a stack.
func (c *comparison) file(ctx context.Context, old string) ([]*review.Report, error) {
	before, err := c.read(old)
	if err != nil {
		return nil, err
	}
	return c.planned(ctx, before, shape.Restore(before), c.from.options())
}

// stacks compares two stacks of this tree.
func (c *comparison) stacks(ctx context.Context) ([]*review.Report, error) {
	before, err := plan.Run(ctx, c.from.options())
	if err != nil {
		return nil, err
	}
	other := c.from.options()
	other.Stack = c.to
	return c.planned(ctx, before, before, other)
}

// planned plans a stack and compares it with the graph before. full is that graph with ids.
func (c *comparison) planned(ctx context.Context, before, full *graph.Graph, o plan.Options) ([]*review.Report, error) {
	after, changes, err := plan.Compare(ctx, before, o)
	if err != nil {
		return nil, err
	}
	c.warn(after)
	return c.report(full, after, changes)
}

func (c *comparison) report(before, after *graph.Graph, changes *graph.Diff) ([]*review.Report, error) {
	return []*review.Report{review.New(before, after, changes, c.options)}, nil
}

// refs compares this tree with a git ref. This tree's own tool plans both, so that a change of the tool is no change of a stack.
func (c *comparison) refs(ctx context.Context) ([]*review.Report, error) {
	dir, err := filepath.Abs(c.from.dir)
	if err != nil {
		return nil, err
	}
	old, remove, err := checkout(ctx, dir, c.base)
	if err != nil {
		return nil, err
	}
	defer remove()
	stacks := plan.Stacks(dir)
	if c.from.stack != "" {
		stacks = []string{c.from.stack}
	}
	if len(stacks) == 0 {
		return nil, fmt.Errorf("%s has no stack: want a file Pulumi.<stack>.yaml", dir)
	}
	if c.options.Waivers, err = waivers(old, dir); err != nil {
		return nil, err
	}
	var reports []*review.Report
	for _, stack := range stacks {
		o := c.from.options()
		o.Stack = stack
		base := o
		base.Dir, base.ConfigOverrides = old, nil
		before, failure := plan.Run(ctx, base)
		if failure != nil {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			// What is wrong with this tree is an error; the base may be a first commit.
			if _, err := plan.Run(ctx, o); err != nil {
				return nil, err
			}
			reports = append(reports, &review.Report{Stack: stack, Failed: fmt.Sprintf("%s cannot be planned: %v", c.base, failure)})
			continue
		}
		next, err := c.planned(ctx, before, before, o)
		if err != nil {
			return nil, fmt.Errorf("stack %s: %w", stack, err)
		}
		reports = append(reports, next...)
		c.options.Waivers = nil // they are of all stacks: once is enough
	}
	return reports, nil
}

// waivers compares the files with exceptions from the rules. A version without one has none to compare.
func waivers(old, now string) (all []review.Item, err error) {
	for _, file := range review.WaiverFiles {
		before, errBefore := os.ReadFile(filepath.Join(old, filepath.FromSlash(file)))
		after, errAfter := os.ReadFile(filepath.Join(now, filepath.FromSlash(file)))
		switch err := errors.Join(errBefore, errAfter); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		}
		items, err := review.Waivers(before, after)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, items...)
	}
	return all, nil
}
