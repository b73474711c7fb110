package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"scalable-backend/services/api"
	"scalable-backend/services/internal/servers"
)

// PostgreSQL is stopped and started again while agents, two backends and a reader work, and a transaction has held its
// snapshot since before. Nobody dies, every caller hears 503 at worst, every job is done once, and the herd that comes back
// finds an open door.
func TestDatabaseRestartsUnderLoad(t *testing.T) {
	t.Parallel()
	postgres, err := servers.StartPostgres(t.Context(), filepath.Join(shared.dir, "postgres"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, postgres.Remove()) })
	require.NoError(t, postgres.CreateDatabase(t.Context(), "backend"))
	s := newSystemOn(t, postgres.URL("backend"))
	one, two := s.begin(nil), s.begin(nil) // two instances migrate an empty database at once
	s.url = doors(one)["public"]
	other := doors(two)["public"]
	o := s.upload(100_000)
	const jobs = 60
	submitted := s.submitMany(o, jobs)
	hold := s.holdSnapshot()

	stop := make(chan struct{})
	var answers [2]atomic.Int64 // good ones, and those that say "later"
	var load errgroup.Group
	load.Go(func() error { return s.readUntil(stop, &answers) })
	for i := range 4 {
		env := map[string]string{}
		if i%2 == 1 {
			env["AGENT_API_URL"] = other
		}
		s.agent(t.TempDir(), env)
	}
	s.succeeded(submitted[0].Id)
	hold()
	postgres.Stop()
	require.Eventually(t, func() bool { return answers[1].Load() > 0 }, patience, 10*time.Millisecond, "callers hear 503")
	resp, err := s.get("/healthz")
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode, "a backend without a database is alive")
	resp, err = s.get("/readyz")
	require.NoError(t, err)
	require.Equal(t, 503, resp.StatusCode, "and not ready")
	require.NoError(t, postgres.Start(t.Context()))
	for _, j := range submitted {
		s.succeeded(j.Id)
		s.once(j.Id)
	}
	close(stop)
	require.NoError(t, load.Wait())
	require.Positive(t, answers[0].Load())
	for _, p := range []*program{one, two} {
		select {
		case <-p.process.Done():
			require.Fail(t, "a backend ended")
		default:
		}
	}
}

func (s *system) submitMany(o object, n int) (made []api.Job) {
	s.t.Helper()
	var jobs []api.NewJob
	for i := range n {
		dest := fmt.Sprintf("f-%d", i)
		jobs = append(jobs, api.NewJob{FileId: o.Id, Dest: &dest})
	}
	submitted, err := s.client().CreateJobs(s.t.Context(), jobs)
	require.NoError(s.t, err)
	for _, j := range submitted {
		made = append(made, j.Job)
	}
	return made
}

// holdSnapshot opens a transaction that keeps its snapshot, and so all dead rows, until the returned function is called.
func (s *system) holdSnapshot() (end func()) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.database)
	require.NoError(s.t, err)
	tx, err := conn.BeginTx(s.t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(s.t, err)
	var n int
	require.NoError(s.t, tx.QueryRow(s.t.Context(), `SELECT count(*) FROM jobs`).Scan(&n))
	return func() { _ = conn.Close(context.Background()) }
}

// readUntil asks for the statistics all the time. Anything but an answer or a proper 503 is an error.
func (s *system) readUntil(stop <-chan struct{}, answers *[2]atomic.Int64) error {
	for {
		select {
		case <-stop:
			return nil
		case <-time.After(10 * time.Millisecond):
		}
		resp, err := s.get("/v1/stats")
		switch {
		case err != nil:
			return err
		case resp.StatusCode == 200:
			answers[0].Add(1)
		case unavailable(resp):
			answers[1].Add(1)
		default:
			return fmt.Errorf("GET /v1/stats answered %d", resp.StatusCode)
		}
	}
}

// All connections to the database wait for a lock. Whoever comes later waits for a bounded time and hears 503, and nothing
// piles up.
func TestPoolIsExhausted(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.backend(map[string]string{"BACKEND_DATABASE_MAX_CONNS": "2"})
	conn, err := pgx.Connect(t.Context(), s.database)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `BEGIN; LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	var load errgroup.Group
	began := time.Now()
	for range 20 {
		load.Go(func() error {
			resp, err := s.get("/v1/jobs")
			if err == nil && !unavailable(resp) {
				err = fmt.Errorf("GET /v1/jobs answered %d", resp.StatusCode)
			}
			return err
		})
	}
	require.NoError(t, load.Wait())
	require.Less(t, time.Since(began), answerLimit)
	_, err = conn.Exec(t.Context(), `ROLLBACK`)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		resp, err := s.get("/v1/jobs")
		return err == nil && resp.StatusCode == 200
	}, patience, 50*time.Millisecond)
}
