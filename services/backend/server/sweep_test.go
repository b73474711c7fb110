package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
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

// queue is a store with a job for a file of each name. A job has one attempt.
func queue(t *testing.T, names ...string) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Options{
		URL: testenv.Database(t), MaxConns: 2, CallTimeout: time.Minute, StatementTimeout: time.Minute, LockTimeout: time.Minute,
		AcquireTimeout: time.Minute, ConnectTimeout: time.Minute,
	})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(t.Context()))
	for _, name := range names {
		file, err := store.CreateFile(t.Context(), backend.NewFile{Name: name, PartSize: 5 << 20})
		require.NoError(t, err)
		upload, err := store.CreateUpload(t.Context(), backend.Upload{ID: uuid.New(), FileID: file.ID, Key: name})
		require.NoError(t, err)
		_, _, err = store.CompleteUpload(t.Context(), upload.ID, "v")
		require.NoError(t, err)
		_, err = store.SubmitJobs(t.Context(), []backend.NewJob{{FileID: file.ID, MaxAttempts: 1}})
		require.NoError(t, err)
	}
	return store
}

// sweeper is a server that only sweeps.
func sweeper(store *postgres.Store, out io.Writer, interval time.Duration) *server {
	return &server{
		config: config.Config{SweepInterval: interval}, store: store, log: slog.New(slog.DiscardHandler),
		requests: &metrics.RequestMetrics{}, emitter: metrics.NewEmitter(out, metrics.DefaultNamespace, "test"),
	}
}

func TestQueueMetrics(t *testing.T) {
	t.Parallel()
	store, ctx := queue(t, "a", "b"), t.Context()
	leases, err := store.ClaimJobs(ctx, backend.Claim{AgentID: uuid.New(), Caller: "c", Max: 1})
	require.NoError(t, err)
	require.Len(t, leases, 1)

	var out bytes.Buffer
	s := sweeper(store, &out, time.Hour)
	_, held := s.sweepOnce(ctx)
	require.True(t, held)
	require.Zero(t, s.emitQueue(ctx, time.Now(), 3))
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
	require.Equal(t, 2, s.emitQueue(ended, time.Now(), 2), "what is not written is left for the next time")
	require.Empty(t, out.String())

	// The database reports each dead job once, so a process that ends writes the deaths that it was told.
	s.emitDead(time.Now(), 0)
	require.Empty(t, out.String())
	s.emitDead(time.Now(), 2)
	line = nil
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, 2.0, line[metrics.JobsDead])
	require.NotContains(t, line, metrics.AgentsSeen)
}

// writing is a log of which nothing is told but that a line came.
type writing func()

func (w writing) Write(p []byte) (int, error) {
	w()
	return len(p), nil
}

// A death that is swept just before the process ends is counted all the same.
func TestLastDeathsAreWritten(t *testing.T) {
	t.Parallel()
	store := queue(t, "a")
	leases, err := store.ClaimJobs(t.Context(), backend.Claim{AgentID: uuid.New(), Caller: "c", Max: 1})
	require.NoError(t, err)
	require.Len(t, leases, 1)
	job, err := store.FinishLease(
		t.Context(),
		leases[0].ID,
		"c",
		backend.Outcome{Status: backend.Failed, Problem: &backend.JobProblem{Title: "no"}},
	)
	require.NoError(t, err)
	require.Equal(t, backend.JobDead, job.State)

	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := sweeper(store, &out, 10*time.Millisecond)
	s.log = slog.New(slog.NewTextHandler(writing(cancel), nil)) // of the death, before the first emission is due
	s.sweep(ctx)
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line), out.String())
	require.Equal(t, 1.0, line[metrics.JobsDead])
}
