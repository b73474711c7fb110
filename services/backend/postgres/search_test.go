package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

// searchJobs reads all pages of a search and returns the destinations.
func (b *bundle) searchJobs(q backend.JobSearch) (dests []string) {
	b.t.Helper()
	page := backend.Page{Size: 3}
	for range 100 {
		f, err := b.SearchJobs(b.t.Context(), q, page)
		require.NoError(b.t, err)
		require.LessOrEqual(b.t, len(f.Items), page.Size)
		for _, j := range f.Items {
			dests = append(dests, j.Dest)
		}
		if !f.More {
			return dests
		}
		page.After = f.Next
	}
	b.t.Fatal("the search has no end")
	return nil
}

func TestSearchJobs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(1)
	c.Name = "worker"
	done := b.lease(c)
	_, err := b.finish(done, success(done))
	require.NoError(t, err)
	dead := b.lease(c, func(j *backend.NewJob) { j.MaxAttempts = 1 })
	_, err = b.finish(dead, backend.Outcome{
		Status: backend.Failed, Problem: &backend.JobProblem{Title: "disk is full", Detail: "50%_of /a\\b 'x'"},
	})
	require.NoError(t, err)
	leased := b.lease(c)
	b.heartbeat(c, leased)
	queued := b.submit(4)
	_, err = b.CancelJob(t.Context(), queued[3].ID)
	require.NoError(t, err)

	all := b.searchJobs(backend.JobSearch{})
	require.Len(t, all, 7)
	require.Equal(t, done.Job.Dest, all[6], "newest first")
	only := func(q backend.JobSearch) string { return strings.Join(b.searchJobs(q), " ") }
	for _, search := range []struct {
		q    backend.JobSearch
		want string
	}{
		{backend.JobSearch{State: backend.JobSucceeded}, done.Job.Dest},
		{backend.JobSearch{State: backend.JobDead}, dead.Job.Dest},
		{backend.JobSearch{State: backend.JobLeased}, leased.Job.Dest},
		{backend.JobSearch{State: backend.JobCancelled}, queued[3].Dest},
		{backend.JobSearch{State: backend.JobQueued, Dest: queued[1].Dest}, queued[1].Dest},
		{backend.JobSearch{Dest: done.Job.Dest}, done.Job.Dest},
		{backend.JobSearch{Dest: done.Job.Dest, State: backend.JobDead}, ""},
		{backend.JobSearch{State: backend.JobDead, Dest: dead.Job.Dest}, dead.Job.Dest},
		{backend.JobSearch{FileID: &leased.File.ID}, leased.Job.Dest},
		{backend.JobSearch{FileID: &leased.File.ID, State: backend.JobDead}, ""},
		{backend.JobSearch{FileID: &queued[0].FileID, State: backend.JobCancelled}, queued[3].Dest},
		{backend.JobSearch{FileID: &uuid.Nil}, ""},
		{backend.JobSearch{Text: "DISK IS"}, dead.Job.Dest},
		{backend.JobSearch{Text: `50%_of /a\b 'x'`}, dead.Job.Dest},
		{backend.JobSearch{Text: "%"}, dead.Job.Dest},
		{backend.JobSearch{Text: strings.ToUpper(leased.Job.Dest)}, leased.Job.Dest},
		{backend.JobSearch{Text: leased.Job.ID.String()}, leased.Job.Dest},
		{backend.JobSearch{Text: "nothing like it"}, ""},
		{backend.JobSearch{Agent: "worker", State: backend.JobLeased}, leased.Job.Dest},
		{backend.JobSearch{Agent: c.AgentID.String(), State: backend.JobDead}, dead.Job.Dest},
		{backend.JobSearch{Agent: "worker", Text: "disk"}, dead.Job.Dest},
		{backend.JobSearch{Agent: "nobody"}, ""},
		{backend.JobSearch{Agent: "nobody", State: backend.JobLeased}, ""},
	} {
		require.Equal(t, search.want, only(search.q), "%+v", search.q)
	}
	require.Len(t, b.searchJobs(backend.JobSearch{Agent: "worker"}), 3)
	_, err = b.SearchJobs(t.Context(), backend.JobSearch{State: "asleep"}, backend.Page{Size: 1})
	requireCode(t, backend.Invalid, err)

	found, err := b.SearchJobs(t.Context(), backend.JobSearch{State: backend.JobLeased}, backend.Page{Size: 3})
	require.NoError(t, err)
	require.Equal(t, backend.FoundJob{
		Job: found.Items[0].Job, FileName: leased.File.Name, FileSize: fileSize, Agent: "worker", AgentID: c.AgentID,
	}, found.Items[0])
	require.Zero(t, found.Scanned)
}

