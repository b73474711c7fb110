package client

import (
	"context"
	"net/http"
	"time"

	"scalable-backend/services/api"
)

// longestTry is one second more than the time that an API Gateway gives its backend (29 s).
const longestTry = 30 * time.Second

// Lease asks for leases and waits up to r.WaitS seconds for them. It tries once: the caller counts the leases' time from the
// moment of the request, and decides itself whether to ask again.
func (a *API) Lease(ctx context.Context, r api.LeaseRequest) ([]api.Lease, error) {
	var wait time.Duration
	if r.WaitS != nil {
		wait = time.Duration(*r.WaitS) * time.Second
	}
	list, err := into[api.LeaseList](http.StatusOK)(a.raw.CreateLeases(once(ctx, wait+9*time.Second), r))
	return list.Leases, err
}

// LeaseSource returns a fresh URL of the object version that a lease is for.
func (a *API) LeaseSource(ctx context.Context, leaseID string) (api.Source, error) {
	return into[api.Source](http.StatusOK)(a.raw.GetLeaseSource(ctx, leaseID))
}

// Heartbeat renews leases. It tries once, for at most timeout: see Lease.
func (a *API) Heartbeat(ctx context.Context, agentID string, h api.Heartbeat, timeout time.Duration) (api.HeartbeatAnswer, error) {
	return into[api.HeartbeatAnswer](http.StatusOK)(a.raw.PostHeartbeat(once(ctx, timeout), agentID, h))
}

// PutOutcome reports how a lease ended. Repeating it is safe.
func (a *API) PutOutcome(ctx context.Context, leaseID string, o api.Outcome) (api.Job, error) {
	return into[api.Job](http.StatusOK)(a.raw.PutOutcome(ctx, leaseID, o))
}

// Agents returns the agents that were heard of last, at most limit (1 to 1000).
func (a *API) Agents(ctx context.Context, limit int) ([]api.Agent, error) {
	list, err := into[api.AgentList](http.StatusOK)(a.raw.ListAgents(ctx, &api.ListAgentsParams{Limit: &limit}))
	return list.Agents, err
}

// Stats returns the queue and the agents in numbers.
func (a *API) Stats(ctx context.Context) (api.Stats, error) {
	return into[api.Stats](http.StatusOK)(a.raw.GetStats(ctx))
}

// Whoami returns the caller as the backend sees it.
func (a *API) Whoami(ctx context.Context) (api.Caller, error) {
	return into[api.Caller](http.StatusOK)(a.raw.Whoami(ctx))
}

// Ready returns nil when the backend can serve requests: its database answers and it is not draining.
func (a *API) Ready(ctx context.Context) error {
	_, err := into[api.Health](http.StatusOK)(a.raw.GetReadiness(ctx))
	return err
}

// CreateToken makes a bearer token. It tries once: a repeat would make a second one.
func (a *API) CreateToken(ctx context.Context, t api.NewToken) (api.CreatedToken, error) {
	return into[api.CreatedToken](http.StatusCreated)(a.raw.CreateToken(ctx, t))
}

// RevokeToken revokes a token.
func (a *API) RevokeToken(ctx context.Context, id string) error {
	_, err := into[struct{}](http.StatusNoContent)(a.raw.RevokeToken(ctx, id))
	return err
}
