package oracle

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// drain lets everything run in peace until no job is left. Waits between attempts, which may be minutes, are cut short.
func (s *system) drain() {
	db, err := pgx.Connect(s.t.Context(), s.postgres.URL("backend"))
	require.NoError(s.t, err)
	defer func() { _ = db.Close(s.t.Context()) }()
	began := time.Now()
	limit := began.Add(3*time.Minute + time.Duration(len(s.jobs))*time.Second/2)
	for {
		_, err := db.Exec(s.t.Context(), `UPDATE jobs SET run_at = now() WHERE state = 'queued' AND run_at > now() + interval '1 second'`)
		require.NoError(s.t, err)
		s.retryDead(db)
		var left int
		require.NoError(s.t, db.QueryRow(s.t.Context(), `SELECT count(*) FROM jobs WHERE state IN ('queued', 'leased', 'dead')`).Scan(&left))
		if left == 0 {
			s.t.Logf("%d jobs are drained %s after the last fault", len(s.jobs), time.Since(began).Round(100*time.Millisecond))
			return
		}
		require.True(s.t, time.Now().Before(limit), "%d of %d jobs are left", left, len(s.jobs))
		time.Sleep(200 * time.Millisecond)
	}
}

// retryDead queues dead jobs again, by hand as a person would, after checking that each died of as many ends as it may.
func (s *system) retryDead(db *pgx.Conn) {
	rows, err := db.Query(s.t.Context(), `
		SELECT j.id::text, j.failures, j.max_attempts, (
			SELECT count(*) FROM job_events e WHERE e.job_id = j.id AND e.kind IN ('failed', 'expired', 'released')
			AND e.id > coalesce((SELECT max(id) FROM job_events r WHERE r.job_id = j.id AND r.kind = 'retried'), 0))
		FROM jobs j WHERE state = 'dead'`)
	require.NoError(s.t, err)
	var id string
	var failures, allowed, ends int
	var dead []string
	_, err = pgx.ForEachRow(rows, []any{&id, &failures, &allowed, &ends}, func() error {
		if failures < allowed || ends < allowed {
			return fmt.Errorf("job %s is dead after %d failures of %d, %d ends", id, failures, allowed, ends)
		}
		dead = append(dead, id)
		return nil
	})
	require.NoError(s.t, err)
	for _, id := range dead {
		s.t.Logf("job %s is dead of %d failures; it is retried by hand", id, allowed)
		s.must(s.t.Context(), s.userToken, "POST", "/v1/jobs/"+id+"/retries", "", nil, nil)
	}
}

// history is what the database says of a job: how each of its leases ended, by the agent's name.
type history struct {
	state     string
	dest      string
	succeeded []string            // names of the agents whose success was accepted
	ends      map[string][]string // agent's name → ends
	leases    map[string]string   // lease → end
}

func (s *system) histories() map[string]*history {
	db, err := pgx.Connect(s.t.Context(), s.postgres.URL("backend"))
	require.NoError(s.t, err)
	defer func() { _ = db.Close(s.t.Context()) }()
	all := map[string]*history{}
	rows, err := db.Query(s.t.Context(), `
		SELECT j.id::text, j.state, j.dest, coalesce(l.lease_id::text, ''), coalesce(a.name, ''), coalesce(l."end", 'live')
		FROM jobs j LEFT JOIN leases l ON l.job_id = j.id LEFT JOIN agents a ON a.id = l.agent AND a.caller = l.caller`)
	require.NoError(s.t, err)
	var id, state, dest, lease, agent, end string
	_, err = pgx.ForEachRow(rows, []any{&id, &state, &dest, &lease, &agent, &end}, func() error {
		h := all[id]
		if h == nil {
			h = &history{state: state, dest: dest, ends: map[string][]string{}, leases: map[string]string{}}
			all[id] = h
		}
		if lease == "" {
			return nil
		}
		h.leases[lease] = end
		h.ends[agent] = append(h.ends[agent], end)
		if end == "succeeded" {
			h.succeeded = append(h.succeeded, agent)
		}
		return nil
	})
	require.NoError(s.t, err)
	var events, jobs int
	require.NoError(
		s.t,
		db.QueryRow(s.t.Context(), `SELECT count(*), count(DISTINCT job_id) FROM job_events WHERE kind = 'succeeded'`).Scan(&events, &jobs),
	)
	require.Equal(s.t, jobs, events, "a job's success is told once")
	return all
}

// summary is what a run came to.
type summary struct {
	cancelled, second, partials int
	findings                    []string
}

func (v *summary) find(format string, args ...any) {
	v.findings = append(v.findings, fmt.Sprintf(format, args...))
}

// judge holds the database and the disks against what was asked for.
func (s *system) judge() {
	v := s.verdict(s.histories())
	c := &s.counts
	s.t.Logf(
		"seed %d: %d jobs, %d cancelled, %d second copies, %d partials of lost leases; "+
			"%d kills, %d pauses, %d cuts, %d stops, %d backend and %d database restarts",
		s.seed,
		len(s.jobs),
		v.cancelled,
		v.second,
		v.partials,
		c.kills.Load(),
		c.pauses.Load(),
		c.cuts.Load(),
		c.terms.Load(),
		c.backends.Load(),
		c.databases.Load(),
	)
	require.Empty(s.t, v.findings, "seed %d:\n%s", s.seed, strings.Join(v.findings, "\n"))
}

