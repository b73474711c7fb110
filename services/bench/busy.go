package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// busyTime is the processor time that a backend, its database server and this process have had.
type busyTime struct{ backend, db, own time.Duration }

// busy reads it. url is the database's.
func (r *rig) busy(ctx context.Context, url string, backend int) (b busyTime, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return b, err
	}
	defer conn.Close(ctx)
	var session int
	if err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&session); err != nil {
		return b, err
	}
	db, err1 := serverCPU(session)
	api, err2 := processCPU(backend)
	var own syscall.Rusage
	err3 := syscall.Getrusage(syscall.RUSAGE_SELF, &own)
	return busyTime{api, db, time.Duration(own.Utime.Nano() + own.Stime.Nano())}, errors.Join(err1, err2, err3)
}

// per is how many processors each kept busy since before.
func (b busyTime) per(before busyTime, took time.Duration) (backend, db, own float64) {
	share := func(now, then time.Duration) float64 { return (now - then).Seconds() / took.Seconds() }
	return share(b.backend, before.backend), share(b.db, before.db), share(b.own, before.own)
}

// processCPU is the processor time of a process that has no children.
func processCPU(pid int) (time.Duration, error) {
	fields, err := statOf(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, errors.Join(err1, err2)
}
