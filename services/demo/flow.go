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
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"scalable-backend/services/api"
)

// flow is what a user and the agents do: upload, submit, download, with one agent killed half-way; then it checks and reports.
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
	victim, err := d.download(ctx, user)
	if err != nil {
		return err
	}
	downloadTime := time.Since(downloadBegan)
	return d.report(ctx, files, victim, uploadTime, downloadTime, time.Since(began))
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
	paths, err := filepath.Glob(filepath.Join(source, "*"))
	if err != nil {
		return 0, err
	}
	client, err := startService(d.dir, "upload", filepath.Join(d.bin, "agent"), append([]string{"upload", "--json"}, paths...), map[string]string{
		"AGENT_API_URL": d.publicURL, "AGENT_AUTH": "token", "AGENT_TOKEN": token, "AGENT_INSECURE_SOURCES": "true", "AGENT_SOURCE_HOSTS": "127.0.0.1",
		"AWS_REGION": d.s3.Region,
	}, nil)
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

// victim is the agent that was killed, and how many leases it held then.
type victim struct {
	name   string
	leases int
}

// download starts the agents, kills one when half of the jobs are done, starts another in its place, and waits for the drain.
func (d *demo) download(ctx context.Context, token string) (victim, error) {
	for i := range d.settings.Agents {
		if _, err := d.startAgent(fmt.Sprintf("agent-%d", i+1)); err != nil {
			return victim{}, err
		}
	}
	bar := d.show.step("download", d.settings.Bytes)
	defer bar.finish()
	var dead victim
	limit := time.After(10*time.Minute + time.Duration(d.settings.Bytes>>20)*time.Second)
	for {
		stats, err := d.stats(ctx, token)
		if err != nil {
			return dead, err
		}
		bar.set(stats.BytesDelivered, fmt.Sprintf("%d done, %d leased, %d queued, %d agents", stats.Succeeded, stats.Leased, stats.Queued, stats.AgentsSeen))
		switch {
		case stats.Dead+stats.Cancelled > 0:
			return dead, fmt.Errorf("%d jobs are dead and %d cancelled, and none should be", stats.Dead, stats.Cancelled)
		case stats.Succeeded == int64(d.settings.Files):
			return dead, firstFailure(slices.Concat(d.backends, d.agents))
		case dead.name == "" && stats.Succeeded*2 >= int64(d.settings.Files):
			if dead, err = d.killOne(ctx); err != nil {
				return dead, err
			}
		}
		select {
		case <-ctx.Done():
			return dead, ctx.Err()
		case <-limit:
			return dead, fmt.Errorf("the queue did not drain: %d of %d jobs are done", stats.Succeeded, d.settings.Files)
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// killOne pauses the agents in turn until it has one that holds a lease, kills that one with SIGKILL and starts another.
func (d *demo) killOne(ctx context.Context) (victim, error) {
	conn, err := pgx.Connect(ctx, d.postgres.URL("backend"))
	if err != nil {
		return victim{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	chosen, held := d.agents[0], 0
	for _, a := range d.agents {
		if err := a.process.Signal(syscall.SIGSTOP); err != nil {
			return victim{}, err
		}
		time.Sleep(50 * time.Millisecond) // what the agent had sent before it was paused arrives
		if held, err = liveLeases(ctx, conn, a.name); err != nil {
			return victim{}, err
		}
		if held > 0 {
			chosen = a
			break
		}
		if err := a.process.Signal(syscall.SIGCONT); err != nil {
			return victim{}, err
		}
	}
	chosen.process.Stop(syscall.SIGKILL, patience)
	d.agents = slices.DeleteFunc(d.agents, func(s *service) bool { return s == chosen })
	d.show.say("killed %s with SIGKILL while it held %d leases; its files are taken over when they expire", chosen.name, held)
	name := fmt.Sprintf("agent-%d", d.settings.Agents+1)
	if _, err := d.startAgent(name); err != nil {
		return victim{}, err
	}
	d.show.say("started %s in its place", name)
	return victim{name: chosen.name, leases: held}, nil
}

// report verifies the agents' output and prints the summary. Any problem is an error.
func (d *demo) report(ctx context.Context, files []file, dead victim, up, down, all time.Duration) error {
	var outputs []string
	for i := range d.settings.Agents + 1 {
		outputs = append(outputs, filepath.Join(d.dir, fmt.Sprintf("agent-%d", i+1), "files"))
	}
	v, err := verifyOutput(files, outputs)
	if err != nil {
		return err
	}
	attempts, takenOver, err := d.attempts(ctx)
	if err != nil {
		return err
	}
	if dead.leases > 0 && takenOver == 0 {
		v.problems = append(v.problems, fmt.Sprintf("%s held %d leases when it was killed, but no job was taken over", dead.name, dead.leases))
	}
	d.show.wait()
	rate := func(t time.Duration) string {
		return fmt.Sprintf("%.0f MB/s", float64(d.settings.Bytes)/1e6/t.Seconds())
	}
	fmt.Fprintf(d.show.out, `
  files              %d, %s together
  upload             %s in %.1f s
  download           %s in %.1f s, lease expiry of the killed agent included
  attempts           %d leases for %d jobs; %d jobs taken over from %s (killed while it held %d)
  digests verified   %d of %d (%d published copies)
  time               %.1f s

`, len(files), formatBytes(d.settings.Bytes), rate(up), up.Seconds(), rate(down), down.Seconds(),
		attempts, len(files), takenOver, dead.name, dead.leases, v.verified, len(files), v.copies, all.Seconds())
	if len(v.problems) > 0 {
		return fmt.Errorf("%d problems:\n  %s", len(v.problems), strings.Join(v.problems, "\n  "))
	}
	return nil
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
