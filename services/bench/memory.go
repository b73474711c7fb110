package main

import (
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// watchMemory looks every 50 ms at the memory of a process group, until the function that it returns is called, which returns the most.
// The kernel's own maximum (ru_maxrss) is of no use: it begins with what the parent had.
func watchMemory(group int) (most func() int64) {
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		ticks := time.NewTicker(50 * time.Millisecond)
		defer ticks.Stop()
		for {
			most = max(most, memoryOf(group))
			select {
			case <-stop:
				result <- most
				return
			case <-ticks.C:
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-result
	}
}

// memoryOf adds up the resident memory of the processes of a group.
func memoryOf(group int) (total int64) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	want := strconv.Itoa(group)
	for _, name := range files {
		fields, err := statOf(name)
		if err != nil || fields[2] != want { // it has just ended, or is another's
			continue
		}
		if pages, err := strconv.ParseInt(fields[21], 10, 64); err == nil {
			total += pages * int64(os.Getpagesize())
		}
	}
	return total
}
