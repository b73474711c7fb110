package metrics

import (
	"errors"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// RequestMetrics counts requests by route between two flushes. Observing costs one lock and no allocation.
type RequestMetrics struct {
	mu     sync.Mutex
	routes map[string]*route
}

// buckets is the size of a latency histogram: bucket i holds up to 1.25^i ms, the last one everything above (about 85 s).
const buckets = 52

const growth = 1.25

type route struct {
	requests, errors int64
	latency          [buckets]int64
}

// Observe counts one request.
func (r *RequestMetrics) Observe(name string, status int, took time.Duration) {
	bucket := 0
	if ms := float64(took) / float64(time.Millisecond); ms > 1 {
		bucket = min(int(math.Ceil(math.Log(ms)/math.Log(growth))), buckets-1)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.routes == nil {
		r.routes = map[string]*route{}
	}
	of := r.routes[name]
	if of == nil {
		of = &route{}
		r.routes[name] = of
	}
	of.requests++
	if status >= 500 {
		of.errors++
	}
	of.latency[bucket]++
}

// Flush emits what was counted since the last flush, a line for each route that was called.
func (r *RequestMetrics) Flush(e *Emitter, at time.Time) error {
	r.mu.Lock()
	routes := r.routes
	r.routes = nil
	r.mu.Unlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(routes)) {
		of := routes[name]
		latency := Metric{Name: RequestLatencyMs, Unit: Milliseconds}
		for i, n := range of.latency {
			if n > 0 {
				latency.Values = append(latency.Values, math.Round(math.Pow(growth, float64(i))*100)/100)
				latency.Counts = append(latency.Counts, n)
			}
		}
		errs = append(errs, e.Emit(at, map[string]string{DimensionRoute: name},
			Metric{Name: Requests, Unit: Count, Value: float64(of.requests)},
			Metric{Name: RequestErrors, Unit: Count, Value: float64(of.errors)}, latency))
	}
	return errors.Join(errs...)
}
