package server

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
	"scalable-backend/services/backend/config"
	"scalable-backend/services/backend/metrics"
	"scalable-backend/services/backend/postgres"
	"scalable-backend/services/internal/testenv"
)

func TestQueueMetrics(t *testing.T) {
	t.Parallel()
	store, err := postgres.Open(t.Context(), postgres.Options{URL: testenv.Database(t), MaxConns: 2})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(t.Context()))
	ctx := t.Context()
	for _, name := range []string{"a", "b"} {
		file, err := store.CreateFile(ctx, backend.NewFile{Name: name, PartSize: 5 << 20})
		require.NoError(t, err)
		upload, err := store.CreateUpload(ctx, backend.Upload{ID: uuid.New(), FileID: file.ID, Key: name})
		require.NoError(t, err)
		_, _, err = store.CompleteUpload(ctx, upload.ID, "v")
		require.NoError(t, err)
		_, err = store.SubmitJobs(ctx, []backend.NewJob{{FileID: file.ID, MaxAttempts: 1}})
		require.NoError(t, err)
	}
	leases, err := store.ClaimJobs(ctx, backend.Claim{AgentID: uuid.New(), Caller: "c", Max: 1})
	require.NoError(t, err)
	require.Len(t, leases, 1)

	var out bytes.Buffer
	s := &server{
		config: config.Config{}, store: store, log: slog.New(slog.DiscardHandler), requests: &metrics.RequestMetrics{},
		emitter: metrics.NewEmitter(&out, metrics.DefaultNamespace, "test"),
	}
	_, held := s.sweepOnce(ctx)
	require.True(t, held)
	s.emitQueue(ctx, time.Now(), 3)
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, 2.0, line[metrics.QueueBacklog], "queued and leased")
	require.Equal(t, 1.0, line[metrics.AgentsSeen])
	require.Equal(t, 3.0, line[metrics.JobsDead])
	require.GreaterOrEqual(t, line[metrics.QueueOldestAgeSeconds], 0.0)
	require.Equal(t, "test", line["stack"])

	out.Reset()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	s.emitQueue(ended, time.Now(), 0)
	require.Empty(t, out.String())
}
