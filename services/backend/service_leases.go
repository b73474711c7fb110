package backend

import (
	"context"
	"time"

	"github.com/google/uuid"

	"scalable-backend/services/internal/tracing"
)

const (
	// recheck bounds the wait between two looks at the queue: a hint of new work may be lost.
	recheck = time.Second
	// settle is the first wait when there is work that is due and cannot be leased: another waiter is just taking it, or it is
	// behind a job of the same destination. It doubles with each look that finds the same.
	settle = 50 * time.Millisecond
	// claimTimeout bounds one claim, which goes on when its client is gone: only so is known what was leased.
	claimTimeout = 10 * time.Second
)

// GrantedLease is a lease with the URL of its file's bytes.
type GrantedLease struct {
	Lease
	Source SignedURL
}

// Claim leases work, waiting up to wait for some. Each waiter claims for itself when there is something to be had, and holds no
// connection while it waits. When ctx ends first, whatever was leased goes back to the queue.
func (s *Service) Claim(ctx context.Context, c Claim, wait time.Duration) ([]GrantedLease, error) {
	if s.Draining() {
		return nil, &Error{Code: Unavailable, Detail: "the service is stopping", RetryAfter: time.Second}
	}
	deadline := time.Now().Add(wait)
	least := settle
	for look := ctx; ; look, least = tracing.Quiet(ctx), min(2*least, recheck) { // of a wait's many looks only the first is traced
		// Taken before the look, so that what comes between look and wait is not missed.
		signal := s.config.Wake()
		leases, err := s.claimNow(look, c)
		if err != nil || len(leases) > 0 {
			return leases, err
		}
		if again, err := s.awaitWork(look, signal, least, deadline); err != nil || !again {
			return nil, err
		}
	}
}

func (s *Service) claimNow(ctx context.Context, c Claim) ([]GrantedLease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	uncut, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTimeout)
	defer cancel()
	leases, err := s.store.ClaimJobs(uncut, c)
	if err != nil || len(leases) == 0 {
		return nil, err
	}
	granted := make([]GrantedLease, len(leases))
	for i, lease := range leases {
		granted[i].Lease = lease
		if err == nil {
			granted[i].Source, err = s.ContentURL(uncut, lease.File)
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.Forget(ctx, granted)
		return nil, err
	}
	return granted, nil
}

// Forget gives leases back whose answer did not reach their agent.
func (s *Service) Forget(ctx context.Context, leases []GrantedLease) {
	ids := make([]uuid.UUID, len(leases))
	for i, lease := range leases {
		ids[i] = lease.ID
	}
	s.cleanUp(ctx, "giving leases back", ids[0], func(ctx context.Context) error { return s.store.Abandon(ctx, ids) })
}

// Source presigns the bytes of a live lease once more.
func (s *Service) Source(ctx context.Context, id uuid.UUID, caller string) (SignedURL, error) {
	lease, err := s.store.GetLease(ctx, id, caller)
	if err != nil {
		return SignedURL{}, err
	}
	return s.ContentURL(ctx, lease.File)
}

// Heartbeat renews leases. While the service drains, ok becomes drain.
func (s *Service) Heartbeat(ctx context.Context, c Claim, progress []Progress) ([]LeaseStatus, error) {
	statuses, err := s.store.Heartbeat(ctx, c, progress)
	if err == nil && s.Draining() {
		for i, status := range statuses {
			if status == LeaseOK {
				statuses[i] = LeaseDrain
			}
		}
	}
	return statuses, err
}

// FinishLease records an outcome.
func (s *Service) FinishLease(ctx context.Context, id uuid.UUID, caller string, o Outcome) (Job, error) {
	if err := o.validate(); err != nil {
		return Job{}, err
	}
	return s.store.FinishLease(ctx, id, caller, o)
}
