package httpapi

import (
	"context"
	"net/url"

	"github.com/google/uuid"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

const (
	defaultMaxAttempts = 5
	defaultLimit       = 100
)

func (h *handlers) CreateJobs(ctx context.Context, r CreateJobsRequestObject) (CreateJobsResponseObject, error) {
	jobs := make([]backend.NewJob, len(r.Body.Jobs))
	for i, j := range r.Body.Jobs {
		fileID, err := id(j.FileId)
		if err != nil {
			return nil, err
		}
		jobs[i] = backend.NewJob{
			FileID:      fileID,
			Dest:        value(j.Dest, ""),
			Priority:    value(j.Priority, 0),
			MaxAttempts: value(j.MaxAttempts, defaultMaxAttempts),
		}
	}
	if err := backend.ValidateJobs(jobs); err != nil {
		return nil, err
	}
	return h.once(
		ctx,
		"createJobs",
		r.Params.IdempotencyKey,
		r.Body,
		func(ctx context.Context, store backend.Store) (backend.Response, error) {
			submitted, err := store.SubmitJobs(ctx, jobs)
			if err != nil {
				return backend.Response{}, err
			}
			return created(nil, api.SubmittedJobs{Jobs: each(submitted, func(s backend.SubmittedJob) api.SubmittedJob {
				return api.SubmittedJob{Job: jobAnswer(s.Job), Existing: s.Existing}
			})})
		},
	)
}

func (h *handlers) ListJobs(ctx context.Context, r ListJobsRequestObject) (ListJobsResponseObject, error) {
	filter, query := backend.JobFilter{}, url.Values{}
	if r.Params.State != nil {
		filter.State = backend.JobState(*r.Params.State)
		query.Set("state", string(filter.State))
	}
	if r.Params.FileId != nil {
		fileID, err := id(*r.Params.FileId)
		if err != nil {
			return nil, err
		}
		filter.FileID = &fileID
		query.Set("file_id", *r.Params.FileId)
	}
	page, err := fetchPage(h.seal, "jobs", query, r.Params.PageSize, r.Params.PageToken,
		func(p backend.Page) ([]backend.Job, error) { return h.service.ListJobs(ctx, filter, p) },
		func(j backend.Job) backend.Cursor { return backend.Cursor{CreatedAt: j.CreatedAt, ID: j.ID} })
	if err != nil {
		return nil, err
	}
	return ListJobs200JSONResponse{
		Body:    api.JobPage{Jobs: each(page.items, jobAnswer), NextPageToken: page.next},
		Headers: ListJobs200ResponseHeaders{Link: page.link},
	}, nil
}

// job does something to one job.
func (h *handlers) job(ctx context.Context, text string, do func(context.Context, uuid.UUID) (backend.Job, error)) (api.Job, error) {
	jobID, err := id(text)
	if err != nil {
		return api.Job{}, err
	}
	job, err := do(ctx, jobID)
	return jobAnswer(job), err
}

func (h *handlers) GetJob(ctx context.Context, r GetJobRequestObject) (GetJobResponseObject, error) {
	job, err := h.job(ctx, r.JobId, h.service.GetJob)
	if err != nil {
		return nil, err
	}
	return GetJob200JSONResponse(job), nil
}

func (h *handlers) ListAttempts(ctx context.Context, r ListAttemptsRequestObject) (ListAttemptsResponseObject, error) {
	jobID, err := id(r.JobId)
	if err != nil {
		return nil, err
	}
	attempts, err := h.service.ListAttempts(ctx, jobID, value(r.Params.Limit, defaultLimit))
	if err != nil {
		return nil, err
	}
	return ListAttempts200JSONResponse{Attempts: each(attempts, attemptAnswer)}, nil
}

func (h *handlers) CancelJob(ctx context.Context, r CancelJobRequestObject) (CancelJobResponseObject, error) {
	job, err := h.job(ctx, r.JobId, h.service.CancelJob)
	if err != nil {
		return nil, err
	}
	return CancelJob200JSONResponse(job), nil
}

func (h *handlers) RetryJob(ctx context.Context, r RetryJobRequestObject) (RetryJobResponseObject, error) {
	job, err := h.job(ctx, r.JobId, h.service.RetryJob)
	if err != nil {
		return nil, err
	}
	return RetryJob200JSONResponse(job), nil
}
