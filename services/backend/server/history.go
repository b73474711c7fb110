package server

import (
	"context"
	"time"

	"scalable-backend/services/backend"
)

const (
	// retainInterval is the time between two looks for history that has been kept for long enough.
	retainInterval = time.Minute
	// retainPause is left between two batches, so that removing never is all that the database does.
	retainPause = 100 * time.Millisecond
	// bucketLook is how often a process asks whether it is its turn to compare a page of the bucket with the catalogue, at most.
	bucketLook = 10 * time.Second
)

// retain removes history that has been kept for long enough, in batches. Several processes may do so at once: each leaves alone
// what another one is just removing.
func (s *server) retain(ctx context.Context) {
	kept := backend.Retention{Ended: s.config.RetainEnded, Dead: s.config.RetainDead}
	if kept == (backend.Retention{}) {
		return
	}
	var sum backend.Removed
	for wait(ctx, pauseOf(sum)) {
		removed, err := s.store.Retain(ctx, kept)
		if err != nil && ctx.Err() == nil {
			s.log.Error("removing old jobs failed", "error", err)
		}
		sum = backend.Removed{
			Jobs: sum.Jobs + removed.Jobs, Leases: sum.Leases + removed.Leases, Events: sum.Events + removed.Events,
			Files: sum.Files + removed.Files, More: removed.More,
		}
		if !sum.More && sum.Jobs+sum.Files > 0 {
			s.log.Info("old jobs removed", "jobs", sum.Jobs, "leases", sum.Leases, "events", sum.Events, "files", sum.Files)
			sum = backend.Removed{}
		}
	}
}

func pauseOf(sum backend.Removed) time.Duration {
	if sum.More {
		return retainPause
	}
	return retainInterval
}

// sweepBucket compares the bucket with the catalogue, page by page.
func (s *server) sweepBucket(ctx context.Context) {
	interval := s.config.BucketSweepInterval
	if interval == 0 {
		return
	}
	for wait(ctx, min(interval, bucketLook)) {
		result, err := s.sweepPage(ctx, interval)
		if err != nil && ctx.Err() == nil {
			s.log.Error("comparing the bucket with the catalogue failed", "error", err, "not_removed", result.Failed)
		}
		if result.Uploads+result.Objects+result.Multiparts > 0 {
			s.log.Info("left over in the bucket and removed",
				"objects", result.Objects, "multipart_uploads", result.Multiparts, "uploads_forgotten", result.Uploads)
		}
	}
}

func (s *server) sweepPage(ctx context.Context, interval time.Duration) (backend.BucketResult, error) {
	// A page with nothing but objects to delete takes some time; the next turn has another page then.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	return s.service.SweepBucket(ctx, interval)
}

// wait waits, and reports whether the process goes on.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
