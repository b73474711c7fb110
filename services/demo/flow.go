package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"scalable-backend/services/api"
)

// flow is what a user and the agents do: upload, submit, download, with faults on the way; then it
// checks and reports.
func (d *demo) flow(ctx context.Context) error {
	began := time.Now()
	user, err := d.makeUserToken(ctx)
	if err != nil {
		return err
	}
	source := filepath.Join(d.dir, "files")
	if err := os.Mkdir(source, 0o755); err != nil {
		return err
	}
	making := d.show.step("make", d.settings.Bytes)
	files, err := makeFiles(source, d.settings, making.add)
	making.finish()
	if err != nil {
		return err
	}
	uploadTime, err := d.upload(ctx, source, user)
	if err != nil {
		return err
	}
	downloadBegan := time.Now()
	if err := d.submit(ctx, user); err != nil {
		return err
	}
	faults, err := d.download(ctx, user)
	if err != nil {
		return err
	}
	downloadTime := time.Since(downloadBegan)
	return d.report(ctx, files, faults, uploadTime, downloadTime, time.Since(began))
}

// makeUserToken asks the backend, as its administrator, for a token that may do what a user does and no more.
func (d *demo) makeUserToken(ctx context.Context) (string, error) {
	var created api.CreatedToken
	err := d.call(ctx, d.adminToken, http.MethodPost, "/v1/tokens", api.NewToken{
		Name:   "demo user",
		Scopes: []api.Scope{api.ScopeFilesRead, api.ScopeFilesWrite, api.ScopeJobs},
	}, &created)
	return created.Token, err
}

