package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// counters are what a server has used so far, or a job of it.
type counters struct {
	CPU               time.Duration
	LogBytes, Flushes float64
	Updates, HOT      float64 // rows updated in the database, and those of them whose indexes did not have to be written
}

// each is what one of n jobs has cost since before.
func (c counters) each(before counters, n int) counters {
	f := float64(n)
	return counters{
		(c.CPU - before.CPU) / time.Duration(n), (c.LogBytes - before.LogBytes) / f, (c.Flushes - before.Flushes) / f,
		(c.Updates - before.Updates) / f, (c.HOT - before.HOT) / f,
	}
}

// hotShare is the share of updates that were HOT, in percent; 0 without updates.
func (c counters) hotShare() float64 {
	if c.Updates == 0 {
		return 0
	}
	return 100 * c.HOT / c.Updates
}

// readCounters reads a server's counters, and of the database of url those of its rows. Sessions report theirs when they
// end, so it is for when those that did the work have, and waits a little for what the server's own processes report once a second.
func readCounters(ctx context.Context, url string) (c counters, err error) {
	time.Sleep(1100 * time.Millisecond)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return c, err
	}
	defer conn.Close(ctx)
	var pid int
	err = conn.QueryRow(ctx, `SELECT wal_bytes::float8, wal_sync::float8, pg_backend_pid(), n.updates, n.hot FROM pg_stat_wal,
		(SELECT coalesce(sum(n_tup_upd), 0)::float8 AS updates, coalesce(sum(n_tup_hot_upd), 0)::float8 AS hot FROM pg_stat_user_tables) n`).
		Scan(&c.LogBytes, &c.Flushes, &pid, &c.Updates, &c.HOT)
	if err == nil {
		c.CPU, err = serverCPU(pid)
	}
	return c, err
}

// clockTick is the kernel's unit of CPU time in /proc, whatever the machine (proc(5), sysconf(3) _SC_CLK_TCK).
const clockTick = 10 * time.Millisecond

// serverCPU is the processor time of all processes of the server to which a session belongs, those that have ended included.
func serverCPU(session int) (time.Duration, error) {
	own, err := statOf(fmt.Sprintf("/proc/%d/stat", session))
	if err != nil {
		return 0, err
	}
	server := own[1]
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	var ticks int64
	for _, name := range files {
		fields, err := statOf(name)
		if err != nil { // it has just ended
			continue
		}
		last := 0
		switch {
		case filepath.Base(filepath.Dir(name)) == server:
			last = 14 // with its children that have ended
		case fields[1] == server:
			last = 12
		}
		for i := 11; i <= last; i++ {
			n, err := strconv.ParseInt(fields[i], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * clockTick, nil
}

// statOf returns the fields of a process behind its name: state, parent, group, … (proc(5)).
func statOf(path string) (fields []string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for _, f := range bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) {
		fields = append(fields, string(f))
	}
	if len(fields) < 22 {
		return nil, fmt.Errorf("%s has %d fields", path, len(fields))
	}
	return fields, nil
}
