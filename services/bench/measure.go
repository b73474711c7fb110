package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// sample is what one run of a command took.
type sample struct {
	CPU  time.Duration // user and system time of the command and of all processes that it waited for
	Wall time.Duration
	RSS  int64 // bytes; the most that all these processes had in memory at one time: see most
	// Unfinished says that the peer was stopped at its limit: then the figures are those until there.
	Unfinished bool `json:",omitempty"`
}

// peer is one way to do the work of a row.
type peer struct {
	Name  string
	Ours  bool
	Shell string   // what `sh -c` runs, in an empty directory; the environment holds what differs from machine to machine
	Env   []string `json:"-"`
	// Limit stops the peer, with an unfinished sample; 0 is none.
	Limit time.Duration `json:",omitempty"`
	// Check fails if the result in the directory is not right.
	Check func(dir string) error `json:"-"`
}

// result holds the samples of a peer, one for each round.
type result struct {
	Peer    peer
	Samples []sample
}

// finished says whether each run of the peer came to its end.
func (r result) finished() bool {
	return !slices.ContainsFunc(r.Samples, func(s sample) bool { return s.Unfinished })
}

// medians returns the median of each figure.
func (r result) medians() sample {
	return sample{
		CPU:  median(r.Samples, func(s sample) time.Duration { return s.CPU }),
		Wall: median(r.Samples, func(s sample) time.Duration { return s.Wall }),
		RSS:  median(r.Samples, func(s sample) int64 { return s.RSS }),
	}
}

// spread returns the least and the greatest of a figure.
func spread[T int64 | time.Duration](samples []sample, of func(sample) T) (least, most T) {
	values := sorted(samples, of)
	return values[0], values[len(values)-1]
}

func median[T int64 | time.Duration](samples []sample, of func(sample) T) T {
	values := sorted(samples, of)
	if len(values)%2 == 1 {
		return values[len(values)/2]
	}
	return (values[len(values)/2-1] + values[len(values)/2]) / 2
}

func sorted[T int64 | time.Duration](samples []sample, of func(sample) T) []T {
	var values []T
	for _, s := range samples {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values
}

// inTurn runs the peers one after the other, as often as rounds says, each time in an empty directory. Before each run, prepare may change
// what the peers work on; it is nil if nothing has to.
func inTurn(ctx context.Context, dir string, peers []peer, rounds int, prepare func(round int, p peer) error) ([]result, error) {
	results := make([]result, len(peers))
	for round := range rounds {
		for i, p := range peers {
			if err := os.RemoveAll(dir); err != nil {
				return nil, err
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				return nil, err
			}
			if prepare != nil {
				if err := prepare(round, p); err != nil {
					return nil, fmt.Errorf("preparing %s: %w", p.Name, err)
				}
			}
			s, err := once(ctx, dir, p)
			if err == nil && p.Check != nil && !s.Unfinished {
				err = p.Check(dir)
			}
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", p.Name, round+1, err)
			}
			results[i].Peer = p
			results[i].Samples = append(results[i].Samples, s)
		}
	}
	return results, os.RemoveAll(dir)
}

// once runs a peer and reads what the kernel counted.
func once(ctx context.Context, dir string, p peer) (sample, error) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if p.Limit > 0 {
		limited, cancel = context.WithTimeout(ctx, p.Limit)
	}
	defer cancel()
	cmd := exec.CommandContext(limited, "sh", "-c", p.Shell)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), p.Env...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a peer's processes are found by their group, and stopped with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	memory := watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	wall := time.Since(began)
	most := memory()
	late := limited.Err() != nil && ctx.Err() == nil
	if err != nil && !late {
		return sample{}, fmt.Errorf("%w: %s", err, bytes.TrimSpace(output.Bytes()[:min(output.Len(), 2000)]))
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return sample{}, errors.New("this system counts no CPU time of processes")
	}
	return sample{
		CPU: time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), Wall: wall, RSS: most, Unfinished: late,
	}, nil
}

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)
