package postgres

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"scalable-backend/services/backend"
)

// plan is what the server would do for a statement.
func (b *bundle) plan(sql string, args ...any) string {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), "EXPLAIN "+sql, args...)
	require.NoError(b.t, err)
	lines, err := collect(rows, scanText)
	require.NoError(b.t, err)
	return strings.Join(lines, "\n")
}

// Every page of a list comes from an index in the order of the list: with a long history no search reads the table, nor sorts it.
func TestSearchesUseIndexes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	jobs := b.submit(300) // few queued ones, older than the whole history
	b.straw(jobs[0].FileID, 1, 30_000)
	b.exec(`UPDATE jobs SET state = 'dead' WHERE id IN (SELECT id FROM jobs WHERE state = 'succeeded' ORDER BY created_at LIMIT 100)`)
	b.exec(`ANALYZE jobs, leases`)
	file, after := jobs[0].FileID, backend.Cursor{CreatedAt: jobs[5].CreatedAt, ID: jobs[5].ID}
	agents := []uuid.UUID{uuid.New()}
	for name, search := range map[string]struct {
		q     backend.JobSearch
		index string
	}{
		"all":          {backend.JobSearch{}, "jobs_list"},
		"queued":       {backend.JobSearch{State: backend.JobQueued}, "jobs_list_queued"},
		"in work":      {backend.JobSearch{State: backend.JobLeased}, "leases_live"},
		"succeeded":    {backend.JobSearch{State: backend.JobSucceeded}, "jobs_list_done"},
		"dead":         {backend.JobSearch{State: backend.JobDead}, "jobs_list_ended"},
		"cancelled":    {backend.JobSearch{State: backend.JobCancelled}, "jobs_list_ended"},
		"dest, queued": {backend.JobSearch{State: backend.JobQueued, Dest: "a"}, "jobs_active_dest"},
		"dest, dead":   {backend.JobSearch{State: backend.JobDead, Dest: "a"}, "jobs_failed_dest"},
		"dest":         {backend.JobSearch{Dest: "a"}, "jobs_list"},
		"file":         {backend.JobSearch{FileID: &file}, "jobs_list"}, // all are of one file
		"text":         {backend.JobSearch{Text: "a"}, "jobs_list"},
		"text, dead":   {backend.JobSearch{State: backend.JobDead, Text: "a"}, "jobs_list_ended"},
		"agent":        {backend.JobSearch{Agent: "a"}, "jobs_list"},
		"agent, work":  {backend.JobSearch{State: backend.JobLeased, Agent: "a"}, "leases_live"},
	} {
		for _, page := range []backend.Page{{Size: 25}, {Size: 25, After: after}} {
			s, err := jobSearch(search.q, agents)
			require.NoError(t, err)
			sql := s.sql("jobs", "j", page)
			plan := b.plan(sql, s.args...)
			require.NotContains(t, plan, "Seq Scan on jobs", name)
			require.NotContains(t, plan, "Seq Scan on leases", name)
			if page.After == (backend.Cursor{}) { // few rows behind a position may be had from any index
				require.Contains(t, plan, search.index, "%s:\n%s", name, plan)
			}
		}
	}
	for name, sql := range map[string]string{
		"jobs": foundJobs, "files": foundFiles,
	} {
		plan := b.plan(sql, []uuid.UUID{jobs[0].ID})
		require.NotContains(t, plan, "Seq Scan on jobs", name)
	}
}

func scanText(row pgx.Row, text *string) error { return row.Scan(text) }
