package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/backend"
)

const (
	// actLimit is how many jobs one form changes at most, actTime how long it takes at most: what is left is asked for again.
	actLimit = 1000
	actTime  = 20 * time.Second
	// refusalsShown is how many of the jobs that could not be changed are listed.
	refusalsShown = 50
)

// action is something that a person does to jobs.
type action struct {
	name   string // as the form says
	did    string // as notices say
	verb   string // for people
	states []backend.JobState
	loses  bool // it is confirmed first
	do     func(ctx context.Context, s *backend.Service, id uuid.UUID) (backend.Job, error)
}

var actions = map[string]*action{
	"retry": {
		name: "retry", did: "retried", verb: "Retry", states: []backend.JobState{backend.JobDead, backend.JobCancelled},
		do: func(ctx context.Context, s *backend.Service, id uuid.UUID) (backend.Job, error) {
			return s.RetryJob(ctx, id)
		},
	},
	"cancel": {
		name: "cancel", did: "cancelled", verb: "Cancel", states: []backend.JobState{backend.JobQueued, backend.JobLeased}, loses: true,
		do: func(ctx context.Context, s *backend.Service, id uuid.UUID) (backend.Job, error) {
			return s.CancelJob(ctx, id)
		},
	},
}

// actData is what the confirmation and the result of an action show. Fields are what the next form sends.
type actData struct {
	Verb    string
	Count   int
	AtLeast bool // there may be more
	Few     []backend.FoundJob
	Fields  []field
	Back    string
	Lost    string // what is lost
	Refused []refusal
	Unshown int  // refusals that are not listed
	Left    bool // there is more to do
}

// field is a hidden one of a form.
type field struct{ Name, Value string }

// refusal is a job that could not be changed, and why.
type refusal struct {
	ID     uuid.UUID
	Reason string
}

// act cancels or retries jobs: those that are selected, or all that match a filter.
func (c *Console) act(q *request) (*page, error) {
	form := q.PostForm
	name, all := strings.CutSuffix(form.Get("do"), "-all")
	a := actions[name]
	if a == nil {
		return nil, backend.Errorf(backend.Invalid, "do: want retry, cancel, retry-all or cancel-all")
	}
	back := localPath(form.Get("back"))
	if all {
		return c.actAll(q, a, back)
	}
	ids, err := uuids(form["id"])
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, backend.Errorf(backend.Invalid, "no job is selected: tick the boxes in front of the jobs first")
	}
	if a.loses && form.Get("confirmed") == "" {
		d := actData{Verb: a.verb, Count: len(ids), Back: back, Lost: "What their agents have downloaded so far is not published."}
		for _, id := range ids {
			d.Fields = append(d.Fields, field{"id", id.String()})
		}
		d.Fields = append(d.Fields, field{"do", a.name})
		return &page{template: "confirm", title: a.verb + " jobs", data: d}, nil
	}
	done, refused, left, err := c.change(q.Context(), a, ids)
	if err != nil {
		return nil, err
	}
	if len(ids) == 1 && len(refused) == 1 {
		return nil, backend.Errorf(backend.Conflict, "%s", refused[0].Reason)
	}
	if len(refused) == 0 && len(left) == 0 {
		return &page{redirect: did(back, a.did, done)}, nil
	}
	d := actData{Verb: a.verb, Count: done, Back: back}
	for _, id := range left {
		d.Fields = append(d.Fields, field{"id", id.String()})
	}
	if d.Left = len(left) > 0; d.Left {
		d.Fields = append(d.Fields, field{"do", a.name}, field{"confirmed", "1"})
	}
	return result(d, refused), nil
}

