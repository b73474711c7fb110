// Package metrics writes CloudWatch's embedded metric format: JSON lines from whose log CloudWatch makes metrics. It imports
// only the standard library, so that dashboards and alarms can take the names from here.
package metrics

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// DefaultNamespace is the CloudWatch namespace of all metrics.
const DefaultNamespace = "ScalableBackend"

// The dimensions.
const (
	DimensionStack = "stack" // of every metric
	DimensionRoute = "route" // of the request metrics, besides stack
)

// Queue metrics, written by a backend that sweeps. Statistic Maximum: several backends may write them.
const (
	QueueBacklog          = "QueueBacklog"          // jobs queued and leased
	QueueOldestAgeSeconds = "QueueOldestAgeSeconds" // since the oldest due job was due
	AgentsSeen            = "AgentsSeen"            // agents heard of within two lease times
	JobsDead              = "JobsDead"              // jobs that died since the last line; statistic Sum
)

// Request metrics of each backend, by route.
const (
	Requests         = "Requests"         // statistic Sum
	RequestErrors    = "RequestErrors"    // answers of 500 and more; statistic Sum
	RequestLatencyMs = "RequestLatencyMs" // a distribution
)

// Units of CloudWatch.
const (
	Count        = "Count"
	Seconds      = "Seconds"
	Milliseconds = "Milliseconds"
)

// Metric is one named value, or with Counts a distribution: Values[i] was seen Counts[i] times.
type Metric struct {
	Name, Unit string
	Value      float64
	Values     []float64
	Counts     []int64
}

// Emitter writes lines of one namespace and stack. It may be used concurrently.
type Emitter struct {
	namespace, stack string

	mu sync.Mutex
	w  io.Writer
}

// NewEmitter makes an emitter that writes to w.
func NewEmitter(w io.Writer, namespace, stack string) *Emitter {
	return &Emitter{namespace: namespace, stack: stack, w: w}
}

type definition struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

type directive struct {
	Namespace  string       `json:"Namespace"`
	Dimensions [][]string   `json:"Dimensions"`
	Metrics    []definition `json:"Metrics"`
}

type distribution struct {
	Values []float64 `json:"Values"`
	Counts []int64   `json:"Counts"`
}

// Emit writes one line: the metrics at an instant, with the dimension stack and the given ones.
func (e *Emitter) Emit(at time.Time, dimensions map[string]string, list ...Metric) error {
	names := append([]string{DimensionStack}, slices.Sorted(maps.Keys(dimensions))...)
	line := map[string]any{DimensionStack: e.stack}
	for name, value := range dimensions {
		line[name] = value
	}
	d := directive{Namespace: e.namespace, Dimensions: [][]string{names}}
	for _, m := range list {
		d.Metrics = append(d.Metrics, definition{m.Name, m.Unit})
		line[m.Name] = m.Value
		if m.Counts != nil {
			line[m.Name] = distribution{m.Values, m.Counts}
		}
	}
	line["_aws"] = map[string]any{"Timestamp": at.UnixMilli(), "CloudWatchMetrics": []directive{d}}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err = e.w.Write(append(text, '\n'))
	return err
}
