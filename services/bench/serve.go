package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"scalable-backend/services/internal/servers"
)

// requestRow is how many requests a second one kind of call takes, beside its ceilings.
type requestRow struct {
	Title             string
	Rate              float64       // of the backend
	P50, P99          time.Duration // at half of that rate
	Bare, PostgresTPS float64       // of a handler of net/http that answers with the same bytes; of pgbench with the call's main query
}

// serve measures calls of the API with 16 connections: a file, and a page of files.
func (r *rig) serve(ctx context.Context, f file, seconds int) (rows []requestRow, err error) {
	for _, c := range []struct{ title, path, sql string }{
		{"GET a file", "/v1/files/" + f.ID, "SELECT * FROM files WHERE id = '" + f.ID + "';"},
		{"a page of 50 files", "/v1/files?page_size=50", "SELECT * FROM files ORDER BY created_at DESC, id DESC LIMIT 51;"},
	} {
		row := requestRow{Title: c.title}
		url := r.apis["s3"] + c.path
		if row.Rate, err = r.wrk(ctx, url, seconds); err != nil {
			return nil, err
		}
		if row.P50, row.P99, err = r.latency(ctx, url, row.Rate/2, seconds); err != nil {
			return nil, err
		}
		bare, stop, err := r.bare(ctx, url)
		if err != nil {
			return nil, err
		}
		row.Bare, err = r.wrk(ctx, bare, seconds)
		stop()
		if err != nil {
			return nil, err
		}
		if row.PostgresTPS, err = r.pgbench(ctx, "backend", c.sql, seconds); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

var requestsPerSecond = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

// wrk loads a URL with 16 connections, and returns the answers a second. An answer that is no 2xx fails it.
func (r *rig) wrk(ctx context.Context, url string, seconds int) (float64, error) {
	cmd := exec.CommandContext(ctx, "wrk", "-t1", "-c16", fmt.Sprintf("-d%ds", seconds), "-H", "Authorization: Bearer "+r.token, url)
	out, err := cmd.CombinedOutput()
	text := string(out)
	found := requestsPerSecond.FindStringSubmatch(text)
	if err != nil || found == nil || strings.Contains(text, "Non-2xx") || strings.Contains(text, "Socket errors") {
		return 0, fmt.Errorf("wrk %s: %w: %s", url, err, text)
	}
	return strconv.ParseFloat(found[1], 64)
}

// latency sends requests at a rate, whether or not answers come, and returns percentiles of the times from when a request was due to its
// answer.
func (r *rig) latency(ctx context.Context, url string, rate float64, seconds int) (p50, p99 time.Duration, err error) {
	const connections = 16
	n := int(rate * float64(seconds))
	due := make(chan time.Time, n)
	times, errs := make([][]time.Duration, connections), make([]error, connections)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() {
			for at := range due {
				if e := r.get(ctx, client, url); e != nil && errs[i] == nil {
					errs[i] = e
				}
				times[i] = append(times[i], time.Since(at))
			}
		})
	}
	began := time.Now()
	for i := range n {
		at := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		time.Sleep(time.Until(at))
		due <- at
	}
	close(due)
	all.Wait()
	sorted := slices.Sorted(slices.Values(slices.Concat(times...)))
	return sorted[len(sorted)/2], sorted[len(sorted)*99/100], errors.Join(errs...)
}

func (r *rig) get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body) // to its end: only then the connection is used again
	return err
}

// bare serves the bytes that a URL has now, at every path: in another process, as the backend is one.
func (r *rig) bare(ctx context.Context, url string) (at string, stop func(), err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer answer.Body.Close()
	path := filepath.Join(r.dir, "bare")
	f, err := os.Create(path)
	if err != nil {
		return "", nil, err
	}
	_, err = f.ReadFrom(answer.Body)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", nil, err
	}
	addr, err := freeAddress()
	if err != nil {
		return "", nil, err
	}
	process, err := servers.StartProcess(exec.Command(r.self, "peer", "bare", path, addr))
	if err != nil {
		return "", nil, err
	}
	stop = func() { process.Stop(syscall.SIGINT, time.Second) }
	err = process.Await(ctx, 10*time.Second, func(ctx context.Context) error { return r.get(ctx, http.DefaultClient, "http://"+addr+"/") })
	return "http://" + addr + "/", stop, err
}

// bareServer answers every request with a file's bytes.
func bareServer(path, addr string) error {
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	answer := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}
	server := &http.Server{Addr: addr, ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(answer)}
	return server.ListenAndServe()
}

var transactionsPerSecond = regexp.MustCompile(`tps = ([0-9.]+)`)

// pgbench runs one statement with 16 connections and prepared plans, and returns how many a second.
func (r *rig) pgbench(ctx context.Context, database, sql string, seconds int) (float64, error) {
	script := filepath.Join(r.dir, "pgbench.sql")
	if err := os.WriteFile(script, []byte(sql+"\n"), 0o600); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, "pgbench", "-n", "-M", "prepared", "-c", "16", "-j", "2", "-T", strconv.Itoa(seconds), "-f", script,
		r.postgres.URL(database))
	out, err := cmd.CombinedOutput()
	found := transactionsPerSecond.FindStringSubmatch(string(out))
	if err != nil || found == nil {
		return 0, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	return strconv.ParseFloat(found[1], 64)
}