// verdict reports all findings, not only the first.
func (s *system) verdict(all map[string]*history) *summary {
	v := &summary{}
	byDest := map[string]*job{}
	if len(all) != len(s.jobs) {
		v.find("the database has %d jobs, %d were asked for", len(all), len(s.jobs))
	}
	for i := range s.jobs {
		j := &s.jobs[i]
		byDest[j.dest] = j
		switch h := all[j.id]; {
		case h == nil || h.dest != j.dest:
			v.find("job %s (%s) is lost", j.id, j.dest)
		case h.state == "succeeded" && len(h.succeeded) != 1:
			v.find("job %s has %d accepted successes", j.dest, len(h.succeeded))
		case h.state == "cancelled" && j.cancelled && len(h.succeeded) == 0:
			v.cancelled++
		case h.state != "succeeded":
			v.find("job %s is %s, cancellation asked for: %v", j.dest, h.state, j.cancelled)
		}
	}
	copies := map[string]map[string]bool{} // dest → agents' names
	for _, a := range s.slots {
		for _, name := range a.names {
			s.judgeDisk(v, name, byDest, all, copies)
		}
	}
	for _, j := range s.jobs {
		if h := all[j.id]; h != nil {
			judgeCopies(v, j, h, copies[j.dest])
		}
	}
	s.judgeLogs(v)
	return v
}

// judgeCopies wants a file where its success was reported from, and an excuse for every other.
func judgeCopies(v *summary, j job, h *history, copies map[string]bool) {
	if len(h.succeeded) == 1 && !copies[h.succeeded[0]] {
		v.find("job %s succeeded on %s, which has no such file", j.dest, h.succeeded[0])
	}
	for name := range copies {
		if len(h.succeeded) == 1 && h.succeeded[0] == name {
			continue
		}
		v.second++
		if !excused(h, name) {
			v.find("%s has a copy of %s, and its leases ended so: %v", name, j.dest, h.ends[name])
		}
	}
}

// excused: a copy beside the accepted one comes only of a lease that expired, or whose job was cancelled meanwhile.
func excused(h *history, name string) bool {
	for _, end := range h.ends[name] {
		if end == "expired" || (h.state == "cancelled" && end != "succeeded") {
			return true
		}
	}
	return false
}

// unfinishedRecord matches what an agent leaves that is killed while it writes a record.
var unfinishedRecord = regexp.MustCompile(`/[0-9a-f]{32}\.[0-9a-f-]{36}$`)

// recorded tells whether a file is an agent's record of a published file, or of a directory above one.
func recorded(file string, byDest map[string]*job) bool {
	text, err := os.ReadFile(file)
	var record struct{ Path string }
	if err != nil || json.Unmarshal(text, &record) != nil {
		return false
	}
	for dest := range byDest {
		if dest == record.Path || strings.HasPrefix(dest, record.Path+"/") {
			return true
		}
	}
	return false
}

var partialName = regexp.MustCompile(`^([0-9a-f-]{36})-[0-9a-f]{16}(?:\.([0-9a-f-]{36})\.journal)?$`)

// judgeDisk looks at every file on an agent's disk.
func (s *system) judgeDisk(v *summary, name string, byDest map[string]*job, all map[string]*history, copies map[string]map[string]bool) {
	root := filepath.Join(s.dir, name, "files")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		if strings.HasPrefix(rel, ".partial/published/") {
			if !unfinishedRecord.MatchString(rel) && !recorded(path, byDest) {
				v.find("%s: %s is no record of a file that was asked for", name, rel)
			}
			return nil
		}
		if base, ok := strings.CutPrefix(rel, ".partial/"); ok {
			v.partials++
			if m := partialName.FindStringSubmatch(base); m == nil || !s.left(name, m[1], m[2], all) {
				v.find("%s: the unfinished %s is left behind without a reason", name, base)
			}
			return nil
		}
		j := byDest[rel]
		if j == nil {
			v.find("%s: unexpected file %s", name, rel)
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if sha256.Sum256(data) != j.file.sha256 {
			v.find("%s: %s has wrong bytes", name, rel)
		}
		if copies[rel] == nil {
			copies[rel] = map[string]bool{}
		}
		copies[rel][name] = true
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		v.find("%s: %v", name, err)
	}
}

// left reports whether an unfinished download may be there: only the holder of a lease tidies up, so those whose leases ended
// otherwise leave theirs to the next holder on this disk, or to age.
func (s *system) left(name, fileID, lease string, all map[string]*history) bool {
	for _, j := range s.jobs {
		h := all[j.id]
		if j.file.id != fileID || h == nil {
			continue
		}
		if lease != "" {
			if end, ok := h.leases[lease]; ok {
				return end != "succeeded"
			}
			continue
		}
		for _, end := range h.ends[name] {
			if end != "succeeded" {
				return true
			}
		}
	}
	return false
}

// judgeLogs looks for what no program may ever say.
func (s *system) judgeLogs(v *summary) {
	logs, err := filepath.Glob(filepath.Join(s.dir, "*.log"))
	require.NoError(s.t, err)
	for _, path := range logs {
		text, err := os.ReadFile(path)
		require.NoError(s.t, err)
		for _, bad := range []string{"DATA RACE", "panic:", "goroutine 1 ["} {
			if bytes.Contains(text, []byte(bad)) {
				v.find("%s says %q", path, bad)
			}
		}
	}
}