// straw makes succeeded jobs of a file, with a lease each, newer than all that there are, numbered from one number to another.
func (b *bundle) straw(file uuid.UUID, from, to int) {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.url) // without the limits of requests
	require.NoError(b.t, err)
	defer closeConn(conn)
	_, err = conn.Exec(b.t.Context(), `SET session_replication_role = replica`) // nor a look at the file for each row
	require.NoError(b.t, err)
	_, err = conn.Exec(b.t.Context(), `
		INSERT INTO jobs (id, file_id, dest, dest_hash, priority, max_attempts, state, created_at)
		SELECT gen_random_uuid(), $1, 'straw-' || n, sha256(('straw-' || n)::bytea), 0, 1, 'succeeded', now() + n * interval '1 s'
		FROM generate_series($2::int, $3::int) n`, file, from, to)
	require.NoError(b.t, err)
	_, err = conn.Exec(b.t.Context(), `
		INSERT INTO leases (lease_id, job_id, "grant", agent, caller, leased_until, ended_at, "end")
		SELECT gen_random_uuid(), id, 1, gen_random_uuid(), 'caller', now(), now(), 'succeeded' FROM jobs WHERE dest LIKE 'straw-%'`)
	require.NoError(b.t, err)
}

// A search whose conditions no index has reads a bounded number of rows, and goes on behind them.
func TestSearchIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	needle := b.submit(1, func(j *backend.NewJob) { j.Dest = "needle" })[0]
	b.straw(needle.FileID, 1, scanLimit+10)
	page := backend.Page{Size: 5}
	first, err := b.SearchJobs(t.Context(), backend.JobSearch{Text: "needle"}, page)
	require.NoError(t, err)
	require.Empty(t, first.Items)
	require.True(t, first.More)
	require.Equal(t, scanLimit, first.Scanned)
	page.After = first.Next
	second, err := b.SearchJobs(t.Context(), backend.JobSearch{Text: "needle"}, page)
	require.NoError(t, err)
	require.Len(t, second.Items, 1)
	require.Equal(t, needle.ID, second.Items[0].ID)
	require.False(t, second.More)
	require.Equal(t, 11, second.Scanned)
}

func TestSearchFiles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := agent(1)
	c.Name = "worker"
	lease := b.lease(c)
	_, err := b.finish(lease, success(lease))
	require.NoError(t, err)
	pending := b.pendingFile()
	gone := b.file()
	_, err = b.DeleteFile(t.Context(), gone.ID, "")
	require.NoError(t, err)
	search := func(q backend.FileSearch) (ids []uuid.UUID) {
		f, err := b.SearchFiles(t.Context(), q, backend.Page{Size: 10})
		require.NoError(t, err)
		require.False(t, f.More)
		for _, file := range f.Items {
			ids = append(ids, file.ID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{pending.ID, lease.File.ID}, search(backend.FileSearch{}))
	require.Equal(t, []uuid.UUID{pending.ID}, search(backend.FileSearch{State: backend.FilePending}))
	require.Equal(t, []uuid.UUID{lease.File.ID}, search(backend.FileSearch{State: backend.FileReady}))
	require.Equal(t, []uuid.UUID{lease.File.ID}, search(backend.FileSearch{State: backend.FileReady, Name: lease.File.Name}))
	require.Equal(t, []uuid.UUID{pending.ID}, search(backend.FileSearch{Text: strings.ToUpper(pending.Name)}))
	require.Equal(t, []uuid.UUID{pending.ID}, search(backend.FileSearch{Text: fmt.Sprintf("%X", pending.SHA256[:6])}))
	require.Equal(t, []uuid.UUID{pending.ID}, search(backend.FileSearch{Text: pending.ID.String()}))
	require.Empty(t, search(backend.FileSearch{Text: gone.Name}))
	_, err = b.SearchFiles(t.Context(), backend.FileSearch{State: "x"}, backend.Page{Size: 1})
	requireCode(t, backend.Invalid, err)

	found, err := b.SearchFiles(t.Context(), backend.FileSearch{}, backend.Page{Size: 10})
	require.NoError(t, err)
	require.Empty(t, found.Items[0].StoredBy)
	require.Equal(t, []string{"worker"}, found.Items[1].StoredBy)
}

func TestSearchAgentsAndTheirWork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := agent(3), agent(1)
	one.Name, two.Name = "Alpha", "beta"
	b.submit(3)
	require.Len(t, b.claim(one), 3)
	require.Empty(t, b.claim(two))
	search := func(text string) (names []string) {
		agents, err := b.SearchAgents(t.Context(), text, 10)
		require.NoError(t, err)
		for _, a := range agents {
			names = append(names, a.Name)
		}
		return names
	}
	require.Equal(t, []string{"beta", "Alpha"}, search(""))
	require.Equal(t, []string{"Alpha"}, search("LPH"))
	require.Equal(t, []string{"beta"}, search(two.AgentID.String()))
	require.Empty(t, search("%"))
	work, err := b.ListWork(t.Context(), []uuid.UUID{one.AgentID, two.AgentID}, 2)
	require.NoError(t, err)
	require.Len(t, work, 2, "so many of each agent")
	require.Equal(t, one.AgentID, work[0].AgentID)
	require.EqualValues(t, fileSize, work[0].Size)
	require.WithinDuration(t, time.Now(), work[0].GrantedAt, time.Minute)
}
