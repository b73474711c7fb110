package main

import (
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// watchMemory looks at the memory of a process group, until the function that it returns is called, which returns the most.
// The kernel's own maximum (ru_maxrss) is of no use: it begins with what the parent had.
func watchMemory(group int) func() int64 { return most(func() int64 { return memoryOf(group) }) }

// most reads a number every 50 ms, and in the beginning every 5 ms, until the function that it returns is called, which returns the
// greatest.
func most(read func() int64) func() int64 {
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		var greatest int64
		ticks := time.NewTicker(5 * time.Millisecond)
		defer ticks.Stop()
		for i := 0; ; i++ {
			if i == 20 {
				ticks.Reset(50 * time.Millisecond)
			}
			greatest = max(greatest, read())
			select {
			case <-stop:
				result <- greatest
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

// sizeOf is a file's size, 0 if it is not there.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
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
