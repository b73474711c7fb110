package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"path"

	"github.com/spf13/cobra"

	"scalable-backend/services/agent/internal/text"
	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

// jobFilter chooses several jobs instead of naming them.
type jobFilter struct {
	all        bool
	file, dest string
}

func (f *jobFilter) flags(a *app, c *cobra.Command, which string) {
	c.Flags().BoolVar(&f.all, "all", false, "all "+which+" jobs that the other flags let through")
	c.Flags().StringVar(&f.file, "file", "", "with --all: only jobs of this file, by id or name")
	a.completeFileFlags(c, "file")
	c.Flags().StringVar(&f.dest, "dest", "", "with --all: only jobs with this destination, a pattern, or a prefix that ends with /")
}

func (f *jobFilter) check(args []string) error {
	switch {
	case f.all && len(args) > 0:
		return usagef("want either ids or --all")
	case !f.all && (f.file != "" || f.dest != ""):
		return usagef("--file and --dest go with --all")
	case !f.all && len(args) == 0:
		return usagef("want at least one job's id, or --all")
	}
	if _, err := path.Match(f.dest, ""); err != nil {
		return usagef("--dest: %q is not a pattern: %w", f.dest, err)
	}
	return nil
}

// find lists the jobs in the states. They are read before one is changed, because a change moves pages.
func (f *jobFilter) find(ctx context.Context, c *client.API, states ...api.JobState) ([]api.Job, error) {
	filter := client.JobFilter{}
	if f.file != "" {
		file, err := (&chooser{api: c}).one(ctx, f.file)
		if err != nil {
			return nil, err
		}
		filter.FileID = file.Id
	}
	var all []api.Job
	for _, filter.State = range states {
		for j, err := range c.Jobs(ctx, filter) {
			if err != nil {
				return nil, err
			}
			if f.dest == "" || matches(f.dest, j.Dest) {
				all = append(all, j)
			}
		}
	}
	return all, nil
}

func (a *app) cancelCommand() *cobra.Command {
	var f jobFilter
	c := &cobra.Command{
		Use:   "cancel <job-id>...",
		Short: "Cancel jobs",
		Long: `Cancel jobs. A queued job is cancelled at once; the agent that works on a leased one hears of it with its next heartbeat. An id may
be shortened to its beginning, 8 characters or more.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeJobs(c.Context(), args, f, (*client.API).CancelJob, api.JobStateQueued, api.JobStateLeased)
		},
	}
	f.flags(a, c, "queued and leased")
	a.completeJobs(c, api.JobStateQueued, api.JobStateLeased)
	return c
}

func (a *app) retryCommand() *cobra.Command {
	var f jobFilter
	c := &cobra.Command{
		Use:   "retry <job-id>...",
		Short: "Queue dead or cancelled jobs again",
		Long: `Queue dead or cancelled jobs again; their failures count from zero. --all means all dead ones. An id may be shortened to its
beginning, 8 characters or more.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeJobs(c.Context(), args, f, (*client.API).RetryJob, api.JobStateDead)
		},
	}
	f.flags(a, c, "dead")
	a.completeJobs(c, api.JobStateDead, api.JobStateCancelled)
	return c
}

// changeJobs does something with the jobs of the arguments, or with all that a filter lets through.
func (a *app) changeJobs(
	ctx context.Context, ids []string, f jobFilter, change func(*client.API, context.Context, string) (api.Job, error), states ...api.JobState,
) error {
	if err := f.check(ids); err != nil {
		return err
	}
	_, backend, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	if f.all {
		jobs, err := f.find(ctx, backend, states...)
		if err != nil {
			return err
		}
		for _, j := range jobs {
			ids = append(ids, j.Id)
		}
		if len(ids) == 0 && !a.json {
			fmt.Fprintln(a.errOut, "agent: 0 jobs: none is like this")
		}
	}
	p := a.printer()
	defer p.close()
	b := newBatch(ctx, 4)
	for _, id := range ids {
		b.do(id, func(ctx context.Context) error {
			if !idPattern.MatchString(id) {
				j, err := chooseJob(ctx, backend, id)
				if err != nil {
					return err
				}
				id = j.Id
			}
			j, err := change(backend, ctx, id)
			if err != nil {
				return err
			}
			note := string(j.State)
			if j.CancelRequested && j.State == api.JobStateLeased {
				note += ", cancellation requested"
			}
			p.result(j, "%s  %s  %s", j.Id, j.Dest, note)
			return nil
		})
	}
	return b.wait()
}

func (a *app) deleteCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "delete <file-id|name>...",
		Short: "Delete files from the catalogue and the bucket",
		Long: `Delete files from the catalogue, with their objects. Refused while a job of the file is queued or leased. Patterns and prefixes
need --yes. Of several files of one name, the newest goes.

` + chooseHelp,
		Args: atLeastFiles,
		RunE: func(c *cobra.Command, args []string) error { return a.deleteFiles(c.Context(), args, yes) },
	}
	c.Flags().BoolVar(&yes, "yes", false, "delete all files that patterns and prefixes mean")
	a.completeFiles(c)
	return c
}

func (a *app) deleteFiles(ctx context.Context, what []string, yes bool) error {
	_, backend, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	b := newBatch(ctx, 4)
	files := chooseAll(ctx, &chooser{api: backend}, what, b)
	if len(files) > len(what) && !yes {
		return usagef("this would delete %d files: add --yes", len(files))
	}
	p := a.printer()
	defer p.close()
	for _, f := range files {
		b.do(f.Name, func(ctx context.Context) error {
			if err := backend.DeleteFile(ctx, f.Id, ""); err != nil {
				return err
			}
			p.result(f, "%s  %s  deleted", f.Id, f.Name)
			return nil
		})
	}
	return b.wait()
}

func (a *app) statsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stats",
		Short: "The queue, the agents and the catalogue in numbers",
		Args:  none,
		RunE: func(c *cobra.Command, _ []string) error {
			_, backend, err := a.session(c.Context())
			if err != nil {
				return err
			}
			defer backend.Close()
			s, err := backend.Stats(c.Context())
			if err != nil {
				return err
			}
			return a.fields(s, [][2]string{
				{"jobs queued", fmt.Sprint(s.Queued)}, {"jobs leased", fmt.Sprint(s.Leased)}, {"jobs succeeded", fmt.Sprint(s.Succeeded)},
				{"jobs dead", fmt.Sprint(s.Dead)}, {"jobs cancelled", fmt.Sprint(s.Cancelled)},
				{"oldest job queued for", fmt.Sprintf("%.0f s", s.OldestQueuedS)}, {"agents seen", fmt.Sprint(s.AgentsSeen)},
				{"files ready", fmt.Sprint(s.FilesReady)}, {"files pending", fmt.Sprint(s.FilesPending)},
				{"stored", size(s.BytesStored)}, {"delivered", size(s.BytesDelivered)},
			})
		},
	}
}

// fields prints a single thing: a JSON object, or a line for each of its fields.
func (a *app) fields(v any, fields [][2]string) error {
	if a.json {
		return json.NewEncoder(text.JSON(a.out)).Encode(v)
	}
	width := 0
	for _, f := range fields {
		width = max(width, len(f[0]))
	}
	for _, f := range fields {
		if f[1] == "" {
			continue
		}
		if _, err := fmt.Fprintf(a.out, "%-*s  %s\n", width, f[0], text.Escape(f[1])); err != nil {
			return err
		}
	}
	return nil
}
