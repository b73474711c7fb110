package postgres

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
	"scalable-backend/services/internal/leak"
	"scalable-backend/services/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(testenv.Run(m))) }

// bundle is a store on a database of its own, with what most tests need.
type bundle struct {
	*Store
	t   testing.TB
	url string
}

// setup opens a store on a new, migrated database. Its leases last a minute unless options say otherwise.
func setup(t testing.TB, options ...func(*Options)) *bundle {
	t.Helper()
	b := &bundle{t: t, url: migratedDatabase(t)}
	b.Store = open(t, b.url, options...)
	b.exec(`UPDATE sweeper SET last_tick = now()`) // the template's is as old as the template
	return b
}

// template is the name of a migrated database without connections, of which those of the tests are copies.
var template struct {
	sync.Once
	name   string
	copies atomic.Int64
}

func migratedDatabase(t testing.TB) string {
	t.Helper()
	template.Do(func() {
		s, err := Open(t.Context(), Options{URL: testenv.Database(t)})
		require.NoError(t, err)
		defer s.Close()
		require.NoError(t, s.Migrate(t.Context()))
		template.name = s.pool.Config().ConnConfig.Database
	})
	require.NotEmpty(t, template.name, "another test failed to make the template")
	name := fmt.Sprintf("copy_%d", template.copies.Add(1))
	server := testenv.Postgres(t)
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	defer closeConn(conn)
	_, err = conn.Exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+template.name)
	require.NoError(t, err)
	return server.URL(name)
}

// patience is for what comes for certain, however slow the machine is.
const patience = time.Minute

// open opens a store that no slow machine makes fail, nor take a pause of the test for a gap between two sweeps.
func open(t testing.TB, url string, options ...func(*Options)) *Store {
	t.Helper()
	o := Options{
		URL: url, MaxConns: 12, RetryBase: time.Millisecond, RetryCap: 2 * time.Millisecond, SweepInterval: time.Hour,
		CallTimeout: patience, StatementTimeout: patience, LockTimeout: patience, AcquireTimeout: patience, ConnectTimeout: patience,
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, option := range options {
		option(&o)
	}
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// ttl makes leases so short that a test can wait for their end.
func ttl(d time.Duration) func(*Options) { return func(o *Options) { o.LeaseTTL = d } }

// exec runs SQL behind the store's back.
func (b *bundle) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), sql, args...)
	require.NoError(b.t, err)
}

// scalar reads one value behind the store's back.
func scalar[T any](b *bundle, sql string, args ...any) (v T) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), sql, args...).Scan(&v))
	return v
}

var names atomic.Int64

const fileSize = 10

// newFile is a file of two parts with digests of its own.
func newFile() backend.NewFile {
	name := fmt.Sprintf("file-%d", names.Add(1))
	return backend.NewFile{
		Name: name, Size: fileSize, SHA256: sha256.Sum256([]byte(name)), PartSize: 6,
		PartDigests: [][32]byte{sha256.Sum256([]byte(name + "/1")), sha256.Sum256([]byte(name + "/2"))},
	}
}

func (b *bundle) pendingFile() backend.File {
	b.t.Helper()
	f, err := b.CreateFile(b.t.Context(), newFile())
	require.NoError(b.t, err)
	return f
}

// file is a ready one.
func (b *bundle) file() backend.File {
	b.t.Helper()
	f := b.pendingFile()
	u, err := b.CreateUpload(b.t.Context(), backend.Upload{FileID: f.ID, Key: "key-of-" + f.ID.String(), S3UploadID: "s3"})
	require.NoError(b.t, err)
	f, won, err := b.CompleteUpload(b.t.Context(), u.ID, "v1")
	require.NoError(b.t, err)
	require.True(b.t, won)
	return f
}

// submit submits one job for each of count destinations of one file. No other job has one of these.
func (b *bundle) submit(count int, change ...func(*backend.NewJob)) []backend.Job {
	b.t.Helper()
	f := b.file()
	jobs := make([]backend.NewJob, count)
	for i := range jobs {
		jobs[i] = backend.NewJob{FileID: f.ID, Dest: fmt.Sprintf("%s/%04d", f.Name, i), MaxAttempts: 3}
		for _, c := range change {
			c(&jobs[i])
		}
	}
	submitted, err := b.SubmitJobs(b.t.Context(), jobs)
	require.NoError(b.t, err)
	out := make([]backend.Job, count)
	for i, s := range submitted {
		require.False(b.t, s.Existing)
		out[i] = s.Job
	}
	return out
}

