package postgres

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

func (b *bundle) sample() {
	b.t.Helper()
	taken, err := b.TakeSample(b.t.Context(), 0)
	require.NoError(b.t, err)
	require.True(b.t, taken)
}

func TestSamplesTellOfTheLastHour(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(1)
	b.sample()
	good := b.lease(c)
	_, err := b.finish(good, success(good))
	require.NoError(t, err)
	for range 2 {
		bad := b.lease(c, func(j *backend.NewJob) { j.MaxAttempts = 1 })
		_, err = b.finish(bad, backend.Outcome{Status: backend.Failed})
		require.NoError(t, err)
	}
	b.submit(5)
	b.sample() // sees the events up to here
	b.sample() // and counts those before
	b.sample()
	samples, now, err := b.ListSamples(t.Context())
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), now, time.Minute)
	require.Len(t, samples, 4)
	require.EqualValues(t, 0, samples[0].Queued)
	require.EqualValues(t, 5, samples[1].Queued)
	require.EqualValues(t, 1, samples[1].Succeeded)
	require.EqualValues(t, 2, samples[1].Dead)
	require.EqualValues(t, fileSize, samples[1].BytesDelivered)
	counted := func(i int) []int64 { return []int64{samples[i].Attempts, samples[i].Failed} }
	require.Equal(t, []int64{0, 0}, counted(1))
	require.Equal(t, []int64{3, 2}, counted(2), "one sample later: by then all who were writing have ended")
	require.Equal(t, []int64{0, 0}, counted(3), "once each")

	b.exec(`UPDATE samples SET at = at - interval '2 hours' WHERE at < $1`, samples[2].At)
	b.sample()
	samples, _, err = b.ListSamples(t.Context())
	require.NoError(t, err)
	require.Len(t, samples, 3)
	require.EqualValues(t, 3, scalar[int](b, `SELECT count(*) FROM samples`), "what is older than an hour is removed")
}

// Backends that try at the same time take one sample between them.
func TestOneBackendSamples(t *testing.T) {
	t.Parallel()
	b := setup(t)
	others := []*Store{b.Store, open(t, b.url), open(t, b.url)}
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 5 {
		for _, s := range others {
			all.Go(func() {
				did, err := s.TakeSample(t.Context(), time.Minute)
				if err != nil {
					t.Error(err)
				}
				if did {
					taken.Add(1)
				}
			})
		}
	}
	all.Wait()
	require.EqualValues(t, 1, taken.Load())
	require.Equal(t, 1, scalar[int](b, `SELECT count(*) FROM samples`))
}
