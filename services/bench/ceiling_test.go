package main

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// private starts a database server as the rig does, and nothing else.
func private(t *testing.T) *rig {
	t.Helper()
	disk, err := os.MkdirTemp("", "bench-test-") // t.TempDir is closed to the user as whom the server may run
	require.NoError(t, err)
	require.NoError(t, os.Chmod(disk, 0o711))
	r := &rig{disk: disk, dir: t.TempDir()}
	t.Cleanup(func() {
		if r.postgres != nil {
			require.NoError(t, r.postgres.Remove())
		}
		require.NoError(t, os.RemoveAll(disk))
	})
	require.NoError(t, r.startPostgres(t.Context(), "fsync=off"))
	return r
}

const (
	agent1, agent2 = "11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"
	lease1, lease2 = "22222222-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
)

var logText = strings.Join([]string{
	`{"session_id":"a","vxid":"1/1","message":"execute s1: SELECT steady"}`,
	`{"session_id":"b","vxid":"2/1","message":"execute s1: CLAIM $1::uuid[] $2","detail":"parameters: $1 = '{` + agent1 + `}', $2 = 'it''s'"}`,
	`{"session_id":"a","vxid":"1/1","message":"execute s2: CLAIM $1::uuid[] $2\nFOR $3","detail":"parameters: $1 = '{` + agent1 +
		`,` + agent2 + `}', $2 = 'it''s', $3 = NULL"}`,
	`{"session_id":"a","vxid":"1/1","message":"duration: 3 ms"}`,
	`{"session_id":"a","vxid":"1/2","message":"execute s3: REPORT $1::uuid[];","detail":"parameters: $1 = '{` + lease1 + `,` + lease2 + `}'"}`,
	`{"session_id":"c","vxid":"3/1","message":"statement: begin"}`,
	`{"session_id":"c"`,
}, "\n")

func is(ids ...string) func(uuid.UUID) bool {
	return func(id uuid.UUID) bool { return strings.Contains(strings.Join(ids, " "), id.String()) }
}

// Transactions are put together from their sessions, although their statements stand in the log one among the other.
func TestTransactionsOfALog(t *testing.T) {
	all, err := parseLog(logText)
	require.NoError(t, err)
	require.Len(t, all, 4)
	require.Equal(t, logged{
		{SQL: "SELECT steady", Args: map[int]string{}},
		{SQL: "CLAIM $1::uuid[] $2\nFOR $3", Args: map[int]string{1: "{" + agent1 + "," + agent2 + "}", 2: "it's"}},
	}, all[0])
	require.Equal(t, 2, all[0].mentions(is(agent1, agent2)))
	require.Equal(t, 1, all[1].mentions(is(agent1, agent2)))
	require.Zero(t, all[3].mentions(is(agent1, agent2)))
	_, err = parseLog("nonsense\n")
	require.ErrorContains(t, err, "reading the server's log")
}

func TestScriptOfACycle(t *testing.T) {
	all, err := parseLog(logText)
	require.NoError(t, err)
	c, err := typical([]logged{all[0], all[2]}, is(lease1, lease2), is(agent1, agent2))
	require.NoError(t, err)
	require.Equal(t, []int{2, 2}, []int{c.Agents, c.Reports})
	text, variables := c.script(2) // four jobs in two transactions of outcomes
	require.Equal(t, 2, strings.Count(text, "LIMIT 2"))
	require.Equal(t, 3, strings.Count(text, "\\startpipeline"))
	require.Contains(t, text, "CLAIM :claim1p1::uuid[] :claim1p2\nFOR NULL;\n")
	require.Contains(t, text, "REPORT (SELECT array_agg(lease_id)")
	joined := strings.Join(variables, "\n")
	require.Contains(t, joined, "\nclaim1p2=it's")
	require.NotContains(t, joined, agent1, "each client has agents of its own")
	agents, _, _ := strings.Cut(strings.TrimPrefix(joined, "agents="), "\n")
	require.Contains(t, joined, "claim1p1="+agents)
	_, err = typical(all[:2], is(lease1), is(agent1))
	require.EqualError(t, err, "the server's log has 2 transactions of claims and 0 of outcomes")
}

