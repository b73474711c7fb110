package server

import (
	"context"
	"time"

	"scalable-backend/services/backend"
)

// sample keeps the numbers of the last hour for the console: all processes try at every interval, and one of them does it. Each of them
// remembers the latest.
func (s *server) sample(ctx context.Context) {
	for pause := time.Duration(0); wait(ctx, pause); pause = backend.SampleInterval {
		if err := s.sampleOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("taking a sample of the numbers failed", "error", err)
		}
	}
}

func (s *server) sampleOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, choreTimeout)
	defer cancel()
	if _, err := s.store.TakeSample(ctx, backend.SampleInterval); err != nil {
		return err
	}
	return s.api.Remember(ctx)
}
