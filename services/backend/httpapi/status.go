package httpapi

import (
	"bytes"
	"context"

	"scalable-backend/services/api"
)

func (h *handlers) Whoami(ctx context.Context, _ WhoamiRequestObject) (WhoamiResponseObject, error) {
	caller := callerOf(ctx)
	return Whoami200JSONResponse{Id: caller.ID, Door: api.CallerDoor(caller.Door), Scopes: scopesAnswer(caller.Scopes)}, nil
}

func (h *handlers) GetStats(ctx context.Context, _ GetStatsRequestObject) (GetStatsResponseObject, error) {
	s, err := h.service.Stats(ctx)
	if err != nil {
		return nil, err
	}
	return GetStats200JSONResponse{
		Queued: s.Queued, Leased: s.Leased, Succeeded: s.Succeeded, Dead: s.Dead, Cancelled: s.Cancelled,
		OldestQueuedS: s.OldestQueued.Seconds(), AgentsSeen: s.AgentsSeen, FilesReady: s.FilesReady, FilesPending: s.FilesPending,
		BytesStored: s.BytesStored, BytesDelivered: s.BytesDelivered,
	}, nil
}

func (h *handlers) ListAgents(ctx context.Context, r ListAgentsRequestObject) (ListAgentsResponseObject, error) {
	agents, err := h.service.ListAgents(ctx, value(r.Params.Limit, defaultLimit))
	if err != nil {
		return nil, err
	}
	return ListAgents200JSONResponse{Agents: each(agents, agentAnswer)}, nil
}

func (h *handlers) GetDocument(context.Context, GetDocumentRequestObject) (GetDocumentResponseObject, error) {
	return GetDocument200ApplicationyamlResponse{Body: bytes.NewReader(api.Document), ContentLength: int64(len(api.Document))}, nil
}

func (h *handlers) GetHealth(context.Context, GetHealthRequestObject) (GetHealthResponseObject, error) {
	return GetHealth200JSONResponse{Status: api.HealthStatusOk, Version: optionalText(h.config.Version)}, nil
}

func (h *handlers) GetReadiness(ctx context.Context, _ GetReadinessRequestObject) (GetReadinessResponseObject, error) {
	if err := h.service.Ready(ctx); err != nil {
		return nil, err
	}
	return GetReadiness200JSONResponse{Status: api.HealthStatusOk, Version: optionalText(h.config.Version)}, nil
}