// The backend's own statements are found, whatever they are.
func TestCapture(t *testing.T) {
	r := private(t)
	name, err := r.newDatabase(t.Context())
	require.NoError(t, err)
	c, err := r.capture(t.Context(), r.postgres.URL(name), 8, 2)
	require.NoError(t, err)
	require.Positive(t, c.Agents)
	require.Positive(t, c.Reports)
	text, _ := c.script(2)
	require.Contains(t, text, "UPDATE jobs")
	require.Contains(t, text, "UPDATE leases")
	require.NotRegexp(t, `\$\d`, text)
	done, err := succeeded(t.Context(), r.postgres.URL(name))
	require.NoError(t, err)
	require.Equal(t, captureJobs, done)
}

// What is filled in without constraints keeps them, and has what the backend counts.
func TestFill(t *testing.T) {
	const jobs = 250
	r := private(t)
	ctx := t.Context()
	name, err := r.newDatabase(ctx)
	require.NoError(t, err)
	url := r.postgres.URL(name)
	store, err := openStore(ctx, url)
	require.NoError(t, err)
	defer store.Close()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer conn.Close(ctx)
	indexes := func() (names []string) {
		rows, err := conn.Query(ctx, `SELECT indexdef FROM pg_indexes WHERE tablename = ANY ($1) ORDER BY 1`, filledTables)
		require.NoError(t, err)
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return names
	}
	before := indexes()
	require.NoError(t, fill(ctx, url, jobs))
	require.Equal(t, before, indexes())
	counts := map[string]int{
		`jobs WHERE state = 'queued'`: 125, `jobs WHERE state = 'succeeded' AND grants = 1`: 125, `leases`: 125, `files`: 25, `uploads`: 25,
		`job_events`: 500, `jobs WHERE EXISTS (SELECT FROM files f WHERE f.id = file_id)`: 250, `(SELECT DISTINCT file_id FROM jobs) f`: 25,
		`uploads WHERE EXISTS (SELECT FROM files f WHERE f.id = file_id)`:                                             25,
		`leases WHERE EXISTS (SELECT FROM jobs j WHERE j.id = job_id AND j.state = 'succeeded')`:                      125,
		`job_events WHERE EXISTS (SELECT FROM jobs j WHERE j.id = job_id)`:                                            500,
		`(SELECT id, created_at, lag(created_at) OVER (ORDER BY id) AS before FROM jobs) j WHERE before > created_at`: 0,
	}
	for what, want := range counts {
		var n int
		require.NoError(t, conn.QueryRow(ctx, `SELECT count(*) FROM `+what).Scan(&n), what)
		require.Equal(t, want, n, what)
	}
	stats, err := store.Stats(ctx)
	require.NoError(t, err)
	require.Equal(t, []int64{125, 125, 25, 875, 175},
		[]int64{stats.Queued, stats.Succeeded, stats.FilesReady, stats.BytesDelivered, stats.BytesStored})
	job, file, err := sizes(ctx, url, jobs)
	require.NoError(t, err)
	require.Greater(t, job, 500.0)
	require.Greater(t, file, 300.0)
}

func TestGeneratedFiles(t *testing.T) {
	g := &generated{size: 3*mib + 5}
	whole, parts, err := g.digests(2 * mib)
	require.NoError(t, err)
	require.Len(t, parts, 2*32)
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	require.NoError(t, err)
	n, err := f.ReadFrom(g)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, g.size, n)
	digest, err := digestOf(path)
	require.NoError(t, err)
	require.Equal(t, digest, hex.EncodeToString(whole))
	at, err := g.Seek(-5, 2)
	require.NoError(t, err)
	require.EqualValues(t, 3*mib, at)
	rest := make([]byte, 10)
	read, err := g.Read(rest)
	require.NoError(t, err)
	require.Equal(t, generatedBlock[:5], rest[:read])
}

func TestImportsOfOthers(t *testing.T) {
	require.Equal(t, []string{"a.org/x", "github.com/y/z"},
		foreign([]string{"fmt", "github.com/y/z", "scalable-backend/config", "a.org/x", "github.com/y/z"}))
}
