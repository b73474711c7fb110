package main

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
)

var model = regexp.MustCompile(`model name\s*: (.*)`)

// machine describes where the figures come from, and what was measured.
func machine(ctx context.Context, r *rig) []string {
	text, _ := os.ReadFile("/proc/cpuinfo") // without it the line is shorter
	name := "unknown processor"
	if found := model.FindSubmatch(text); found != nil {
		name = string(found[1])
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	lines := []string{fmt.Sprintf("%s, %d cores; Linux %s; %s", name, runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version())}
	for _, c := range [][]string{
		{filepath.Join(r.bin, "agent"), "--version"}, {"curl", "--version"}, {"aria2c", "--version"}, {"nginx", "-v"}, {"pgbench", "--version"},
		{"wrk", "--version"}, {"openssl", "version"}, {awsCLI(), "--version"},
	} {
		out, _ := exec.CommandContext(ctx, c[0], c[1:]...).CombinedOutput() // wrk's exit code is 1
		line, _, _ := strings.Cut(string(out), "\n")
		lines = append(lines, filepath.Base(c[0])+": "+cmp.Or(strings.TrimSpace(line), "no version"))
	}
	return append(lines, "rclone: "+versionOf(filepath.Join(r.bin, "rclone"), "github.com/rclone/rclone"),
		"River: "+versionOf("", "github.com/riverqueue/river"),
		"transfermanager: "+versionOf("", "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"))
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
	return module + " is not in it"
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
