package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"scalable-backend/services/api"
	"scalable-backend/services/client"
)

func (a *app) showCommand() *cobra.Command {
	var wide bool
	c := &cobra.Command{
		Use:   "show <job-id|file-id|name>",
		Short: "Show a job with its attempts, or a file",
		Long: `Show a job with its attempts, the newest first, or a file. An attempt is an agent's lease of the job. An id may be shortened to
its beginning, 8 characters or more.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("want one job or file")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return a.show(c.Context(), args[0], wide) },
	}
	c.Flags().BoolVar(&wide, "wide", false, wideHelp)
	a.completeJobsAndFiles(c)
	return c
}

func (a *app) show(ctx context.Context, what string, wide bool) error {
	_, backend, err := a.session(ctx)
	if err != nil {
		return err
	}
	defer backend.Close()
	if idStart.MatchString(what) {
		j, err := chooseJob(ctx, backend, what)
		if err == nil {
			return a.showJob(ctx, backend, j, wide)
		}
		if exitCode(ctx, err) != ExitNotFound {
			return err
		}
	}
	f, err := (&chooser{api: backend}).one(ctx, what)
	if err != nil {
		return err
	}
	ready, version := "", ""
	if f.ReadyAt != nil {
		ready = at(*f.ReadyAt)
	}
	if f.Version != nil {
		version = *f.Version
	}
	return a.fields(f, [][2]string{
		{"file", f.Id}, {"name", f.Name}, {"state", string(f.State)}, {"size", fmt.Sprintf("%s (%d bytes)", size(f.Size), f.Size)},
		{"sha256", f.Sha256}, {"parts of", size(f.PartSize)}, {"object version", version}, {"created", at(f.CreatedAt)}, {"ready", ready},
	})
}

// attemptsShown is how many of a job's attempts are asked for.
const attemptsShown = 100

func (a *app) showJob(ctx context.Context, c *client.API, j api.Job, wide bool) error {
	attempts, err := c.Attempts(ctx, j.Id, attemptsShown)
	if err != nil && client.StatusOf(err) != http.StatusNotFound { // a backend of an older release does not tell of attempts
		return err
	}
	next, cancel := "", ""
	if j.State == api.JobStateQueued {
		next = at(j.RunAt)
	}
	if j.CancelRequested {
		cancel = "requested"
	}
	if err := a.fields(shownJob{j, append([]api.Attempt{}, attempts...)}, [][2]string{
		{"job", j.Id}, {"file", j.FileId}, {"destination", j.Dest}, {"state", string(j.State)}, {"cancellation", cancel},
		{"priority", fmt.Sprint(j.Priority)}, {"leases granted", fmt.Sprint(j.Grants)},
		{"failures", fmt.Sprintf("%d of %d", j.Failures, j.MaxAttempts)}, {"done", fmt.Sprintf("%s (%d bytes)", size(j.BytesDone), j.BytesDone)},
		{"last problem", problemText(j.Problem)}, {"not before", next}, {"created", at(j.CreatedAt)}, {"updated", at(j.UpdatedAt)},
	}); err != nil || a.json || len(attempts) == 0 {
		return err
	}
	return a.showAttempts(attempts, wide)
}

// shownJob is the result of show for a job as JSON.
type shownJob struct {
	api.Job
	Attempts []api.Attempt `json:"attempts"`
}

func (a *app) showAttempts(attempts []api.Attempt, wide bool) error {
	if _, err := fmt.Fprintln(a.out); err != nil {
		return err
	}
	t := a.table(wide, 0, column{name: "ATTEMPT"}, column{name: "END"}, column{name: "BEGUN"}, column{name: "TOOK"},
		column{name: "AGENT", long: true}, column{name: "PROBLEM", long: true}, column{name: "LEASE", wide: true})
	for _, one := range attempts {
		end, took := "under way", ""
		if one.End != nil {
			end = string(*one.End)
		}
		if one.EndedAt != nil {
			took = one.EndedAt.Sub(one.GrantedAt).Round(time.Millisecond).String()
		}
		t.row(one, fmt.Sprint(one.Attempt), end, at(one.GrantedAt), took, agentName(one.AgentName, one.AgentId), problemText(one.Problem),
			one.LeaseId)
	}
	return t.flush()
}

func problemText(p *api.JobProblem) string {
	switch {
	case p == nil:
		return ""
	case p.Detail == nil:
		return p.Title
	}
	return p.Title + ": " + *p.Detail
}

// agentName is an agent's label, or its id where it has none.
func agentName(name *string, id string) string {
	if name == nil {
		return id
	}
	return *name
}
