package metrics_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend/metrics"
)

func TestEmit(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	e := metrics.NewEmitter(&out, metrics.DefaultNamespace, "dev")
	require.NoError(t, e.Emit(time.UnixMilli(1700000000123), nil,
		metrics.Metric{Name: metrics.QueueBacklog, Unit: metrics.Count, Value: 7},
		metrics.Metric{Name: metrics.QueueOldestAgeSeconds, Unit: metrics.Seconds, Value: 1.5}))
	require.JSONEq(t, `{"_aws":{"Timestamp":1700000000123,"CloudWatchMetrics":[{"Namespace":"ScalableBackend","Dimensions":[["stack"]],
		"Metrics":[{"Name":"QueueBacklog","Unit":"Count"},{"Name":"QueueOldestAgeSeconds","Unit":"Seconds"}]}]},
		"stack":"dev","QueueBacklog":7,"QueueOldestAgeSeconds":1.5}`, out.String())
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
}

func TestRequests(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	e := metrics.NewEmitter(&out, "N", "dev")
	var r metrics.RequestMetrics
	r.Observe("getFile", 200, 300*time.Microsecond)
	r.Observe("getFile", 503, 100*time.Millisecond)
	r.Observe("getFile", 404, time.Hour)
	require.NoError(t, r.Flush(e, time.Now()))
	var line struct {
		Route         string `json:"route"`
		Requests      int
		RequestErrors int
		Latency       struct {
			Values []float64
			Counts []int64
		} `json:"RequestLatencyMs"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "getFile", line.Route)
	require.Equal(t, 3, line.Requests)
	require.Equal(t, 1, line.RequestErrors)
	require.Equal(t, []int64{1, 1, 1}, line.Latency.Counts)
	require.InDelta(t, 110, line.Latency.Values[1], 15)
	require.LessOrEqual(t, len(line.Latency.Values), 100, "a limit of the format")

	out.Reset()
	require.NoError(t, r.Flush(e, time.Now()))
	require.Empty(t, out.String(), "nothing is written twice")
}
