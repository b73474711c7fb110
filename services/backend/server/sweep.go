package server

import (
	"context"
	"time"

	"scalable-backend/services/backend/metrics"
)

const (
	metricsInterval = 15 * time.Second
	choreTimeout    = 20 * time.Second
)

// sweep ends expired leases at every interval, if no other process is doing so, and writes metrics.
func (s *server) sweep(ctx context.Context) {
	sweeps, emissions := time.NewTicker(s.config.SweepInterval), time.NewTicker(metricsInterval)
	defer sweeps.Stop()
	defer emissions.Stop()
	var swept bool
	var dead int
	for {
		select {
		case <-sweeps.C:
			died, held := s.sweepOnce(ctx)
			swept, dead = swept || held, dead+died
		case at := <-emissions.C:
			if swept || dead > 0 {
				dead = s.emitQueue(ctx, at, dead)
			}
			swept = false
			s.emitRequests(at)
		case <-ctx.Done():
			s.emitDead(time.Now(), dead)
			s.emitRequests(time.Now())
			return
		}
	}
}

func (s *server) sweepOnce(ctx context.Context) (dead int, held bool) {
	ctx, cancel := context.WithTimeout(ctx, choreTimeout)
	defer cancel()
	result, held, err := s.store.Sweep(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		s.log.Error("ending expired leases failed", "error", err)
	case result.Expired > 0 || result.Dead > 0:
		s.log.Info("leases expired or jobs died", "expired", result.Expired, "dead", result.Dead)
	}
	return result.Dead, held
}

// emitQueue writes the queue's metrics, and returns the deaths that it could not write. They are written by whoever swept
// lately; statistic Maximum makes one of several.
func (s *server) emitQueue(ctx context.Context, at time.Time, dead int) (left int) {
	ctx, cancel := context.WithTimeout(ctx, choreTimeout)
	defer cancel()
	stats, err := s.store.Stats(ctx)
	if err == nil {
		err = s.emitter.Emit(at, nil,
			metrics.Metric{Name: metrics.QueueBacklog, Unit: metrics.Count, Value: float64(stats.Queued + stats.Leased)},
			metrics.Metric{Name: metrics.QueueOldestAgeSeconds, Unit: metrics.Seconds, Value: stats.OldestQueued.Seconds()},
			metrics.Metric{Name: metrics.AgentsSeen, Unit: metrics.Count, Value: float64(stats.AgentsSeen)},
			metrics.Metric{Name: metrics.JobsDead, Unit: metrics.Count, Value: float64(dead)})
	}
	if err == nil {
		return 0
	}
	if ctx.Err() == nil {
		s.log.Error("writing the queue's metrics failed", "error", err)
	}
	return dead
}

// emitDead writes the deaths that this process knows of and the database will not tell again.
func (s *server) emitDead(at time.Time, dead int) {
	if dead == 0 {
		return
	}
	if err := s.emitter.Emit(at, nil, metrics.Metric{Name: metrics.JobsDead, Unit: metrics.Count, Value: float64(dead)}); err != nil {
		s.log.Error("writing the queue's metrics failed", "error", err, "dead", dead)
	}
}

func (s *server) emitRequests(at time.Time) {
	if err := s.requests.Flush(s.emitter, at); err != nil {
		s.log.Error("writing the requests' metrics failed", "error", err)
	}
}
