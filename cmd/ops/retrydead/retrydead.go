// Package retrydead queues dead jobs again, when what killed them is repaired.
package retrydead

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"scalable-backend/cmd/ops/account"
	"scalable-backend/cmd/ops/backend"
	"scalable-backend/cmd/ops/command"
	"scalable-backend/cmd/ops/procedure"
	"scalable-backend/cmd/ops/stack"
)

// Command is the entry in the table.
func Command() command.Command {
	return command.Command{
		Name: "retry-dead", Summary: "queue dead jobs again, when what killed them is repaired",
		Usage: "[-stack STACK] [-dest PREFIX] [-file ID] [-gateway] [-yes] [-dry-run]", Run: run,
	}
}

type filter struct{ dest, file string }

func run(ctx context.Context, env *command.Env, args []string) error {
	flags := env.Flags(Command())
	from := stack.Flags(flags)
	var f filter
	flags.StringVar(&f.dest, "dest", "", "only jobs whose destination begins with this `prefix`")
	flags.StringVar(&f.file, "file", "", "only jobs of the file with this `id`")
	gateway := flags.Bool("gateway", false,
		"go through API Gateway, with your AWS identity, in place of the load balancer with the admin token")
	yes := flags.Bool("yes", false, "do not ask")
	dry := flags.Bool("dry-run", false, "print the calls and make none")
	if _, err := command.Parse(flags, args, 0); err != nil {
		return err
	}
	s, err := from.Load(ctx, env)
	if err != nil {
		return err
	}
	r := &procedure.Run{Env: env, Stack: s, Dry: *dry, Yes: *yes}
	var config aws.Config
	if !r.Dry {
		mine, err := account.Open(ctx, env, s)
		if err != nil {
			return err
		}
		config = mine.Config
	}
	var api *backend.Client
	if *gateway {
		api, err = backend.Gateway(r, config)
	} else {
		api, err = backend.Public(ctx, r, config)
	}
	if err != nil {
		return account.Explain(err)
	}
	if r.Dry {
		r.Say("  GET %s, every page", api.URL(f.path("")))
		r.Say("  (asks: how many there are, and whether to queue them again)")
		r.Say("  POST %s, for each, the oldest first", api.URL("/v1/jobs/<id>/retries"))
		return nil
	}
	return retry(ctx, r, api, f)
}

// path is one page of the dead jobs.
func (f filter) path(token string) string {
	q := url.Values{"state": {"dead"}, "page_size": {"500"}}
	if f.file != "" {
		q.Set("file_id", f.file)
	}
	if token != "" {
		q.Set("page_token", token)
	}
	return "/v1/jobs?" + q.Encode()
}

type job struct {
	ID      string `json:"id"`
	Dest    string `json:"dest"`
	Problem struct {
		Title string `json:"title"`
	} `json:"problem"`
}

// dead lists the jobs, the newest first. It reads all pages before anything changes: a page's token stands for a place in the list.
func dead(ctx context.Context, api *backend.Client, f filter) ([]job, error) {
	var out []job
	for token := ""; ; {
		var page struct {
			Jobs []job  `json:"jobs"`
			Next string `json:"next_page_token"`
		}
		if err := api.Call(ctx, http.MethodGet, f.path(token), &page); err != nil {
			return nil, err
		}
		for _, j := range page.Jobs {
			if strings.HasPrefix(j.Dest, f.dest) {
				out = append(out, j)
			}
		}
		if page.Next == "" {
			return out, nil
		}
		token = page.Next
	}
}

// retry asks, and queues the jobs again. Whatever ends it on the way: what is left is dead still, and the command can be run again.
func retry(ctx context.Context, r *procedure.Run, api *backend.Client, f filter) error {
	jobs, err := dead(ctx, api, f)
	if err != nil {
		return err
	}
	if len(jobs) == 0 {
		r.Say("no job is dead")
		return nil
	}
	r.Say("%d jobs are dead:", len(jobs))
	for _, c := range causes(jobs) {
		r.Say("  %6d  %s", c.count, c.title)
	}
	if err := r.Ask("Queue them again? Repair the cause first, or they die again."); err != nil {
		return err
	}
	queued, superseded, failed := 0, 0, 0
	for i, j := range slices.Backward(jobs) { // the oldest first, as they were submitted
		err := api.Call(ctx, http.MethodPost, "/v1/jobs/"+url.PathEscape(j.ID)+"/retries", nil)
		var problem *backend.Problem
		switch {
		case err == nil:
			queued++
		case errors.As(err, &problem) && problem.Status == http.StatusConflict:
			superseded++ // a newer job of the same destination takes its place, or somebody else has retried it
		case errors.As(err, &problem) && problem.Status == http.StatusNotFound:
			failed++
			r.Say("%s (%s): %s", j.ID, j.Dest, problem)
		default:
			return command.With(command.Unfinished, fmt.Errorf("%d queued again, %d left: run it again (%w)", queued, i+1, err))
		}
	}
	r.Say("%d queued again", queued)
	if superseded > 0 {
		r.Say("%d stay dead: a newer job of the same destination is queued, leased or done, or they are not dead any more", superseded)
	}
	if failed > 0 {
		return command.With(command.Failed, fmt.Errorf("%d could not be queued", failed))
	}
	return nil
}

type cause struct {
	title string
	count int
}

// causes counts the jobs by their last problem, the most frequent first.
func causes(jobs []job) []cause {
	count := map[string]int{}
	for _, j := range jobs {
		title := j.Problem.Title
		if title == "" {
			title = "no problem was reported"
		}
		count[title]++
	}
	var out []cause
	for _, title := range slices.Sorted(maps.Keys(count)) {
		out = append(out, cause{title, count[title]})
	}
	slices.SortStableFunc(out, func(a, b cause) int { return b.count - a.count })
	return out
}