// agent makes the claims of an agent of its own.
func agent(maxLeases int) backend.Claim {
	return backend.Claim{AgentID: uuid.New(), Caller: "caller", Name: "agent", Version: "1", Max: maxLeases}
}

func (b *bundle) claim(c backend.Claim) []backend.Lease {
	b.t.Helper()
	leases, err := b.ClaimJobs(b.t.Context(), c)
	require.NoError(b.t, err)
	return leases
}

// lease submits a job and claims it.
func (b *bundle) lease(c backend.Claim, change ...func(*backend.NewJob)) backend.Lease {
	b.t.Helper()
	job := b.submit(1, change...)[0]
	leases := b.claim(c)
	require.Len(b.t, leases, 1)
	require.Equal(b.t, job.ID, leases[0].Job.ID)
	return leases[0]
}

func (b *bundle) heartbeat(c backend.Claim, leases ...backend.Lease) []backend.LeaseStatus {
	b.t.Helper()
	progress := make([]backend.Progress, len(leases))
	for i, l := range leases {
		progress[i] = backend.Progress{LeaseID: l.ID, BytesDone: 5}
	}
	statuses, err := b.Heartbeat(b.t.Context(), c, progress)
	require.NoError(b.t, err)
	return statuses
}

func (b *bundle) finish(l backend.Lease, o backend.Outcome) (backend.Job, error) {
	return b.FinishLease(b.t.Context(), l.ID, "caller", o)
}

func (b *bundle) job(id uuid.UUID) backend.Job {
	b.t.Helper()
	j, err := b.GetJob(b.t.Context(), id)
	require.NoError(b.t, err)
	return j
}

// sweep sweeps once; the lock must be free.
func (b *bundle) sweep() backend.SweepResult {
	b.t.Helper()
	result, held, err := b.Sweep(b.t.Context())
	require.NoError(b.t, err)
	require.True(b.t, held)
	return result
}

// due claims until the jobs that wait for their next attempt are due.
func (b *bundle) due(c backend.Claim) []backend.Lease {
	b.t.Helper()
	var leases []backend.Lease
	require.Eventually(b.t, func() bool {
		leases = b.claim(c)
		return len(leases) > 0
	}, patience, 5*time.Millisecond)
	return leases
}

func (b *bundle) end(l backend.Lease) string {
	return scalar[string](b, `SELECT coalesce("end", 'live') FROM leases WHERE lease_id = $1`, l.ID)
}

func (b *bundle) events(id uuid.UUID) []string {
	return scalar[[]string](b, `SELECT array_agg(kind ORDER BY id) FROM job_events WHERE job_id = $1`, id)
}

func success(l backend.Lease) backend.Outcome {
	sum, size := l.File.SHA256, l.File.Size
	return backend.Outcome{Status: backend.Succeeded, SHA256: &sum, Bytes: &size, Duration: time.Second}
}

func requireCode(t testing.TB, want backend.Code, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, backend.CodeOf(err), "%v", err)
}

// pages lists all items page by page and checks that none is missed or repeated.
func pages[T any](t testing.TB, size int, list func(backend.Page) ([]T, error), cursor func(T) backend.Cursor) (items []T) {
	t.Helper()
	page := backend.Page{Size: size}
	for {
		got, err := list(page)
		require.NoError(t, err)
		require.LessOrEqual(t, len(got), size)
		items = append(items, got...)
		if len(got) < size {
			return items
		}
		page.After = cursor(got[len(got)-1])
	}
}

// hold runs SQL in a transaction that stays open until the returned function rolls it back.
func (b *bundle) hold(sql string, args ...any) (release func()) {
	b.t.Helper()
	ctx := context.WithoutCancel(b.t.Context())
	tx, err := b.pool.Begin(ctx)
	require.NoError(b.t, err)
	release = sync.OnceFunc(func() { _ = tx.Rollback(ctx) })
	b.t.Cleanup(release) // of a test that fails
	_, err = tx.Exec(ctx, sql, args...)
	require.NoError(b.t, err)
	return release
}
