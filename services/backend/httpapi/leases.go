package httpapi

import (
	"context"
	"net/http"
	"time"

	"scalable-backend/services/api"
	"scalable-backend/services/backend"
)

func (h *handlers) CreateLeases(ctx context.Context, r CreateLeasesRequestObject) (CreateLeasesResponseObject, error) {
	agentID, err := id(r.Body.AgentId)
	if err != nil {
		return nil, err
	}
	claim := backend.Claim{
		AgentID: agentID,
		Caller:  callerOf(ctx).ID,
		Name:    value(r.Body.Name, ""),
		Version: value(r.Body.Version, ""),
		Max:     r.Body.Max,
	}
	if err := checkLabels(claim); err != nil {
		return nil, err
	}
	leases, err := h.service.Claim(ctx, claim, time.Duration(value(r.Body.WaitS, 0))*time.Second)
	if err != nil {
		return nil, err
	}
	return leasesResponse{
		CreateLeases200JSONResponse: CreateLeases200JSONResponse{Leases: each(leases, h.lease)},
		forget:                      func() { h.service.Forget(ctx, leases) },
	}, nil
}

// checkLabels refuses what an agent calls itself if that cannot be shown.
func checkLabels(c backend.Claim) error {
	if err := backend.CheckLabel("/name", c.Name); err != nil {
		return err
	}
	return backend.CheckLabel("/version", c.Version)
}

func (h *handlers) lease(l backend.GrantedLease) api.Lease {
	ttl := h.service.LeaseTTL()
	return api.Lease{
		LeaseId: l.ID.String(), Attempt: l.Attempt, Job: jobAnswer(l.Job), File: fileAnswer(l.File),
		SourceUrl: l.Source.URL, UrlExpiresAt: l.Source.ExpiresAt, TtlMs: ttl.Milliseconds(), HeartbeatMs: (ttl / 3).Milliseconds(),
	}
}

// leasesResponse gives the leases back if they cannot be delivered.
type leasesResponse struct {
	CreateLeases200JSONResponse
	forget func()
}

func (l leasesResponse) VisitCreateLeasesResponse(w http.ResponseWriter) error {
	err := l.CreateLeases200JSONResponse.VisitCreateLeasesResponse(w)
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	if err != nil && len(l.Leases) > 0 {
		l.forget()
	}
	return err
}

// leaseAnswer is the generated type, which has no name.
type leaseAnswer = struct {
	LeaseId api.Id          `json:"lease_id"`
	Status  api.LeaseStatus `json:"status"`
}

func (h *handlers) PostHeartbeat(ctx context.Context, r PostHeartbeatRequestObject) (PostHeartbeatResponseObject, error) {
	agentID, err := id(r.AgentId)
	if err != nil {
		return nil, err
	}
	progress := make([]backend.Progress, len(r.Body.Leases))
	for i, l := range r.Body.Leases {
		if progress[i].LeaseID, err = id(l.LeaseId); err != nil {
			return nil, err
		}
		progress[i].BytesDone = l.BytesDone
	}
	claim := backend.Claim{AgentID: agentID, Caller: callerOf(ctx).ID, Name: value(r.Body.Name, ""), Version: value(r.Body.Version, "")}
	if err := checkLabels(claim); err != nil {
		return nil, err
	}
	statuses, err := h.service.Heartbeat(ctx, claim, progress)
	if err != nil {
		return nil, err
	}
	answer := api.HeartbeatAnswer{Leases: make([]leaseAnswer, len(statuses))}
	for i, status := range statuses {
		answer.Leases[i].LeaseId, answer.Leases[i].Status = r.Body.Leases[i].LeaseId, api.LeaseStatus(status)
	}
	return PostHeartbeat200JSONResponse(answer), nil
}

func (h *handlers) GetLeaseSource(ctx context.Context, r GetLeaseSourceRequestObject) (GetLeaseSourceResponseObject, error) {
	leaseID, err := id(r.LeaseId)
	if err != nil {
		return nil, err
	}
	signed, err := h.service.Source(ctx, leaseID, callerOf(ctx).ID)
	if err != nil {
		return nil, err
	}
	return GetLeaseSource200JSONResponse{SourceUrl: signed.URL, UrlExpiresAt: signed.ExpiresAt}, nil
}

func (h *handlers) PutOutcome(ctx context.Context, r PutOutcomeRequestObject) (PutOutcomeResponseObject, error) {
	leaseID, err := id(r.LeaseId)
	if err != nil {
		return nil, err
	}
	outcome := backend.Outcome{
		Status: backend.OutcomeStatus(r.Body.Status), Bytes: r.Body.Bytes, Problem: jobProblem(r.Body.Problem),
		Duration: time.Duration(min(value(r.Body.Ms, 0), maxOutcomeMs)) * time.Millisecond,
	}
	if r.Body.Sha256 != nil {
		outcome.SHA256 = new(digest(*r.Body.Sha256))
	}
	job, err := h.service.FinishLease(ctx, leaseID, callerOf(ctx).ID, outcome)
	if err != nil {
		return nil, err
	}
	return PutOutcome200JSONResponse(jobAnswer(job)), nil
}

// maxOutcomeMs keeps an agent's word within what a duration can hold: a year.
const maxOutcomeMs = 366 * 24 * 3600 * 1000
