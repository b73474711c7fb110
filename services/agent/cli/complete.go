package cli

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"scalable-backend/services/api"
	"scalable-backend/services/client"
	"scalable-backend/services/internal/build"
)

// Completion asks the API for the newest files and jobs; without settings, or without an answer, it offers none.
const (
	hints    = 100
	hintWait = 2 * time.Second
)

// source of hints: values for an argument or a flag, each with a tab and a description where it has one.
type hintSource func(context.Context, *client.API) []string

func complete(c *cobra.Command, flag string, values ...string) {
	completeFlag(c, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func completeFlag(c *cobra.Command, flag string, hints cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, hints); err != nil {
		panic(err) // the flag's name is wrong in this program
	}
}

// completeFiles completes names of ready files as arguments, and as values of flags.
func (a *app) completeFiles(c *cobra.Command, flags ...string) {
	c.ValidArgsFunction = a.completion(fileHints)
	a.completeFileFlags(c, flags...)
}

func (a *app) completeFileFlags(c *cobra.Command, flags ...string) {
	for _, flag := range flags {
		completeFlag(c, flag, a.completion(fileHints))
	}
}

// completeJobs completes ids of jobs in some states.
func (a *app) completeJobs(c *cobra.Command, states ...api.JobState) {
	c.ValidArgsFunction = a.completion(jobHints(states...))
}

// completeJobsAndFiles completes ids of jobs and names of files.
func (a *app) completeJobsAndFiles(c *cobra.Command) {
	jobs := jobHints("")
	c.ValidArgsFunction = a.completion(func(ctx context.Context, backend *client.API) []string {
		return append(jobs(ctx, backend), fileHints(ctx, backend)...)
	})
}

func fileHints(ctx context.Context, backend *client.API) []string {
	return hinted(backend.Files(ctx, client.FileFilter{State: api.FileStateReady}), func(f api.File) string { return f.Name + "\t" + f.Id })
}

// jobHints are ids of jobs; the state "" stands for all states.
func jobHints(states ...api.JobState) hintSource {
	return func(ctx context.Context, backend *client.API) (found []string) {
		for _, state := range states {
			found = append(found, hinted(backend.Jobs(ctx, client.JobFilter{State: state}), func(j api.Job) string {
				return fmt.Sprintf("%s\t%s, %s", j.Id, j.Dest, j.State)
			})...)
		}
		return found
	}
}

// tokenHints are ids of tokens that can still be revoked.
func tokenHints(ctx context.Context, backend *client.API) []string {
	return hinted(backend.Tokens(ctx), func(t api.Token) string {
		if t.RevokedAt != nil {
			return ""
		}
		return t.Id + "\t" + t.Name
	})
}

// hinted turns the newest of a list into hints; "" is none.
func hinted[T any](all iter.Seq2[T, error], hint func(T) string) (found []string) {
	for one, err := range all {
		if err != nil || len(found) == hints {
			break
		}
		if h := hint(one); h != "" {
			found = append(found, h)
		}
	}
	return found
}

func (a *app) completion(find hintSource) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(c.Context(), hintWait)
		defer cancel()
		_, backend, err := a.session(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer backend.Close()
		return find(ctx, backend), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeProfiles completes the names of the profiles that are stored.
func (a *app) completeProfiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	all, err := a.profiles()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(all)), cobra.ShellCompDirectiveNoFileComp
}

// noFiles keeps the shell from offering files where a command takes none.
func noFiles(all []*cobra.Command) {
	for _, c := range all {
		if c.ValidArgsFunction == nil && c.ValidArgs == nil {
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
}

// manCommand writes the manual pages, from the same texts as --help.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man <directory>",
		Short:  "Write the manual pages into a directory",
		Hidden: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("want a directory")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			c.Root().DisableAutoGenTag = true // the same text gives the same page
			date := time.Unix(0, 0)
			return doc.GenManTree(c.Root(), &doc.GenManHeader{Section: "1", Date: &date, Source: "agent " + build.Version()}, args[0])
		},
	}
}