// actAll does the same to all jobs that match the filter of the page that the form leads back to, the newest first: an older job of a
// destination waits for the newer one.
func (c *Console) actAll(q *request, a *action, back string) (*page, error) {
	form := q.PostForm
	list, err := url.Parse(back)
	if err != nil || list.Path != "/jobs" {
		return nil, backend.Errorf(backend.Invalid, "back: want the list of jobs whose filter is meant")
	}
	filter, err := jobFilterOf(list.Query().Get)
	if err != nil {
		return nil, err
	}
	after, err := cursorOf(form.Get("after"))
	if err != nil {
		return nil, err
	}
	state := backend.JobState(form.Get("now"))
	if state == "" {
		state = a.states[0]
	}
	if filter.State != "" {
		if state = backend.JobState(filter.State); !slices.Contains(a.states, state) {
			return nil, backend.Errorf(backend.Conflict, "jobs that are %s cannot be %s", state, a.did)
		}
	}
	search, err := filter.search()
	if err != nil {
		return nil, err
	}
	search.State = state
	found, err := c.Service.SearchJobs(q.Context(), search, backend.Page{Size: actLimit, After: after})
	if err != nil {
		return nil, err
	}
	d := actData{Verb: a.verb, Back: back, Lost: "What their agents have downloaded so far is not published."}
	d.Fields = append(d.Fields, field{"do", a.name + "-all"})
	if form.Get("confirmed") == "" {
		return c.confirmAll(q, a, d, filter, search, found)
	}
	ids := make([]uuid.UUID, len(found.Items))
	for i, job := range found.Items {
		ids[i] = job.ID
	}
	done, refused, left, err := c.change(q.Context(), a, ids)
	if err != nil {
		return nil, err
	}
	d.Count = done
	next := url.Values{}
	switch following := slices.Index(a.states, state) + 1; {
	case len(left) > 0: // they are looked for again, and no longer match if they were changed meanwhile
		next.Set("after", form.Get("after"))
		next.Set("now", string(state))
	case found.More:
		next.Set("after", cursorText(found.Next))
		next.Set("now", string(state))
	case filter.State == "" && following < len(a.states):
		next.Set("now", string(a.states[following]))
	}
	if d.Left = len(next) > 0; d.Left {
		for name, values := range next {
			d.Fields = append(d.Fields, field{name, values[0]})
		}
		d.Fields = append(d.Fields, field{"confirmed", "1"})
	}
	if !d.Left && len(refused) == 0 {
		return &page{redirect: did(back, a.did, done)}, nil
	}
	return result(d, refused), nil
}

// confirmAll asks before all jobs that match are changed. What it counts is one page of each state, so it may be at least so many.
func (c *Console) confirmAll(q *request, a *action, d actData, f jobFilter, s backend.JobSearch, found backend.Found[backend.FoundJob],
) (*page, error) {
	d.Count, d.AtLeast, d.Few = len(found.Items), found.More, found.Items
	if f.State == "" {
		for _, state := range a.states[1:] {
			s.State = state
			more, err := c.Service.SearchJobs(q.Context(), s, backend.Page{Size: actLimit})
			if err != nil {
				return nil, err
			}
			d.Count, d.AtLeast, d.Few = d.Count+len(more.Items), d.AtLeast || more.More, append(d.Few, more.Items...)
		}
	}
	if d.Count == 0 && !d.AtLeast {
		return nil, backend.Errorf(backend.NotFound, "no job matches that could be %s", a.did)
	}
	d.Few = d.Few[:min(len(d.Few), 5)]
	if !a.loses {
		d.Lost = ""
	}
	return &page{template: "confirm", title: a.verb + " all that match", data: d}, nil
}

// change does an action to each job. A job that it cannot be done to is refused with the reason; left are those for which there was
// no time.
func (c *Console) change(ctx context.Context, a *action, ids []uuid.UUID) (done int, refused []refusal, left []uuid.UUID, err error) {
	end := time.Now().Add(actTime)
	for i, id := range ids {
		if time.Now().After(end) {
			return done, refused, ids[i:], nil
		}
		_, err := a.do(ctx, c.Service, id)
		switch backend.CodeOf(err) {
		case "":
			done++
		case backend.Conflict, backend.NotFound:
			refused = append(refused, refusal{id, c.Host.Status(err).Detail})
		default:
			if done == 0 {
				return 0, nil, nil, err
			}
			c.Logger.ErrorContext(ctx, "a change of many jobs ended early", "action", a.name, "done", done, "error", err)
			return done, refused, ids[i:], nil
		}
	}
	return done, refused, nil, nil
}

func result(d actData, refused []refusal) *page {
	d.Refused, d.Unshown = refused[:min(len(refused), refusalsShown)], max(0, len(refused)-refusalsShown)
	p := &page{template: "result", title: "Not all is done", data: d}
	if d.Count == 0 && !d.Left {
		p.status = http.StatusConflict
	}
	return p
}

// did is the address to go back to, with what was done.
func did(back, what string, count int) string {
	u, err := url.Parse(back)
	if err != nil {
		return "/"
	}
	query := u.Query()
	query.Set("did", what)
	query.Set("n", strconv.Itoa(count))
	return address(u.Path, query)
}

// uuids reads ids, each once. A page has pageSize of them.
func uuids(texts []string) (ids []uuid.UUID, err error) {
	if len(texts) > actLimit {
		return nil, backend.Errorf(backend.Invalid, "id: want at most %d", actLimit)
	}
	for _, text := range texts {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, backend.Errorf(backend.Invalid, "id: this is none of a job")
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
