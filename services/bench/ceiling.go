package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// captureJobs is how many jobs are worked off to see what the backend sends.
const captureJobs = 2000

// capture lets agents work while the server logs what it is sent.
func (r *rig) capture(ctx context.Context, url string, workers, batch int) (c cycle, err error) {
	mark, err := os.ReadFile(r.postgresLog())
	if err != nil {
		return c, err
	}
	store, err := openStore(ctx, url+"&log_statement=all&log_parameter_max_length=-1")
	if err != nil {
		return c, err
	}
	defer store.Close()
	file, err := submit(ctx, store, captureJobs)
	if err != nil {
		return c, err
	}
	work := crew{noted: true}
	err = work.run(ctx, store, file, workers, batch, func() bool { return work.done.Load() >= captureJobs })
	if err != nil {
		return c, err
	}
	agents := map[uuid.UUID]bool{}
	for _, id := range work.agents {
		agents[id] = true
	}
	leases := func(id uuid.UUID) bool { return work.leases[id] }
	claimants := func(id uuid.UUID) bool { return agents[id] }
	for begin := time.Now(); ; time.Sleep(100 * time.Millisecond) { // the log is written by a process of its own
		text, err := os.ReadFile(r.postgresLog())
		if err != nil {
			return c, err
		}
		all, err := parseLog(string(text[len(mark):]))
		if err != nil {
			return c, err
		}
		told := map[uuid.UUID]bool{}
		for _, l := range all {
			l.mentions(func(id uuid.UUID) bool { told[id] = true; return false })
		}
		missing := 0
		for id := range work.leases {
			if !told[id] {
				missing++
			}
		}
		if missing == 0 {
			return typical(all, leases, claimants)
		}
		if time.Since(begin) > 30*time.Second {
			return c, fmt.Errorf("the server's log misses the outcomes of %d leases", missing)
		}
	}
}

// ceilingClients is how many groups of claims or outcomes the backend has on their way at most (postgres.maxGroups, of both kinds).
const ceilingClients = 8

// ceilingCycles is how many cycles each client runs at least, so that the last one, which finds few jobs, weighs little.
const ceilingCycles = 10

// ceilingRate lets pgbench work off jobs with the statements of a cycle, each client as a group of agents of its own, and returns how many
// jobs a second, and what one has cost the server.
func (r *rig) ceilingRate(ctx context.Context, url string, c cycle, batch, jobs int) (rate float64, cost counters, err error) {
	times := max(ceilingCycles, jobs/(ceilingClients*c.jobs(batch)))
	jobs = times * ceilingClients * c.jobs(batch)
	if _, err := submitted(ctx, url, jobs); err != nil {
		return 0, cost, err
	}
	before, err := readCounters(ctx, url)
	if err != nil {
		return 0, cost, err
	}
	var all sync.WaitGroup
	rates, errs := make([]float64, ceilingClients), make([]error, ceilingClients)
	for i := range ceilingClients {
		all.Go(func() {
			text, variables := c.script(batch)
			rates[i], errs[i] = r.runScript(ctx, fmt.Sprintf("ceiling-%d.sql", i), text, variables, url, times)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, cost, err
	}
	after, err := readCounters(ctx, url)
	if err != nil {
		return 0, cost, err
	}
	done, err := succeeded(ctx, url)
	if err == nil && done < jobs*3/4 {
		err = fmt.Errorf("of %d jobs %d have succeeded", jobs, done)
	}
	for _, tps := range rates {
		rate += tps * float64(c.jobs(batch)) * float64(done) / float64(jobs)
	}
	return rate, after.each(before, done), err
}

func (r *rig) runScript(ctx context.Context, name, text string, variables []string, url string, times int) (tps float64, err error) {
	script := filepath.Join(r.dir, name)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		return 0, err
	}
	args := []string{"-n", "-M", "prepared", "-c", "1", "-t", strconv.Itoa(times), "-f", script}
	for _, v := range variables {
		args = append(args, "-D", v)
	}
	out, err := exec.CommandContext(ctx, "pgbench", append(args, url)...).CombinedOutput()
	found := transactionsPerSecond.FindStringSubmatch(string(out))
	if err != nil || found == nil {
		return 0, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	return strconv.ParseFloat(found[1], 64)
}

// succeeded counts the jobs of a database that have succeeded, each with one lease that says so. Of pgbench they may be fewer than were
// asked for, as a claim passes over what another one has just locked.
func succeeded(ctx context.Context, url string) (jobs int, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	var leases int
	err = conn.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state = 'succeeded'),
		(SELECT count(*) FROM leases WHERE "end" = 'succeeded') FROM jobs`).Scan(&jobs, &leases)
	if err == nil && jobs != leases {
		err = fmt.Errorf("%d jobs have succeeded, by %d leases", jobs, leases)
	}
	return jobs, err
}
