package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

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
		Long:  "Submit a download job for each file. A job that is queued or under way already is not made a second time.",
		Args:  atleastFiles,
		RunE:  func(c *cobra.Command, args []string) error { return a.submit(c.Context(), args, o) },
	}
	c.Flags().StringVar(&o.dest, "dest", "", "destination on the agent, for a single file (default the file's name)")
	c.Flags().IntVar(&o.priority, "priority", 0, "-100 to 100, higher goes first")
	c.Flags().IntVar(&o.maxAttempts, "max-attempts", 5, "failures before a job is dead, 1 to 100")
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
	var jobs []api.NewJob
	for _, w := range what {
		f, err := find(ctx, backend, w)
		if err != nil {
			return err
		}
		j := api.NewJob{FileId: f.Id, Priority: &o.priority, MaxAttempts: &o.maxAttempts}
		if o.dest != "" {
			j.Dest = &o.dest
		}
		jobs = append(jobs, j)
	}
	p := a.printer()
	defer p.close()
	for batch := range slices.Chunk(jobs, jobsPerCall) {
		submitted, err := backend.CreateJobs(ctx, batch)
		if err != nil {
			return fmt.Errorf("submitting: %w", err)
		}
		for _, s := range submitted {
			note := string(s.Job.State)
			if s.Existing {
				note += ", was there already"
			}
			p.result(s, "%s  %s  %s", s.Job.Id, s.Job.Dest, note)
		}
	}
	return nil
}

type listOptions struct {
	state, name string
	limit       int
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
	t := a.table("ID", "STATE", "SIZE", "CREATED", "NAME")
	for f, err := range c.Files(ctx, client.FileFilter{State: api.FileState(o.state), Name: o.name}) {
		if err != nil {
			return err
		}
		if !t.row(o.limit, f, f.Id, string(f.State), size(f.Size), f.CreatedAt.Format(time.DateTime), f.Name) {
			break
		}
	}
	return t.w.Flush()
}

func (a *app) listJobs(ctx context.Context, c *client.API, o listOptions) error {
	filter := client.JobFilter{State: api.JobState(o.state)}
	if o.name != "" {
		f, err := find(ctx, c, o.name)
		if err != nil {
			return err
		}
		filter.FileID = f.Id
	}
	t := a.table("ID", "STATE", "DONE", "FAILURES", "UPDATED", "DEST", "PROBLEM")
	for j, err := range c.Jobs(ctx, filter) {
		if err != nil {
			return err
		}
		why := ""
		if j.Problem != nil {
			why = j.Problem.Title
		}
		if !t.row(o.limit, j, j.Id, string(j.State), size(j.BytesDone), fmt.Sprintf("%d/%d", j.Failures, j.MaxAttempts),
			j.UpdatedAt.Format(time.DateTime), j.Dest, why) {
			break
		}
	}
	return t.w.Flush()
}

// table prints rows in columns, or as JSON.
type table struct {
	p    *printer
	w    *tabwriter.Writer
	rows int
}

func (a *app) table(header ...string) *table {
	t := &table{p: &printer{a: a}, w: tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)}
	if !a.json {
		fmt.Fprintln(t.w, strings.Join(header, "\t"))
	}
	return t
}

// row adds one and reports whether there may be more.
func (t *table) row(limit int, v any, cells ...string) bool {
	if t.p.a.json {
		t.p.result(v, "")
	} else {
		fmt.Fprintln(t.w, strings.Join(cells, "\t"))
	}
	t.rows++
	return limit == 0 || t.rows < limit
}
