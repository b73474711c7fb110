package cli

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"scalable-backend/services/agent/download"
	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

const jobsPerCall = 1000

type submitOptions struct {
	dest                  string
	priority, maxAttempts int
}

func (a *app) submitCommand() *cobra.Command {
	var o submitOptions
	c := &cobra.Command{
		Use:   "submit <file-id|name>...",
		Short: "Submit download jobs",
		Long: `Submit a download job for each file. A job that is queued or under way already is not made a second time.

` + chooseHelp,
		Args: atLeastFiles,
		RunE: func(c *cobra.Command, args []string) error { return a.submit(c.Context(), args, o) },
	}
	c.Flags().StringVar(&o.dest, "dest", "", "destination on the agent, for a single file (default the file's name)")
	c.Flags().IntVar(&o.priority, "priority", 0, "-100 to 100, higher goes first")
	c.Flags().IntVar(&o.maxAttempts, "max-attempts", 5, "failures before a job is dead, 1 to 100")
	a.completeFiles(c)
	return c
}

func (o submitOptions) check(files int) error {
	if o.priority < -100 || o.priority > 100 {
		return usagef("--priority: want -100 to 100, got %d", o.priority)
	}
	if o.maxAttempts < 1 || o.maxAttempts > 100 {
		return usagef("--max-attempts: want 1 to 100, got %d", o.maxAttempts)
	}
	if o.dest == "" {
		return nil
	}
	if files != 1 {
		return usagef("--dest: want a single file, got %d", files)
	}
	if _, err := download.CleanPath(o.dest); err != nil {
		return usageError{err}
	}
	return nil
}

func (a *app) submit(ctx context.Context, what []string, o submitOptions) error {
	if err := o.check(len(what)); err != nil {
		return err
	}
	_, backend, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	p := a.printer()
	defer p.close()
	b := newBatch(ctx, 1)
	var jobs []api.NewJob
	for _, f := range chooseAll(ctx, &chooser{api: backend}, what, b) {
		j := api.NewJob{FileId: f.Id, Priority: &o.priority, MaxAttempts: &o.maxAttempts}
		if o.dest != "" {
			j.Dest = &o.dest
		}
		if f.State != api.FileStateReady {
			b.failed(f.Name, fmt.Errorf("the file is %s: its upload has not completed", f.State))
			continue
		}
		jobs = append(jobs, j)
	}
	if o.dest != "" && len(jobs) > 1 {
		return usagef("--dest: want a single file, got %d", len(jobs))
	}
	for some := range slices.Chunk(jobs, jobsPerCall) {
		if b.ctx.Err() != nil {
			break
		}
		if err := submitSome(b.ctx, backend, some, p); err != nil {
			b.cancel(err)
		}
	}
	b.total += len(jobs)
	return b.wait()
}

func submitSome(ctx context.Context, c *client.API, jobs []api.NewJob, p *printer) error {
	submitted, err := c.CreateJobs(ctx, jobs)
	if err != nil {
		return fmt.Errorf("submitting jobs: %w", err)
	}
	for _, s := range submitted {
		note := string(s.Job.State)
		if s.Existing {
			note += ", was there already"
		}
		p.result(s, "%s  %s  %s", s.Job.Id, s.Job.Dest, note)
	}
	return nil
}

type listOptions struct {
	state, name string
	limit       int
	wide        bool
}

func (a *app) listCommand() *cobra.Command {
	var o listOptions
	c := &cobra.Command{
		Use:       "list [files|jobs]",
		Short:     "List files or jobs, newest first",
		ValidArgs: []string{"files", "jobs"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || (len(args) == 1 && args[0] != "files" && args[0] != "jobs") {
				return usagef("want files or jobs")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return a.list(c.Context(), args, o) },
	}
	c.Flags().StringVar(&o.state, "state", "", "only this state: pending, ready; queued, leased, succeeded, dead, cancelled")
	c.Flags().StringVar(&o.name, "name", "", "only files of this name, or jobs of the file of this id or name")
	c.Flags().IntVar(&o.limit, "limit", 100, "at most so many; 0 lists all")
	c.Flags().BoolVar(&o.wide, "wide", false, wideHelp)
	a.completeFileFlags(c, "name")
	complete(c, "state", "pending", "ready", "queued", "leased", "succeeded", "dead", "cancelled")
	return c
}

func (a *app) list(ctx context.Context, args []string, o listOptions) error {
	jobs := len(args) == 1 && args[0] == "jobs"
	if o.state != "" && ((jobs && !api.JobState(o.state).Valid()) || (!jobs && !api.FileState(o.state).Valid())) {
		return usagef("--state: no such state: %s", o.state)
	}
	if o.limit < 0 {
		return usagef("--limit: want 0 or more, got %d", o.limit)
	}
	_, backend, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	if jobs {
		return a.listJobs(ctx, backend, o)
	}
	return a.listFiles(ctx, backend, o)
}

func (a *app) listFiles(ctx context.Context, c *client.API, o listOptions) error {
	if !utf8.ValidString(o.name) {
		return usagef("--name: %q is not valid UTF-8", o.name)
	}
	t := a.table(o.wide, o.limit,
		column{name: "ID", id: true}, column{name: "STATE"}, column{name: "SIZE"}, column{name: "CREATED"}, column{name: "NAME", long: true})
	for f, err := range c.Files(ctx, client.FileFilter{State: api.FileState(o.state), Name: o.name}) {
		if err != nil {
			return err
		}
		if !t.row(f, f.Id, string(f.State), size(f.Size), at(f.CreatedAt), f.Name) {
			break
		}
	}
	return t.flush()
}

func (a *app) listJobs(ctx context.Context, c *client.API, o listOptions) error {
	filter := client.JobFilter{State: api.JobState(o.state)}
	if o.name != "" {
		f, err := (&chooser{api: c}).one(ctx, o.name)
		if err != nil {
			return err
		}
		filter.FileID = f.Id
	}
	t := a.table(o.wide, o.limit, column{name: "ID", id: true}, column{name: "STATE"}, column{name: "DONE"},
		column{name: "FAILURES", wide: true},
		column{name: "UPDATED"}, column{name: "DEST", long: true}, column{name: "PROBLEM", long: true, wide: true})
	for j, err := range c.Jobs(ctx, filter) {
		if err != nil {
			return err
		}
		why := ""
		if j.Problem != nil {
			why = j.Problem.Title
		}
		if !t.row(j, j.Id, string(j.State), size(j.BytesDone), fmt.Sprintf("%d/%d", j.Failures, j.MaxAttempts), at(j.UpdatedAt), j.Dest, why) {
			break
		}
	}
	return t.flush()
}
