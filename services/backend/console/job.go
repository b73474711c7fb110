package console

import (
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/backend"
)

// history is how many attempts and events a job's page shows.
const history = 50

// jobData is what a job's page shows.
type jobData struct {
	backend.Job
	File     backend.File // zero once it is deleted, or for a caller who may not see files
	Attempts []attemptRow
	Events   []backend.JobEvent
	Retry    bool // it can be retried
	Cancel   bool // it can be cancelled
}

// attemptRow is one attempt. Took is by the agent's word, or by the backend's clock without one.
type attemptRow struct {
	backend.Attempt
	Took time.Duration
}

func (c *Console) job(q *request) (*page, error) {
	id, err := pathID(q, "job")
	if err != nil {
		return nil, err
	}
	ctx := q.Context()
	d := jobData{}
	if d.Job, err = c.Service.GetJob(ctx, id); err != nil {
		return nil, err
	}
	attempts, err := c.Service.ListAttempts(ctx, id, history)
	if err != nil {
		return nil, err
	}
	if d.Events, err = c.Service.ListJobEvents(ctx, id, history); err != nil {
		return nil, err
	}
	if q.caller.Has(backend.FilesRead) {
		if d.File, err = c.Service.GetFile(ctx, d.FileID); err != nil && backend.CodeOf(err) != backend.NotFound {
			return nil, err
		}
	}
	took := map[uuid.UUID]time.Duration{}
	for _, e := range d.Events {
		if e.Took > 0 {
			took[e.LeaseID] = e.Took
		}
	}
	for _, a := range attempts {
		row := attemptRow{a, took[a.LeaseID]}
		if row.Took == 0 && !a.EndedAt.IsZero() {
			row.Took = a.EndedAt.Sub(a.GrantedAt)
		}
		d.Attempts = append(d.Attempts, row)
	}
	d.Retry = d.State == backend.JobDead || d.State == backend.JobCancelled
	d.Cancel = d.State == backend.JobQueued || d.State == backend.JobLeased && !d.CancelRequested
	return &page{template: "job", title: "Job " + short(id), data: d, renew: renewal}, nil
}

// pathID is the id in a path.
func pathID(q *request, what string) (uuid.UUID, error) {
	id, err := uuid.Parse(q.PathValue("id"))
	if err != nil || len(q.PathValue("id")) != 36 {
		return id, backend.Errorf(backend.NotFound, "no such %s", what)
	}
	return id, nil
}
