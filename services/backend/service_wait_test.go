package backend_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

// queue is a store with a queue from which nothing can be leased. The second claim of an agent fails, which ends its wait.
type queue struct {
	backend.Store
	due         func() (time.Duration, bool, error)
	asked       atomic.Int64
	claims      atomic.Int64
	claimedOnce sync.Map
}

func (q *queue) NextDue(context.Context) (time.Duration, bool, error) {
	q.asked.Add(1)
	return q.due()
}

func (q *queue) ClaimJobs(_ context.Context, c backend.Claim) ([]backend.Lease, error) {
	q.claims.Add(1)
	if _, again := q.claimedOnce.LoadOrStore(c.AgentID, true); again {
		return nil, errBroken
	}
	return nil, nil
}

func none() (time.Duration, bool, error) { return 0, false, nil }

// wait lets agents wait for work, and returns how long each did, and their errors.
func wait(ctx context.Context, s *backend.Service, agents int, limit time.Duration) (took []time.Duration, errs []error) {
	took, errs = make([]time.Duration, agents), make([]error, agents)
	var all sync.WaitGroup
	for i := range agents {
		all.Go(func() {
			began := time.Now()
			_, errs[i] = s.Claim(ctx, backend.Claim{AgentID: uuid.New(), Caller: "caller", Max: 1}, limit)
			took[i] = time.Since(began)
		})
	}
	all.Wait()
	return took, errs
}

// Agents without work cost the database next to nothing, however many they are.
func TestWaitersAskTogether(t *testing.T) {
	t.Parallel()
	q := &queue{due: none}
	took, errs := wait(t.Context(), backend.NewService(q, nil, backend.ServiceConfig{}), 200, 2500*time.Millisecond)
	for i := range took {
		require.NoError(t, errs[i])
		require.GreaterOrEqual(t, took[i], 2500*time.Millisecond)
	}
	require.EqualValues(t, 200, q.claims.Load(), "each claims once, as it comes")
	require.Less(t, time.Duration(q.asked.Load()), slices.Max(took)/(50*time.Millisecond))
}

func TestAJobThatBecomesDueEndsTheWait(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(700 * time.Millisecond)
	q := &queue{due: func() (time.Duration, bool, error) { return time.Until(at), true, nil }}
	took, errs := wait(t.Context(), backend.NewService(q, nil, backend.ServiceConfig{}), 2, 20*time.Second)
	require.ErrorIs(t, errs[0], errBroken)
	require.ErrorIs(t, errs[1], errBroken)
	require.False(t, time.Now().Before(at))
	require.Less(t, max(took[0], took[1]), 15*time.Second)
}

// The signal of a job can be lost with its connection.
func TestAJobWithoutASignalEndsTheWait(t *testing.T) {
	t.Parallel()
	var there atomic.Bool
	time.AfterFunc(300*time.Millisecond, func() { there.Store(true) })
	q := &queue{due: func() (time.Duration, bool, error) { return 0, there.Load(), nil }}
	took, errs := wait(t.Context(), backend.NewService(q, nil, backend.ServiceConfig{}), 1, 20*time.Second)
	require.ErrorIs(t, errs[0], errBroken)
	require.Less(t, took[0], 15*time.Second)
}

func TestASignalEndsTheWait(t *testing.T) {
	t.Parallel()
	signal := make(chan struct{})
	time.AfterFunc(200*time.Millisecond, func() { close(signal) })
	q := &queue{due: none}
	service := backend.NewService(q, nil, backend.ServiceConfig{Wake: func() <-chan struct{} { return signal }})
	took, errs := wait(t.Context(), service, 1, 20*time.Second)
	require.ErrorIs(t, errs[0], errBroken)
	require.Less(t, took[0], 15*time.Second)
}

// A waiter leaves when its client does, though the database, which all of them ask together, has not answered.
func TestAWaiterLeavesWhileTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	q := &queue{due: func() (time.Duration, bool, error) { leave(); <-release; return 0, false, nil }}
	took, errs := wait(ctx, backend.NewService(q, nil, backend.ServiceConfig{}), 3, 20*time.Second)
	for i := range took {
		require.ErrorIs(t, errs[i], context.Canceled)
		require.Less(t, took[i], 15*time.Second)
	}
	require.EqualValues(t, 1, q.asked.Load())
}

func TestAFailureEndsTheWait(t *testing.T) {
	t.Parallel()
	q := &queue{due: func() (time.Duration, bool, error) { return 0, false, errBroken }}
	_, errs := wait(t.Context(), backend.NewService(q, nil, backend.ServiceConfig{}), 1, time.Second)
	require.ErrorIs(t, errs[0], errBroken)
	_, errs = wait(t.Context(), backend.NewService(q, nil, backend.ServiceConfig{}), 1, 0)
	require.NoError(t, errs[0], "who does not wait asks nothing")
}
