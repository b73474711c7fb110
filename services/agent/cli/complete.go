package cli

import (
	"context"
	"fmt"
	"os"
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

func complete(c *cobra.Command, flag string, values ...string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag's name is wrong in this program
	}
}

// completeFiles completes names of ready files.
func (a *app) completeFiles(c *cobra.Command) {
	c.ValidArgsFunction = a.completion(func(ctx context.Context, backend *client.API) (found []string) {
		for f, err := range backend.Files(ctx, client.FileFilter{State: api.FileStateReady}) {
			if err != nil || len(found) == hints {
				break
			}
			found = append(found, f.Name+"\t"+f.Id)
		}
		return found
	})
}

// completeJobs completes ids of jobs in some states; "" means all states.
func (a *app) completeJobs(c *cobra.Command, states ...api.JobState) {
	c.ValidArgsFunction = a.completion(func(ctx context.Context, backend *client.API) (found []string) {
		for _, state := range states {
			for j, err := range backend.Jobs(ctx, client.JobFilter{State: state}) {
				if err != nil || len(found) == hints {
					break
				}
				found = append(found, fmt.Sprintf("%s\t%s, %s", j.Id, j.Dest, j.State))
			}
		}
		return found
	})
}

func (a *app) completion(find func(context.Context, *client.API) []string) cobra.CompletionFunc {
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
