package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"
)

// watchMemory looks every 10 ms at the memory of a process group, until the function that it returns is called, which returns the most.
// The kernel's own maximum (ru_maxrss) is of no use: it begins with what the parent had.
func watchMemory(group int) (most func() int64) {
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		ticks := time.NewTicker(10 * time.Millisecond)
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
		text, err := os.ReadFile(name)
		if err != nil { // it has just ended
			continue
		}
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // state, parent, group, …; proc(5)
		if len(fields) < 22 || string(fields[2]) != want {
			continue
		}
		pages, err := strconv.ParseInt(string(fields[21]), 10, 64)
		if err == nil {
			total += pages * int64(os.Getpagesize())
		}
	}
	return total
}

// versionOf is a module's version in a program, or in this one if path is empty.
func versionOf(path, module string) string {
	info, err := readBuildInfo(path)
	if err != nil {
		return err.Error()
	}
	for _, d := range info.Deps {
		if d.Path == module {
			return d.Version
		}
	}
	return fmt.Sprintf("%s is not in it", module)
}

func readBuildInfo(path string) (*debug.BuildInfo, error) {
	if path != "" {
		return buildinfo.ReadFile(path)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info, nil
	}
	return nil, errors.New("unknown version")
}