// upload runs the command-line client over the directory and watches the catalogue fill.
func (d *demo) upload(ctx context.Context, source, token string) (time.Duration, error) {
	began := time.Now()
	entries, err := os.ReadDir(source)
	if err != nil {
		return 0, err
	}
	var paths []string
	for _, entry := range entries {
		paths = append(paths, filepath.Join(source, entry.Name()))
	}
	client, err := startService(
		d.dir,
		"upload",
		filepath.Join(d.bin, "agent"),
		append([]string{"upload", "--json"}, paths...),
		map[string]string{
			"AGENT_API_URL": d.publicURL, "AGENT_AUTH": "token", "AGENT_TOKEN": token, "AGENT_INSECURE_SOURCES": "true",
			"AGENT_SOURCE_HOSTS": "127.0.0.1",
			"AWS_REGION":         d.s3.Region,
		},
		nil,
	)
	if err != nil {
		return 0, err
	}
	defer client.stop(patience)
	bar := d.show.step("upload", d.settings.Bytes)
	defer bar.finish()
	for {
		stats, err := d.stats(ctx, token)
		if err != nil {
			return 0, err
		}
		bar.set(stats.BytesStored, fmt.Sprintf("%d of %d files", stats.FilesReady, d.settings.Files))
		if stats.FilesReady == int64(d.settings.Files) {
			return time.Since(began), nil
		}
		select {
		case <-client.process.Done():
			if stats, err := d.stats(ctx, token); err != nil || stats.FilesReady < int64(d.settings.Files) {
				return 0, client.failure("ended before every file was stored")
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// submit makes a job for every file.
func (d *demo) submit(ctx context.Context, token string) error {
	query := "/v1/files?page_size=1000"
	for next := query; next != ""; {
		var page api.FilePage
		if err := d.call(ctx, token, http.MethodGet, next, nil, &page); err != nil {
			return err
		}
		var jobs api.NewJobs
		for _, f := range page.Files {
			jobs.Jobs = append(jobs.Jobs, api.NewJob{FileId: f.Id})
		}
		if err := d.call(ctx, token, http.MethodPost, "/v1/jobs", jobs, nil); err != nil {
			return err
		}
		next = ""
		if page.NextPageToken != nil {
			next = query + "&page_token=" + *page.NextPageToken
		}
	}
	return nil
}

// download starts the agents and waits for the drain. On the way it restarts the database, pauses one agent beyond its leases
// and kills another.
func (d *demo) download(ctx context.Context, token string) (faults, error) {
	var f faults
	for range d.settings.Agents {
		if _, err := d.nextAgent(); err != nil {
			return f, err
		}
	}
	// Each when so many eighths of the jobs are done.
	steps := []struct {
		eighths int64
		do      func() error
	}{
		{1, func() (err error) { f.restart, err = d.restartDatabase(ctx, token); return err }},
		{2, func() (err error) { f.paused, err = d.pauseOne(ctx); return err }},
		{4, func() (err error) { f.killed, err = d.killOne(ctx, f.paused.agent); return err }},
	}
	bar := d.show.step("download", d.settings.Bytes)
	defer bar.finish()
	all := int64(d.settings.Files)
	limit := time.After(10*time.Minute + time.Duration(d.settings.Bytes>>20)*time.Second)
	for {
		stats, err := d.stats(ctx, token)
		if err != nil {
			return f, err
		}
		bar.set(
			stats.BytesDelivered,
			fmt.Sprintf("%d done, %d leased, %d queued, %d agents", stats.Succeeded, stats.Leased, stats.Queued, stats.AgentsSeen),
		)
		switch {
		case stats.Dead+stats.Cancelled > 0:
			return f, fmt.Errorf("%d jobs are dead and %d cancelled, and none should be", stats.Dead, stats.Cancelled)
		case len(steps) > 0 && stats.Succeeded*8 >= all*steps[0].eighths:
			err = steps[0].do()
			steps = steps[1:]
		case stats.Succeeded == all && f.paused.asleep > 0:
			return f, firstFailure(slices.Concat(d.backends, d.agents))
		default:
			err = d.wake(ctx, &f.paused)
		}
		if err != nil {
			return f, err
		}
		select {
		case <-ctx.Done():
			return f, ctx.Err()
		case <-limit:
			return f, fmt.Errorf("the queue did not drain: %d of %d jobs are done", stats.Succeeded, all)
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// report verifies the agents' output and prints the summary. Any problem is an error.
func (d *demo) report(ctx context.Context, files []file, f faults, up, down, all time.Duration) error {
	var outputs []string
	for i := range d.started {
		outputs = append(outputs, filepath.Join(d.dir, agentName(i+1), "files"))
	}
	v, err := verifyOutput(files, outputs)
	if err != nil {
		return err
	}
	attempts, err := d.granted(ctx)
	if err != nil {
		return err
	}
	survived, problems := d.survived(ctx, f)
	v.problems = append(v.problems, problems...)
	d.show.wait()
	rate := func(t time.Duration) string {
		return fmt.Sprintf("%.0f MB/s", float64(d.settings.Bytes)/1e6/t.Seconds())
	}
	d.show.print(summary([][2]string{
		{"files", fmt.Sprintf("%d, %s together", len(files), formatBytes(d.settings.Bytes))},
		{"upload", fmt.Sprintf("%s in %.1f s", rate(up), up.Seconds())},
		{"download", fmt.Sprintf("%s in %.1f s, all of the following included", rate(down), down.Seconds())},
		{"survived", strings.Join(survived, "\n")},
		{"attempts", fmt.Sprintf("%d leases for %d jobs, one accepted success for each", attempts, len(files))},
		{"digests verified", fmt.Sprintf("%d of %d (%d published copies)", v.verified, len(files), v.copies)},
		{"time", fmt.Sprintf("%.1f s", all.Seconds())},
	}))
	if len(v.problems) > 0 {
		return fmt.Errorf("%d problems:\n  %s", len(v.problems), strings.Join(v.problems, "\n  "))
	}
	return nil
}

// survived says what the system went through and what each fault cost, and what of it went wrong.
func (d *demo) survived(ctx context.Context, f faults) (lines, problems []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	say("database restart: away for %.1f s, the API answered %.1f s later; no job lost", f.restart.down.Seconds(), f.restart.silent.Seconds())
	for _, v := range []victim{f.killed, f.paused} {
		jobs, last, err := d.takenOver(ctx, v)
		if err != nil {
			problems = append(problems, err.Error())
		}
		what := "kill: " + v.agent.name + " by SIGKILL"
		if v.asleep > 0 {
			what = fmt.Sprintf("pause: %s by SIGSTOP for %.1f s (a lease lasts %s)", v.agent.name, v.asleep.Seconds(), leaseTTL)
		}
		if len(v.leases) == 0 {
			say("%s, when there was no work left to take over", what)
			continue
		}
		say(
			"%s with %s; %s taken over, the last one done %.1f s after",
			what,
			count(len(v.leases), "lease"),
			count(jobs, "job"),
			last.Sub(v.at).Seconds(),
		)
		if v.asleep > 0 {
			say("awake, it found %s lost and published nothing under them", count(v.fenced, "lease"))
			if v.fenced != jobs {
				problems = append(
					problems,
					fmt.Sprintf("%s lost %s while it was paused, and found %d lost", v.agent.name, count(jobs, "lease"), v.fenced),
				)
			}
		}
	}
	return lines, problems
}

func (d *demo) stats(ctx context.Context, token string) (api.Stats, error) {
	var s api.Stats
	err := d.call(ctx, token, http.MethodGet, "/v1/stats", nil, &s)
	return s, err
}

// call makes one request at the public door and decodes the answer.
func (d *demo) call(ctx context.Context, token, method, path string, body, answer any) error {
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, d.publicURL+path, payload)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
